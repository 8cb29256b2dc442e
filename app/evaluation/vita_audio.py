"""Speed of the VITA-Audio language model as a scorecard.

The measuring code is loaded here and not before: it needs the speech-lm extra, which the rest of
the program does not.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from app.evaluation.scorecard import Scorecard
from app.messages.errors import ParleyError
from model.errors import ModelError

SIZES = ("tiny", "0.5b", "7b")

_MEASUREMENT = "model.vita_audio.benchmark.decoding_speed"
_EXTRA = ("torch", "transformers")


class ExtraMissingError(ParleyError):
    """The measurement needs packages that are not installed."""


class BenchRefusedError(ParleyError):
    """The measurement cannot be made on this machine."""


def run_vita_audio(size: str, device: str, command: str) -> Scorecard:
    """Raises ParleyError: the extra is not installed, or the machine cannot hold the model."""
    try:
        # By name: the command line must start without the extra.
        benchmark: Any = importlib.import_module(_MEASUREMENT)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        raise ExtraMissingError(
            f"bench vita-audio needs {error.name}, which is not installed; "
            "install Parley with its speech-lm extra"
        ) from None
    try:
        result = benchmark.measure(size, device, _say)
    except ModelError as error:
        raise BenchRefusedError(str(error)) from None
    return Scorecard("vita-audio", command, result.rows, notes=result.notes)


def _say(what: str) -> None:
    sys.stderr.write(f"{what} ...\n")
