"""The cache of the predictor's training is the one that everything slow to make shares."""

from model.files.content_cache import Cache, Entry, address, file_hash

__all__ = ["Cache", "Entry", "address", "file_hash"]
