"""Sizes of the flow model and the vocoder, read from the decoder's ``config.yaml``.

The published file is written for a loader that creates Python objects from its tags (``!new:``,
``!apply:``). Here a tag is only a name: mappings, lists and scalars are read, references to
top-level scalars are looked up, everything else is ignored. Which keys the published file holds is
not verified: a key that is missing keeps the published setting, which is the default.
"""

import re
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import yaml

from model.errors import WeightsError
from model.files.records import Problem, as_record, one_line

_REFERENCE = re.compile(r"<(\w+)>")
_REMEDY = "fetch the decoder's files again"

Sizes = tuple[int, ...]


class EncoderConfig(
    msgspec.Struct,
    frozen=True,
    rename={
        "width": "encoder.output_size",
        "n_heads": "encoder.attention_heads",
        "n_layers": "encoder.num_blocks",
        "feed_forward_width": "encoder.linear_units",
        "block_codes": "encoder.block_size",
    },
):
    """The transformer over audio codes.

    Attributes:
        block_codes: a code attends to all earlier ones and to those of its own block.
    """

    width: int = 512
    n_heads: int = 8
    n_layers: int = 6
    feed_forward_width: int = 2048
    block_codes: int = 10


class EstimatorConfig(
    msgspec.Struct,
    frozen=True,
    rename={
        "channels": "decoder.estimator.channels",
        "n_blocks": "decoder.estimator.n_blocks",
        "n_mid_blocks": "decoder.estimator.num_mid_blocks",
        "n_heads": "decoder.estimator.num_heads",
        "head_width": "decoder.estimator.attention_head_dim",
    },
):
    """The U-Net of the flow.

    Attributes:
        channels: width of each resolution, finest first.
        n_blocks: transformer blocks after each resnet.
    """

    channels: Sizes = (256, 256)
    n_blocks: int = 4
    n_mid_blocks: int = 12
    n_heads: int = 8
    head_width: int = 64


class FlowConfig(
    msgspec.Struct,
    frozen=True,
    rename={
        "n_codes": "vocab_size",
        "width": "input_size",
        "n_mels": "output_size",
        "speaker_width": "spk_embed_dim",
        "code_rate_hz": "input_frame_rate",
        "guidance": "decoder.cfm_params.content.inference_cfg_rate",
        "stretches": "length_regulator.sampling_ratios",
    },
):
    """The flow model, codes to mel.

    Attributes:
        code_rate_hz: audio codes per second of speech.
        guidance: weight of classifier-free guidance; 0 would switch it off.
        stretches: one for each convolution after the stretch to the frame rate.
    """

    n_codes: int = 16_384
    width: int = 512
    n_mels: int = 80
    speaker_width: int = 192
    code_rate_hz: float = 12.5
    guidance: float = 0.7
    stretches: Sizes = (1, 1, 1, 1)
    encoder: EncoderConfig = EncoderConfig()
    estimator: EstimatorConfig = EstimatorConfig()


class HiftConfig(
    msgspec.Struct,
    frozen=True,
    rename={
        "n_mels": "in_channels",
        "width": "base_channels",
        "n_harmonics": "nb_harmonics",
        "rate_hz": "sampling_rate",
        "sine_amplitude": "nsf_alpha",
        "noise_std": "nsf_sigma",
        "voiced_hz": "nsf_voiced_threshold",
        "upsample_kernels": "upsample_kernel_sizes",
        "n_fft": "istft_params.n_fft",
        "hop": "istft_params.hop_len",
        "kernels": "resblock_kernel_sizes",
        "dilations": "resblock_dilation_sizes",
        "source_kernels": "source_resblock_kernel_sizes",
        "source_dilations": "source_resblock_dilation_sizes",
        "leak": "lrelu_slope",
        "sample_limit": "audio_limit",
        "f0_width": "f0_predictor.cond_channels",
    },
):
    """The vocoder, mel to samples: harmonics plus noise, filtered, then an inverse STFT.

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
    upsample_rates: Sizes = (8, 8)
    upsample_kernels: Sizes = (16, 16)
    n_fft: int = 16
    hop: int = 4
    kernels: Sizes = (3, 7, 11)
    dilations: tuple[Sizes, ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    source_kernels: Sizes = (7, 11)
    source_dilations: tuple[Sizes, ...] = ((1, 3, 5), (1, 3, 5))
    leak: float = 0.1
    sample_limit: float = 0.99
    f0_width: int = 512

    @property
    def samples_per_frame(self) -> int:
        """Samples of one mel frame."""
        return prod(self.upsample_rates) * self.hop


class DecoderConfig(msgspec.Struct, frozen=True):
    """Both networks, which share the mel between them."""

    flow: FlowConfig = FlowConfig()
    hift: HiftConfig = HiftConfig()

    def n_frames(self, n_codes: int) -> int:
        """Return the mel frames of the first ``n_codes`` codes: int(n / 12.5 · 22050 / 256)."""
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


def read_config(path: Path) -> DecoderConfig:
    """Return the sizes of both networks. Nothing that the file names is run.

    Raises:
        WeightsError: the file is missing, is no YAML, or a number is no number.
    """
    try:
        tree: object = yaml.load(path.read_text("utf-8"), Loader=_PlainLoader)  # noqa: S506  a SafeLoader: tags make no objects
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; {_REMEDY}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); {_REMEDY}") from error
    except yaml.YAMLError as error:
        raise WeightsError(f"{path} is no YAML ({one_line(str(error))}); {_REMEDY}") from error
    if not isinstance(tree, dict) or not {"flow", "hift"} <= tree.keys():
        raise WeightsError(f"{path} has no entries 'flow' and 'hift'; {_REMEDY}")
    root = cast(dict[str, Any], tree)
    flow = msgspec.structs.replace(
        _record(path, root, "flow", FlowConfig),
        encoder=_record(path, root, "flow", EncoderConfig),
        estimator=_record(path, root, "flow", EstimatorConfig),
    )
    return DecoderConfig(flow, _record(path, root, "hift", HiftConfig))


T = TypeVar("T")


def _record(path: Path, root: Mapping[str, Any], part: str, kind: type[T]) -> T:
    def misfit(problem: Problem) -> WeightsError:
        return WeightsError(f"{path}: {part}.{problem.key}: {problem.what}; {_REMEDY}")

    return as_record(dict(_leaves(root, root[part])), kind, misfit)


def _leaves(root: Mapping[str, Any], value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Every entry below ``value`` by its dotted key, references looked up."""
    if isinstance(value, dict):
        for name, child in cast(dict[str, object], value).items():
            yield from _leaves(root, child, f"{key}.{name}" if key else name)
        return
    reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    found = root.get(reference[1]) if reference else value
    if found is not None:
        yield key, found


class _PlainLoader(yaml.SafeLoader):
    """Reads any tag as the plain value below it, and 1e-6, which YAML 1.1 calls a text."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(cast(yaml.ScalarNode, node))


_PlainLoader.add_multi_constructor("!", _plain)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+[eE][-+]?\d+"), list("-+0123456789")
)
