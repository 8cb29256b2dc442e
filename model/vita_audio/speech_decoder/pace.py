"""Speaking rate: mel frames drawn closer or further apart before they become sound.

The pitch stays, because the vocoder reads it from each frame. Not part of the published decoder.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class MelPace:
    """Frames in, frames at another pace out; at rate 1 they pass through untouched.

    Attributes:
        rate: 0.7-1.5; 1.0 is the voice's own. May change between two calls.
    """

    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate
        self._held: Tensor | None = None  # frames that the next output frame lies between
        self._at = 0.0  # place of the next output frame, from the first frame held

    def feed(self, mel: Tensor) -> Tensor:
        """``mel`` (1, bands, frames) to (1, bands, about frames / rate)."""
        if self._held is None:
            if self.rate == 1.0:
                return mel
            self._held = mel[..., :0]
        frames = torch.cat((self._held, mel), dim=-1)
        n_out = max(0, math.ceil((frames.shape[-1] - 1 - self._at) / self.rate))
        places = self._at + self.rate * torch.arange(n_out, device=frames.device)
        left = places.long()
        out = torch.lerp(frames[..., left], frames[..., left + 1], (places - left).to(frames))
        end = self._at + self.rate * n_out
        n_done = min(math.floor(end), frames.shape[-1])
        self._held, self._at = frames[..., n_done:], end - n_done
        return out

    def finish(self) -> Tensor | None:
        """The last frame, where it is still due."""
        held, self._held = self._held, None
        is_due = held is not None and self._at <= held.shape[-1] - 1
        return held[..., -1:] if held is not None and is_due else None
