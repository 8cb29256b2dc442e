"""Reads the numbers of the decoder's ``config.yaml`` without running anything it names.

The published file is written for a loader that creates Python objects from its tags (``!new:``,
``!apply:``). Here a tag is only a name: mappings, lists and scalars are read, references to
top-level scalars are looked up, everything else is ignored. Which keys the published file holds is
not verified: a key that is missing keeps the published setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from model.errors import WeightsError
from model.vita_audio.speech_decoder.decoder_config import (
    DecoderConfig,
    EncoderConfig,
    EstimatorConfig,
    FlowConfig,
    HiftConfig,
)

_REFERENCE = re.compile(r"<(\w+)>")
_REMEDY = "fetch the decoder's files again"


def read_config(path: Path) -> DecoderConfig:
    """Sizes of both networks.

    Raises:
        WeightsError: the file is missing, is no YAML, or a number is no number.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); {_REMEDY}") from error
    try:
        tree = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader: tags make no objects
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise WeightsError(f"{path} is no YAML ({line}); {_REMEDY}") from error
    if not isinstance(tree, dict) or not {"flow", "hift"} <= tree.keys():
        raise WeightsError(f"{path} has no parts 'flow' and 'hift'; {_REMEDY}")
    root = cast(Mapping[str, object], tree)
    return DecoderConfig(_flow(_Section(path, root, "flow")), _hift(_Section(path, root, "hift")))


class _PlainLoader(yaml.SafeLoader):
    """Reads any tag as the plain value below it."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(cast(yaml.ScalarNode, node))


_PlainLoader.add_multi_constructor("!", _plain)


@dataclass(frozen=True, slots=True)
class _Section:
    """One part of the file; dotted keys reach into the mappings below it."""

    path: Path
    root: Mapping[str, object]
    name: str

    def whole(self, key: str, default: int) -> int:
        number = self.number(key, default)
        if number != int(number):
            raise self._wrong(key, number, "a whole number")
        return int(number)

    def number(self, key: str, default: float) -> float:
        value = self._value(key)
        if value is None:
            return default
        try:
            # YAML 1.1 reads 1e-6 as text
            return float(cast(str, value))
        except (TypeError, ValueError):
            raise self._wrong(key, value, "a number") from None

    def wholes(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        value = self._value(key)
        return default if value is None else self._as_wholes(key, value)

    def lists(self, key: str, default: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
        value = self._value(key)
        if value is None:
            return default
        if not isinstance(value, list):
            raise self._wrong(key, value, "a list of lists of whole numbers")
        return tuple(self._as_wholes(key, each) for each in cast(list[object], value))

    def length(self, key: str, default: int) -> int:
        value = self._value(key)
        return len(cast(list[object], value)) if isinstance(value, list) else default

    def _as_wholes(self, key: str, value: object) -> tuple[int, ...]:
        entries = cast(list[object], value) if isinstance(value, list) else [None]
        if not all(isinstance(entry, int) for entry in entries):
            raise self._wrong(key, value, "a list of whole numbers")
        return tuple(cast(list[int], entries))

    def _value(self, key: str) -> object:
        value: object = self.root[self.name]
        for part in key.split("."):
            value = cast(Mapping[str, object], value).get(part) if isinstance(value, dict) else None
        reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        return self.root.get(reference[1]) if reference else value

    def _wrong(self, key: str, value: object, wanted: str) -> WeightsError:
        return WeightsError(
            f"{self.path}: {self.name}.{key} is {value!r} and should be {wanted}; {_REMEDY}"
        )


def _flow(read: _Section) -> FlowConfig:
    encoder, estimator, flow = EncoderConfig(), EstimatorConfig(), FlowConfig()
    return FlowConfig(
        n_codes=read.whole("vocab_size", flow.n_codes),
        width=read.whole("input_size", flow.width),
        n_mels=read.whole("output_size", flow.n_mels),
        speaker_width=read.whole("spk_embed_dim", flow.speaker_width),
        code_rate_hz=read.number("input_frame_rate", flow.code_rate_hz),
        guidance=read.number("decoder.cfm_params.content.inference_cfg_rate", flow.guidance),
        n_regulator_layers=read.length("length_regulator.sampling_ratios", flow.n_regulator_layers),
        encoder=EncoderConfig(
            width=read.whole("encoder.output_size", encoder.width),
            n_heads=read.whole("encoder.attention_heads", encoder.n_heads),
            n_layers=read.whole("encoder.num_blocks", encoder.n_layers),
            feed_forward_width=read.whole("encoder.linear_units", encoder.feed_forward_width),
            block_codes=read.whole("encoder.block_size", encoder.block_codes),
        ),
        estimator=EstimatorConfig(
            channels=read.wholes("decoder.estimator.channels", estimator.channels),
            n_blocks=read.whole("decoder.estimator.n_blocks", estimator.n_blocks),
            n_mid_blocks=read.whole("decoder.estimator.num_mid_blocks", estimator.n_mid_blocks),
            n_heads=read.whole("decoder.estimator.num_heads", estimator.n_heads),
            head_width=read.whole("decoder.estimator.attention_head_dim", estimator.head_width),
        ),
    )


def _hift(read: _Section) -> HiftConfig:
    hift = HiftConfig()
    return HiftConfig(
        n_mels=read.whole("in_channels", hift.n_mels),
        width=read.whole("base_channels", hift.width),
        n_harmonics=read.whole("nb_harmonics", hift.n_harmonics),
        rate_hz=read.whole("sampling_rate", hift.rate_hz),
        sine_amplitude=read.number("nsf_alpha", hift.sine_amplitude),
        noise_std=read.number("nsf_sigma", hift.noise_std),
        voiced_hz=read.number("nsf_voiced_threshold", hift.voiced_hz),
        upsample_rates=read.wholes("upsample_rates", hift.upsample_rates),
        upsample_kernels=read.wholes("upsample_kernel_sizes", hift.upsample_kernels),
        n_fft=read.whole("istft_params.n_fft", hift.n_fft),
        hop=read.whole("istft_params.hop_len", hift.hop),
        kernels=read.wholes("resblock_kernel_sizes", hift.kernels),
        dilations=read.lists("resblock_dilation_sizes", hift.dilations),
        source_kernels=read.wholes("source_resblock_kernel_sizes", hift.source_kernels),
        source_dilations=read.lists("source_resblock_dilation_sizes", hift.source_dilations),
        leak=read.number("lrelu_slope", hift.leak),
        sample_limit=read.number("audio_limit", hift.sample_limit),
        f0_width=read.whole("f0_predictor.cond_channels", hift.f0_width),
    )
