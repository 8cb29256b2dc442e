"""ONNX models on onnxruntime: one thread, no spinning.

Engines that spin against each other are many times slower on two cores with a running sound card.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol, cast

import onnxruntime

from model.errors import WeightsError

# The runtime has no types of its own; what we use of it is written down here.
_runtime: Any = onnxruntime
RUNTIME_VERSION = str(_runtime.__version__)

Optimization = Literal["basic", "extended", "all"]
_LEVELS = {
    "basic": _runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": _runtime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": _runtime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}

_QUIET = 3  # onnxruntime's log level: errors only


class Tensor(Protocol):
    """An input or output of a model; unknown dimensions are names."""

    name: str
    shape: list[int | str]


class Session(Protocol):
    """A model that can be run."""

    def get_inputs(self) -> list[Tensor]:
        """Return what it takes."""
        ...

    def get_outputs(self) -> list[Tensor]:
        """Return what it gives."""
        ...

    def run(
        self, names: None, feed: dict[str, Any], options: RunOptions | None = None
    ) -> list[Any]:
        """Return all outputs. Raises whatever the runtime raises."""
        ...


class RunOptions(Protocol):
    """Options for ``Session.run``; ``terminate`` ends that run from another thread."""

    terminate: bool


def new_run_options() -> RunOptions:
    """Return options for one run."""
    return cast(RunOptions, _runtime.RunOptions())


def open_session(
    model: Path | bytes,
    n_threads: int = 1,
    optimized: Path | None = None,
    level: Optimization = "all",
) -> Session:
    """Open a model on the CPU.

    Args:
        optimized: where to write the optimised graph, as ONNX.

    Raises:
        WeightsError: the file is not a model this runtime can open.
    """
    options = _runtime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = _LEVELS[level]
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
        options.add_session_config_entry("session.save_model_format", "ONNX")
    source = model if isinstance(model, bytes) else str(model)
    try:
        session = _runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        return cast(Session, session)
    except Exception as error:  # onnxruntime raises a dozen unrelated types
        name = "model" if isinstance(model, bytes) else str(model)
        raise WeightsError(
            f"{name}: cannot be opened ({type(error).__name__}); "
            "remove it and run `parley models get`"
        ) from error
