"""Tokens and tensors: speech models, duplex predictor, training. Knows nothing of Qt or devices."""
