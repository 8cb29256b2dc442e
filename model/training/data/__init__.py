"""Speech and text data for training VITA-Audio: from JSONL files to packed rows of token ids."""
