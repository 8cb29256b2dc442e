"""Sizes of a GLM-4-Voice speech tokenizer, read from its config.json. Knows no tensors.

The names of the fields and their published values are those of upstream's configuration class and
of public ports that copied the file; the published file itself was not verified.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from model.errors import WeightsError

CONFIG_NAME = "config.json"
FEATURES_NAME = "preprocessor_config.json"

RATE_HZ = 16_000
HOP = 160  # samples from one mel frame to the next
WINDOW = 400  # samples that a mel frame sees
FRAME_SAMPLES = 2 * HOP  # the second convolution halves 100 mel frames a second to 50

# What the published tokenizer computes; with another value the ids would silently be wrong.
_ONLY_KNOWN: Mapping[str, object] = {
    "activation_function": "gelu",
    "encoder_causal_attention": False,
    "encoder_causal_convolution": True,
    "pooling_type": "avg",
    "quantize_causal_encoder": False,
    "scale_embedding": False,
}
_FEATURES: Mapping[str, object] = {
    "sampling_rate": RATE_HZ,
    "hop_length": HOP,
    "n_fft": WINDOW,
    "dither": 0.0,
}


@dataclass(frozen=True, slots=True)
class SpeechTokenizerConfig:
    """The defaults are the published ones; a frame is 20 ms.

    Attributes:
        n_bands: of the log-mel spectrogram.
        n_layers: layers before the codebook; later ones of a checkpoint are not used.
        n_positions: frames of a segment, after which everything starts afresh (30 s).
        n_block: frames that see each other (4 s).
        n_pooled: frames averaged to one code.
    """

    n_bands: int = 128
    width: int = 1280
    n_heads: int = 20
    n_inner: int = 5120
    n_layers: int = 16
    n_positions: int = 1500
    n_block: int = 200
    n_pooled: int = 4
    n_codes: int = 16_384

    @property
    def code_samples(self) -> int:
        """Samples that one code stands for."""
        return FRAME_SAMPLES * self.n_pooled

    @property
    def block_samples(self) -> int:
        return FRAME_SAMPLES * self.n_block

    @property
    def segment_samples(self) -> int:
        return FRAME_SAMPLES * self.n_positions

    @classmethod
    def from_directory(cls, directory: Path) -> SpeechTokenizerConfig:
        """Reads config.json, and compares preprocessor_config.json with it where there is one.

        Raises:
            WeightsError: a file cannot be read, or describes something else.
        """
        fields = _Fields.read(directory / CONFIG_NAME)
        n_pooled = fields.positive("pooling_kernel_size")
        config = cls(
            n_bands=fields.positive("num_mel_bins"),
            width=fields.positive("d_model"),
            n_heads=fields.positive("encoder_attention_heads"),
            n_inner=fields.positive("encoder_ffn_dim"),
            n_layers=fields.positive("quantize_position"),
            n_positions=fields.multiple("max_source_positions", n_pooled),
            n_block=fields.multiple("quantize_causal_block_size", n_pooled),
            n_pooled=n_pooled,
            n_codes=fields.positive("quantize_vocab_size"),
        )
        fields.multiple("d_model", 2 * config.n_heads)
        fields.require({**_ONLY_KNOWN, "pooling_position": config.n_layers})
        if (directory / FEATURES_NAME).is_file():
            features = _Fields.read(directory / FEATURES_NAME)
            features.require({**_FEATURES, "feature_size": config.n_bands})
        return config


# Timing as published: blocks of 4 s, segments of 30 s, 12.5 codes a second.
TINY_TOKENIZER = SpeechTokenizerConfig(n_bands=16, width=32, n_heads=2, n_inner=64, n_layers=2)


@dataclass(frozen=True, slots=True)
class _Fields:
    """A JSON object that names its file and key when something is wrong."""

    path: Path
    content: Mapping[str, object]

    @classmethod
    def read(cls, path: Path) -> _Fields:
        try:
            content: object = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise WeightsError(f"{path} is missing; download the speech tokenizer again") from error
        except (OSError, ValueError, RecursionError) as error:
            raise WeightsError(f"{path} cannot be read ({error}); download it again") from error
        if not isinstance(content, dict):
            raise WeightsError(f"{path} holds no JSON object; download it again")
        return cls(path, cast(dict[str, object], content))

    def positive(self, key: str) -> int:
        value = self.content.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise WeightsError(
                f"{self.path}: {key} must be a positive whole number, got {value!r}; "
                "this is no GLM-4-Voice speech tokenizer"
            )
        return value

    def multiple(self, key: str, step: int) -> int:
        value = self.positive(key)
        if value % step:
            raise WeightsError(f"{self.path}: {key} must be a multiple of {step}, got {value}")
        return value

    def require(self, known: Mapping[str, object]) -> None:
        """A key that is absent is taken to have the known value."""
        for key, value in known.items():
            found = self.content.get(key, value)
            if found != value:
                raise WeightsError(
                    f"{self.path}: {key} is {found!r}; only {value!r} is supported, "
                    "which is what the published speech tokenizer has"
                )
