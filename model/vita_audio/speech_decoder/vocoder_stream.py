"""Vocodes a mel that arrives in pieces; the samples are those of the whole mel at once.

The last mel frames and source samples are kept as context on the left, and as many frames as the
networks can see ahead are waited for on the right: nothing is faded and nothing clicks, because
a joint computes what no joint would have computed.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.vita_audio.speech_decoder.hift import Hift
from model.vita_audio.speech_decoder.source import HarmonicSource


class VocoderStream:
    """The vocoder on one reply: mel in, samples out.

    Attributes:
        slice_frames: at most so many frames are vocoded between two looks at a cancel token.
    """

    def __init__(self, hift: Hift, seed: int, slice_frames: int) -> None:
        self.slice_frames = slice_frames
        self._hift = hift
        self._source = HarmonicSource(hift, seed)
        weight = hift.conv_pre.weight
        self._dtype = weight.dtype
        self._mel = torch.zeros(1, hift.config.n_mels, 0, device=weight.device)
        self._samples = torch.zeros(1, 0, device=weight.device)  # of the source
        self._first = 0  # frame where _mel and _samples begin
        self._n_sourced = 0  # frames whose source exists
        self._n_emitted = 0
        self._is_complete = False

    @property
    def delay_frames(self) -> int:
        """How far the samples stay behind the mel until the end is known."""
        return self._hift.f0_predictor.reach_frames + self._hift.reach_frames

    def feed(self, mel: Tensor) -> None:
        """Take the next final frames: (1, 80, frames) float32."""
        self._mel = torch.cat((self._mel, mel.float()), dim=-1)

    def complete(self) -> None:
        """Make the rest due: no frame follows."""
        self._is_complete = True

    def due(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples that are due; a caller that stops early gets the rest next time."""
        while (stop := self._next_stop()) > self._n_emitted:
            samples = self._vocode(stop)
            self._n_emitted = stop
            self._forget()
            yield samples

    @property
    def _n_known(self) -> int:
        return self._first + self._mel.shape[-1]

    def _next_stop(self) -> int:
        """Frame up to which the next slice goes."""
        ahead = 0 if self._is_complete else self.delay_frames
        return min(self._n_known - ahead, self._n_emitted + self.slice_frames)

    def _vocode(self, stop: int) -> NDArray[np.float32]:
        """Samples of the frames from the first that is due to ``stop``."""
        right = min(stop + self._hift.reach_frames, self._n_known)
        self._make_source(right)
        per_frame = self._hift.config.samples_per_frame
        n_frames = right - self._first
        samples = self._hift(
            self._mel[..., :n_frames].to(self._dtype), self._samples[:, : n_frames * per_frame]
        )
        start = (self._n_emitted - self._first) * per_frame
        return samples[0, start : (stop - self._first) * per_frame].cpu().numpy()

    def _make_source(self, stop: int) -> None:
        """Makes the source up to frame ``stop``; each sample is made once."""
        if stop <= self._n_sourced:
            return
        reach = self._hift.f0_predictor.reach_frames
        left = max(self._first, self._n_sourced - reach)
        seen = self._mel[..., left - self._first : stop + reach - self._first]
        pitch = self._hift.f0_predictor(seen)[:, self._n_sourced - left : stop - left]
        self._samples = torch.cat((self._samples, self._source.extend(pitch)), dim=-1)
        self._n_sourced = stop

    def _forget(self) -> None:
        """Drops what lies further back than the networks can see."""
        first = max(self._first, self._n_emitted - self._hift.reach_frames)
        n_frames = first - self._first
        self._mel = self._mel[..., n_frames:]
        self._samples = self._samples[:, n_frames * self._hift.config.samples_per_frame :]
        self._first = first
