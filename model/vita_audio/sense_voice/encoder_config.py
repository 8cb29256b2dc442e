"""Sizes of a SenseVoice encoder. Knows no tensors and no files."""

from __future__ import annotations

from dataclasses import dataclass


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
