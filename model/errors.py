"""Errors of the model plane; each message carries the values and what to do.

Exceptions of engines are recognised by name, because whoever asks may not have the engine.
"""

from enum import StrEnum


class FailureKind(StrEnum):
    """What may help: starting again, something that a person does, or a smaller model."""

    CRASHED = "crashed"
    REFUSED = "refused"
    OUT_OF_MEMORY = "out_of_memory"


class ModelError(Exception):
    """A model could not be loaded or run."""


class OutOfMemory(ModelError):
    """The memory of the device did not suffice; a smaller model may."""


class WeightsError(ModelError):
    """A weight file is missing, damaged or cannot be fetched."""


_MEMORY_ERROR = "OutOfMemoryError"  # torch's, for every kind of device
# torch reports these as plain RuntimeErrors.
_MEMORY_SIGNS = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


def failure_kind(error: BaseException) -> FailureKind:
    """Tell apart a memory that ran out, a refusal with its reason, and a crash."""
    if _is_memory(error):
        return FailureKind.OUT_OF_MEMORY
    return FailureKind.REFUSED if isinstance(error, ModelError) else FailureKind.CRASHED


def described(error: BaseException) -> str:
    """Return one line; of a memory that ran out only the first sentence."""
    text = " ".join(str(error).split())
    if _is_memory(error):
        first = text.partition(". ")[0].rstrip(".")
        return first or "the memory ran out"
    return text if isinstance(error, ModelError) and text else f"{type(error).__name__}: {text}"


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, (OutOfMemory, MemoryError)) or type(error).__name__ == _MEMORY_ERROR:
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _MEMORY_SIGNS)
