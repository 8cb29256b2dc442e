"""Sizes of the VITA-Audio language models and how a published config.json is read.

The published config.json files themselves were not verified; the fields are those of the upstream
source and of the stock Qwen2.5 files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config

from model.errors import ModelError
from model.files.records import one_line, read_json
from model.vita_audio.checkpoint.directory import CONFIG

_VOCABULARY_ROWS = 168_072  # tokens of either variant, padded to a multiple of 8
_IM_END, _END_OF_TEXT = 151_645, 151_643  # of Qwen2.5
_ROPE_THETA = 1_000_000.0


@strict
class VitaAudioConfig(Qwen2Config):
    """Qwen2 with MCTP modules behind its last layer; user audio goes in as discrete codes.

    Attributes:
        num_hidden_layers: counts the blocks of the MCTP modules too.
        num_nextn_predict_layers: number K of MCTP modules: 0, 1 or 10 as published.
        mtp_loss_weight: factor on the mean of the K MCTP losses.
        speech_token_offset: written upstream and used nowhere; ids are asked of the tokenizer.
    """

    model_type = "qwen2_mtp"
    default_theta = _ROPE_THETA

    num_nextn_predict_layers: int = 0
    mtp_loss_weight: float | int = 1.0
    speech_token_offset: int | None = None

    def __post_init__(self, **kwargs: object) -> None:
        if not 0 <= self.num_nextn_predict_layers < self.num_hidden_layers:
            raise ModelError(
                f"the configuration counts {self.num_hidden_layers} layers of which "
                f"{self.num_nextn_predict_layers} would be MCTP modules; num_hidden_layers must "
                "be the backbone's layers plus num_nextn_predict_layers"
            )
        if self.use_sliding_window:
            raise ModelError(
                "use_sliding_window is on; VITA-Audio attends to the whole conversation"
            )
        # A file saved for the backbone alone lists fewer layers than the modules need.
        self.layer_types = ["full_attention"] * self.num_hidden_layers
        super().__post_init__(**kwargs)

    @property
    def num_backbone_layers(self) -> int:
        """Number of decoder layers without the blocks of the modules."""
        return self.num_hidden_layers - self.num_nextn_predict_layers


@strict
class VitaAudioPlusConfig(VitaAudioConfig):
    """The variant that hears the user through SenseVoice features.

    Attributes:
        audio_encoder: sizes of the encoder that differ from SenseVoiceSmall, by the names of
            ``SenseVoiceConfig``; None as published.
    """

    model_type = "qwen2_mtp_sensevoice"

    audio_encoder: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BackboneSize:
    """Shape of a Qwen2.5 backbone without MCTP modules."""

    hidden: int
    mlp: int
    layers: int
    heads: int
    kv_heads: int
    are_embeddings_tied: bool = False
    max_positions: int = 32_768


BACKBONE_7B = BackboneSize(hidden=3584, mlp=18_944, layers=28, heads=28, kv_heads=4)
BACKBONE_05B = BackboneSize(
    hidden=896, mlp=4864, layers=24, heads=14, kv_heads=2, are_embeddings_tied=True
)
BACKBONE_TINY = BackboneSize(hidden=64, mlp=96, layers=3, heads=4, kv_heads=2, max_positions=4096)


def make_config(
    size: BackboneSize,
    *,
    k: int,
    plus: bool = False,
    vocabulary_rows: int = _VOCABULARY_ROWS,
    **fields: Any,  # noqa: ANN401
) -> VitaAudioConfig:
    """Return the configuration of a backbone of ``size`` with ``k`` MCTP modules.

    Args:
        vocabulary_rows: rows of the embedding table, padding included.
        fields: fields of the configuration that differ from the size's.
    """
    config_class = VitaAudioPlusConfig if plus else VitaAudioConfig
    of_size: dict[str, Any] = {
        "hidden_size": size.hidden,
        "intermediate_size": size.mlp,
        "num_hidden_layers": size.layers + k,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "max_position_embeddings": size.max_positions,
        "tie_word_embeddings": size.are_embeddings_tied,
        "num_nextn_predict_layers": k,
        "vocab_size": vocabulary_rows,
        "bos_token_id": _END_OF_TEXT if vocabulary_rows > _END_OF_TEXT else None,
        "eos_token_id": _IM_END if vocabulary_rows > _IM_END else None,
    }
    return config_class(**of_size | fields)


def read_config(directory: Path) -> VitaAudioConfig:
    """Read config.json of a published ``directory``; runs no code from it.

    Raises:
        ModelError: the file is missing, damaged, or describes another model.
    """
    path = directory / CONFIG
    fields = read_json(path, dict[str, Any], ModelError, remedy="fetch it again")
    model_type = fields.pop("model_type", None)
    config_class = _CONFIG_CLASSES.get(str(model_type))
    if config_class is None:
        raise ModelError(
            f"{path} describes a model of type {model_type!r}; VITA-Audio needs one of "
            f"{', '.join(_CONFIG_CLASSES)}"
        )
    # Names classes of files that come with the weights; ours are used instead.
    fields.pop("auto_map", None)
    try:
        return config_class(**fields)
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} holds a value that does not fit: {one_line(str(error))}"
        ) from error


_CONFIG_CLASSES: dict[str, type[VitaAudioConfig]] = {
    config_class.model_type: config_class for config_class in (VitaAudioConfig, VitaAudioPlusConfig)
}
