"""The vocoder's harmonic source, made once per sample with a phase that never jumps.

Source: neural source-filter model (Wang et al. 2019) as CosyVoice sets it up: a sine for the
fundamental and each harmonic, random initial phases for the harmonics, noise.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from model.vita_audio.speech_decoder.hift import Hift

_UNVOICED_NOISE = 1 / 3  # of the sine's amplitude


_SLAB_FRAMES = 128


class NoiseTape:
    """Standard normal values of ``width`` per frame: the same frame always gets the same noise.

    Drawn in slabs from a private generator on the CPU, so that a seed means the same on every
    device. Frames before the last ``forget_before`` are dropped: a long reply stays small.
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


class HarmonicSource:
    """The source of one reply, which goes on where the last call ended.

    Noise is taken by frame index: however the frames are cut into calls, the samples are equal.
    """

    def __init__(self, hift: Hift, seed: int) -> None:
        self._hift = hift
        config = hift.config
        generator = torch.Generator().manual_seed(seed)
        phases = torch.rand(config.n_harmonics + 1, 1, generator=generator, dtype=torch.float64)
        phases[0] = 0.0
        self._start_phases = phases  # in turns
        noise_seed = int(torch.randint(2**62, (1,), generator=generator))
        self._noise = NoiseTape(noise_seed, (config.n_harmonics + 1) * config.samples_per_frame)
        self._phase = torch.zeros((), dtype=torch.float64)  # of the fundamental, in turns
        self._n_frames = 0

    @torch.inference_mode()
    def extend(self, f0_hz: Tensor) -> Tensor:
        """Return the samples (1, frames · 256) float32 of the next frames.

        Args:
            f0_hz: (1, frames), the fundamental of each frame.
        """
        config = self._hift.config
        pitch = f0_hz[0].double().cpu()
        waves = self._sines(pitch)
        voiced = (pitch > config.voiced_hz).float().repeat_interleave(config.samples_per_frame)
        stop = self._n_frames + len(pitch)
        noise = self._noise.cut(self._n_frames, stop)  # (frames, 9 · 256)
        noise = noise.unflatten(1, (config.n_harmonics + 1, -1)).transpose(0, 1).flatten(1)
        level = voiced * config.noise_std + (1 - voiced) * config.sine_amplitude * _UNVOICED_NOISE
        self._n_frames = stop
        self._noise.forget_before(stop)
        merge = self._hift.merge_harmonics
        mixed = (waves * voiced + noise * level).T.to(merge.weight.device)
        return functional.linear(mixed, merge.weight.float(), merge.bias.float()).tanh().T

    def _sines(self, pitch: Tensor) -> Tensor:
        # pitch (frames,) float64 Hz -> (harmonics + 1, samples) float32
        config = self._hift.config
        advance = pitch / config.rate_hz  # turns per sample
        ends = self._phase + (advance * config.samples_per_frame).cumsum(0)
        starts = torch.cat((self._phase[None], ends[:-1]))
        steps = torch.arange(1, config.samples_per_frame + 1, dtype=torch.float64)
        turns = (starts[:, None] + advance[:, None] * steps).flatten()
        self._phase = ends[-1] % 1.0
        multiples = torch.arange(1, config.n_harmonics + 2, dtype=torch.float64)[:, None]
        angles = (turns * multiples + self._start_phases) % 1.0 * (2 * math.pi)
        return config.sine_amplitude * angles.float().sin()
