"""Whisper's log-mel spectrogram, frame by frame, with its normalisation as a step of its own.

The filters are those of transformers' WhisperFeatureExtractor, which computes the same from a whole
segment only.
"""

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from model.vita_audio.speech_tokenizer.tokenizer_config import HOP, RATE_HZ, WINDOW

REACH = WINDOW // 2  # samples that a frame sees on either side of its centre

_FLOOR = 1e-10  # power
_RANGE = 8.0  # decades below the maximum at which Whisper clips


class LogMel:
    """The logarithmic band powers of frames, in float32, or float64 if asked."""

    def __init__(
        self, n_bands: int, device: torch.device | str, dtype: torch.dtype = torch.float32
    ) -> None:
        filters = mel_filter_bank(
            num_frequency_bins=1 + WINDOW // 2,
            num_mel_filters=n_bands,
            min_frequency=0.0,
            max_frequency=RATE_HZ / 2,
            sampling_rate=RATE_HZ,
            norm="slaney",
            mel_scale="slaney",
        )
        self._filters = torch.as_tensor(filters, dtype=dtype, device=device)  # (201, n_bands)
        self._window = torch.hann_window(WINDOW, dtype=dtype, device=device)

    def tensor(self, samples: Tensor) -> Tensor:
        """Return ``samples`` where and as the frames are computed."""
        return samples.to(self._window)

    def frames(self, signal: Tensor) -> Tensor:
        """Return (1 + (n - 400) // 160, n_bands), log10, of every window in ``signal`` (n,)."""
        windows = signal.unfold(0, WINDOW, HOP) * self._window  # (t, 400)
        spectrum = torch.view_as_real(torch.fft.rfft(windows))  # (t, 201, 2)
        power = spectrum.square().sum(-1)
        return (power @ self._filters).clamp_min(_FLOOR).log10()


def normalised(log_mel: Tensor, maximum: Tensor) -> Tensor:
    """Return ``log_mel`` clipped 80 dB below ``maximum``, and around 0 for speech."""
    return (torch.maximum(log_mel, maximum - _RANGE) + 4.0) / 4.0
