"""Errors of the model plane; each message carries the values and what to do."""


class ModelError(Exception):
    """A model could not be loaded or run."""


class OutOfMemory(ModelError):
    """The memory of the device did not suffice; a smaller model may."""


class WeightsError(ModelError):
    """A weight file is missing, damaged or cannot be fetched."""
