"""Steps of fixed shape recorded once and replayed: CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

Step = Callable[..., Tensor]
Recording = Callable[[], None]  # repeats the step on the same memory
Recorder = Callable[[Step, tuple[Tensor, ...]], tuple[Recording, Tensor]]

_WARM_UPS = 2  # libraries allocate their workspaces on the first calls


@dataclass(frozen=True, slots=True)
class _Captured:
    replay: Recording
    inputs: tuple[Tensor, ...]
    output: Tensor


class CapturedSteps:
    """Recordings by key, valid as long as the memory that a step reads stays where it is.

    Args:
        record: records a step on fixed inputs; returns what repeats it, and its output's memory.
    """

    def __init__(self, record: Recorder) -> None:
        self._record = record
        self._captured: dict[Hashable, _Captured] = {}

    def run(self, key: Hashable, step: Step, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the output of ``step(*inputs)``, which the next run of ``key`` overwrites.

        Args:
            key: must stand for the step and for the shapes of ``inputs``.
        """
        captured = self._captured.get(key)
        if captured is None:
            own = tuple(tensor.clone() for tensor in inputs)
            replay, output = self._record(step, own)
            captured = self._captured[key] = _Captured(replay, own, output)
        else:
            for mine, given in zip(captured.inputs, inputs, strict=True):
                mine.copy_(given, non_blocking=True)
        captured.replay()
        return captured.output

    def forget(self) -> None:
        """Drop every recording: the memory moved."""
        self._captured.clear()

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self._captured)


def record_cuda_graph(step: Step, inputs: tuple[Tensor, ...]) -> tuple[Recording, Tensor]:
    """Record ``step`` on the current CUDA device. Not verified on a GPU by this project's tests."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_WARM_UPS):
            step(*inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = step(*inputs)
    return graph.replay, output


def recorder_for(device: torch.device) -> Recorder | None:
    """Return what records steps on ``device``; None where they cannot be recorded."""
    return record_cuda_graph if device.type == "cuda" else None
