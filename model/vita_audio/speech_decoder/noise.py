"""Gaussian noise by frame index: the same frame always gets the same noise.

Drawn from a private generator on the CPU, so that a seed means the same on every device and the
global generators stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SLAB_FRAMES = 128


class NoiseTape:
    """Standard normal values of ``width`` per frame, drawn in slabs as they are first needed.

    Frames before the last ``forget_before`` are dropped, so that a long reply stays small.
    """

    def __init__(self, seed: int, width: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._width = width
        self._slabs: list[Tensor] = []
        self._first_slab = 0

    def cut(self, start: int, stop: int) -> Tensor:
        """Return (frames, width) float32 of the frames ``start`` … ``stop`` − 1."""
        assert start >= self._first_slab * _SLAB_FRAMES
        while (self._first_slab + len(self._slabs)) * _SLAB_FRAMES < stop:
            slab = torch.randn(_SLAB_FRAMES, self._width, generator=self._generator)
            self._slabs.append(slab)
        first = start // _SLAB_FRAMES
        last = -(-stop // _SLAB_FRAMES)
        slabs = self._slabs[first - self._first_slab : last - self._first_slab]
        whole = torch.cat([*slabs, torch.empty(0, self._width)])
        offset = first * _SLAB_FRAMES
        return whole[start - offset : stop - offset]

    def forget_before(self, frame: int) -> None:
        """Drop what lies before ``frame``."""
        n_slabs = max(0, frame // _SLAB_FRAMES - self._first_slab)
        del self._slabs[:n_slabs]
        self._first_slab += n_slabs
