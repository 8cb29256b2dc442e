"""Sizes of a SenseVoice encoder, as the ``config.yaml`` inside a Plus model directory states them.

Knows no tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from model.errors import WeightsError

CONFIG_FILE = "config.yaml"
_KNOWN_ENCODER = "SenseVoiceEncoderSmall"

_Section = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SenseVoiceConfig:
    """The defaults are those of SenseVoiceSmall, 233.999 M parameters.

    Attributes:
        n_layers: layers before ``after_norm``, the widening first one included.
        n_tp_layers: layers between ``after_norm`` and ``tp_norm``.
        n_memory: taps of the depthwise convolution over the values.
        n_tokens: entries of the CTC head.
    """

    n_bands: int = 80
    n_stacked: int = 7
    width: int = 512
    n_heads: int = 4
    n_inner: int = 2048
    n_layers: int = 50
    n_tp_layers: int = 20
    n_memory: int = 11
    n_tokens: int = 25_055
    n_queries: int = 16

    @property
    def n_inputs(self) -> int:
        """Width of one stacked frame."""
        return self.n_bands * self.n_stacked

    @classmethod
    def from_directory(cls, directory: Path, n_tokens: int = n_tokens) -> SenseVoiceConfig:
        """Reads the sizes from funasr's file; the number of tokens is not in it.

        The layout of the file inside a published Plus directory is not verified.

        Raises:
            WeightsError: the file is missing, damaged, or describes another encoder.
        """
        path = directory / CONFIG_FILE
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise WeightsError(
                f"{path}: cannot be read: {error}; a Plus model needs this file of SenseVoice"
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise WeightsError(f"{path}: is no YAML: {error}; download it again") from error
        if not isinstance(content, dict):
            raise WeightsError(f"{path}: holds no settings; download it again")
        named = cast(_Section, content)
        encoder, front = (
            _section(named, "encoder_conf", path),
            _section(named, "frontend_conf", path),
        )
        if named.get("encoder", _KNOWN_ENCODER) != _KNOWN_ENCODER:
            raise WeightsError(
                f"{path}: describes the encoder {named['encoder']!r}; this one is {_KNOWN_ENCODER}"
            )
        return cls(
            n_bands=_size(front, "n_mels", path),
            n_stacked=_size(front, "lfr_m", path),
            width=_size(encoder, "output_size", path),
            n_heads=_size(encoder, "attention_heads", path),
            n_inner=_size(encoder, "linear_units", path),
            n_layers=_size(encoder, "num_blocks", path),
            n_tp_layers=_size(encoder, "tp_blocks", path),
            n_memory=_size(encoder, "kernel_size", path),
            n_tokens=n_tokens,
        )


def _section(content: _Section, name: str, path: Path) -> _Section:
    section = content.get(name)
    if not isinstance(section, dict):
        raise WeightsError(f"{path}: has no section {name}; download it again")
    return cast(_Section, section)


def _size(section: _Section, name: str, path: Path) -> int:
    size = section.get(name)
    if not isinstance(size, int) or size < 1:
        raise WeightsError(f"{path}: {name} is {size!r} but must be a number above 0")
    return size
