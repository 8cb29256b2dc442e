"""Sizes of the flow model and the vocoder, and how many mel frames a number of codes gives.

The defaults are the published settings; that they are those of the published files is not
verified. Knows no tensor and no file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Transformer over audio codes.

    Attributes:
        block_codes: a code attends to all earlier ones and to those of its own block.
    """

    width: int = 512
    n_heads: int = 8
    n_layers: int = 6
    feed_forward_width: int = 2048
    block_codes: int = 10


@dataclass(frozen=True, slots=True)
class EstimatorConfig:
    """U-Net of the flow.

    Attributes:
        channels: width of each resolution, finest first.
        n_blocks: transformer blocks after each resnet.
    """

    channels: tuple[int, ...] = (256, 256)
    n_blocks: int = 4
    n_mid_blocks: int = 12
    n_heads: int = 8
    head_width: int = 64


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """Codes to mel.

    Attributes:
        code_rate_hz: audio codes per second of speech.
        guidance: weight of classifier-free guidance; 0 would switch it off.
        n_regulator_layers: convolutions after the stretch to the frame rate.
    """

    n_codes: int = 16_384
    width: int = 512
    n_mels: int = 80
    speaker_width: int = 192
    code_rate_hz: float = 12.5
    guidance: float = 0.7
    n_regulator_layers: int = 4
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    estimator: EstimatorConfig = field(default_factory=EstimatorConfig)


@dataclass(frozen=True, slots=True)
class HiftConfig:
    """Mel to samples: harmonics plus noise, filtered, put together by an inverse STFT.

    Attributes:
        sine_amplitude: of each harmonic of the source.
        noise_std: of the noise added to voiced source samples.
        voiced_hz: fundamentals above this count as voiced.
        sample_limit: the output is clamped to it on both sides.
    """

    n_mels: int = 80
    width: int = 512
    n_harmonics: int = 8
    rate_hz: int = 22_050
    sine_amplitude: float = 0.1
    noise_std: float = 0.003
    voiced_hz: float = 10.0
    upsample_rates: tuple[int, ...] = (8, 8)
    upsample_kernels: tuple[int, ...] = (16, 16)
    n_fft: int = 16
    hop: int = 4
    kernels: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    source_kernels: tuple[int, ...] = (7, 11)
    source_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5))
    leak: float = 0.1
    sample_limit: float = 0.99
    f0_width: int = 512

    @property
    def samples_per_frame(self) -> int:
        return prod(self.upsample_rates) * self.hop


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Both networks, which share the mel between them."""

    flow: FlowConfig = field(default_factory=FlowConfig)
    hift: HiftConfig = field(default_factory=HiftConfig)

    def n_frames(self, n_codes: int) -> int:
        """Mel frames of the first ``n_codes`` codes: int(n / 12.5 · 22050 / 256), truncated."""
        config = self.hift
        return int(n_codes / self.flow.code_rate_hz * config.rate_hz / config.samples_per_frame)


# Rates and frame counts as published.
TINY_DECODER = DecoderConfig(
    flow=FlowConfig(
        width=16,
        n_mels=8,
        speaker_width=4,
        encoder=EncoderConfig(width=16, n_heads=2, n_layers=2, feed_forward_width=32),
        estimator=EstimatorConfig(
            channels=(16, 16), n_blocks=1, n_mid_blocks=2, n_heads=2, head_width=8
        ),
    ),
    hift=HiftConfig(n_mels=8, width=32, f0_width=16),
)
