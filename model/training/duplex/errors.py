"""The one error of the predictor's training."""

from model.errors import ModelError


class DataError(ModelError):
    """Something given is wrong; the message names the file, the key and the remedy."""
