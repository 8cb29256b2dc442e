"""Sizes of a GLM-4-Voice speech tokenizer, read from its config.json.

The names of the entries and their published values are those of upstream's configuration class and
of public ports that copied the file; the published file itself was not verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from model.errors import WeightsError
from model.files.records import Misfit, as_record, read_json
from model.vita_audio.checkpoint.directory import CONFIG

FEATURES_NAME = "preprocessor_config.json"

RATE_HZ = 16_000
HOP = 160  # samples from one mel frame to the next
WINDOW = 400  # samples that a mel frame sees
FRAME_SAMPLES = 2 * HOP  # the second convolution halves 100 mel frames a second to 50

_REMEDY = "download the speech tokenizer again"
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
_KEYS = {
    "n_bands": "num_mel_bins",
    "width": "d_model",
    "n_heads": "encoder_attention_heads",
    "n_inner": "encoder_ffn_dim",
    "n_layers": "quantize_position",
    "n_positions": "max_source_positions",
    "n_block": "quantize_causal_block_size",
    "n_pooled": "pooling_kernel_size",
    "n_codes": "quantize_vocab_size",
}

_Size = Annotated[int, msgspec.Meta(ge=1)]


class SpeechTokenizerConfig(msgspec.Struct, frozen=True, rename=_KEYS):
    """Sizes by the names of config.json; the defaults are the published ones. A frame is 20 ms.

    Attributes:
        n_bands: of the log-mel spectrogram.
        n_layers: layers before the codebook; later ones of a checkpoint are not used.
        n_positions: frames of a segment, after which everything starts afresh (30 s).
        n_block: frames that see each other (4 s).
        n_pooled: frames averaged to one code.
    """

    n_bands: _Size = 128
    width: _Size = 1280
    n_heads: _Size = 20
    n_inner: _Size = 5120
    n_layers: _Size = 16
    n_positions: _Size = 1500
    n_block: _Size = 200
    n_pooled: _Size = 4
    n_codes: _Size = 16_384

    def __post_init__(self) -> None:
        for name, step in (
            ("width", 2 * self.n_heads),
            ("n_positions", self.n_pooled),
            ("n_block", self.n_pooled),
        ):
            value: int = getattr(self, name)
            if value % step:
                raise Misfit(_KEYS[name], f"must be a multiple of {step}, got {value}")

    @property
    def code_samples(self) -> int:
        """Samples that one code stands for."""
        return FRAME_SAMPLES * self.n_pooled

    @property
    def block_samples(self) -> int:
        """Samples of a block."""
        return FRAME_SAMPLES * self.n_block

    @property
    def segment_samples(self) -> int:
        """Samples of a segment."""
        return FRAME_SAMPLES * self.n_positions

    @classmethod
    def from_directory(cls, directory: Path) -> SpeechTokenizerConfig:
        """Read config.json, and compare preprocessor_config.json with it where there is one.

        Raises:
            WeightsError: a file cannot be read, or describes something else.
        """
        path = directory / CONFIG
        entries = read_json(path, dict[str, Any], WeightsError, remedy=_REMEDY)
        config = as_record(entries, cls, WeightsError, file=path, remedy=_REMEDY)
        _require(path, entries, {**_ONLY_KNOWN, "pooling_position": config.n_layers})
        path = directory / FEATURES_NAME
        if path.is_file():
            entries = read_json(path, dict[str, Any], WeightsError, remedy=_REMEDY)
            _require(path, entries, {**_FEATURES, "feature_size": config.n_bands})
        return config


# Timing as published: blocks of 4 s, segments of 30 s, 12.5 codes a second.
TINY_TOKENIZER = SpeechTokenizerConfig(n_bands=16, width=32, n_heads=2, n_inner=64, n_layers=2)


def _require(path: Path, entries: Mapping[str, object], known: Mapping[str, object]) -> None:
    """A key that is absent is taken to have the known value."""
    for key, value in known.items():
        found = entries.get(key, value)
        if found != value:
            raise WeightsError(
                f"{path}: {key}: only {value!r} is supported, which is what the published speech "
                f"tokenizer has, got {found!r}"
            )
