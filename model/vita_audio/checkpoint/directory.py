"""Where the parts of a VITA-Audio model lie in a folder, and what is missing or does not belong.

No tensor is loaded and torch is not needed. The layouts are those of the upstream sources; that the
published repositories hold exactly these files was not verified.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from model.errors import ModelError, WeightsError
from model.files.records import Misfit, as_record, read_json
from model.vita_audio.checkpoint.weight_files import (
    INDEX_NAME,
    SINGLE_NAME,
    WeightFiles,
    listed_files,
    misfits,
)

CONFIG = "config.json"
GENERATION_CONFIG = "generation_config.json"
SPEECH_TOKENIZER = "glm-4-voice-tokenizer"
SPEECH_DECODER = "glm-4-voice-decoder"
SENSE_VOICE = "SenseVoiceSmall"
STATISTICS = "am.mvn"
DECODER_FILES = ("config.yaml", "flow.pt", "hift.pt")
_TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
_REMEDY = "fetch it again"
_LAYER_KEYS = (
    *(f"self_attn.{part}_proj.{kind}" for part in "qkv" for kind in ("weight", "bias")),
    "self_attn.o_proj.weight",
    *(f"mlp.{part}_proj.weight" for part in ("gate", "up", "down")),
    "input_layernorm.weight",
    "post_attention_layernorm.weight",
)
_PROJECTION_KEYS = (
    "pre_proj_layernorm.weight",
    "pre_proj_layernorm.bias",
    "mlp.0.weight",
    "mlp.2.weight",
)
_AUDIO_PREFIX = "model.audio_model.model."
# What a publisher's folder may hold besides what is read: texts, pictures, marks of a download.
_WELCOME = re.compile(
    r"\.|README|LICENSE|.*\.(md|txt|json|jinja|png|jpg|yaml|safetensors|mvn|lock|bpe\.model)$",
    re.IGNORECASE,
)
_NEVER_READ = re.compile(r".*\.(py|bin|pth|pkl|pt|ckpt)$", re.IGNORECASE)

Count = Annotated[int, msgspec.Meta(ge=0)]


class _Variant(msgspec.Struct):
    """The entries of config.json that tell the variants apart."""

    model_type: Literal["qwen2_mtp", "qwen2_mtp_sensevoice"]
    num_nextn_predict_layers: Count = 0
    num_hidden_layers: Count = 0
    tie_word_embeddings: bool = False


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """The parts of one model.

    Attributes:
        language_model: folder with config.json and the safetensors shards.
        speech_tokenizer: None for the Plus variants, which hear features.
        statistics: am.mvn of SenseVoice; Plus only.
        config: entries of config.json.
    """

    language_model: Path
    speech_tokenizer: Path | None
    speech_decoder: Path
    statistics: Path | None
    config: Mapping[str, Any]

    @property
    def is_plus(self) -> bool:
        """Whether the user's audio goes in as SenseVoice features."""
        return self.config["model_type"] == "qwen2_mtp_sensevoice"

    @property
    def n_mctp(self) -> int:
        """K, the number of MCTP modules."""
        return self.config.get("num_nextn_predict_layers", 0)

    @property
    def variant(self) -> str:
        """What kind of model it is, for a person."""
        kind = "Plus" if self.is_plus else "discrete audio"
        return f"VITA-Audio, {kind}, {self.n_mctp} MCTP modules"


class GenerationDefaults(msgspec.Struct, frozen=True):
    """What generation_config.json asks for; the rest of it upstream's scripts overwrite.

    The defaults are the template's of the upstream source.

    Attributes:
        pattern: numbers of backbone and MCTP tokens in turn; None where the file has none.
    """

    repetition_penalty: Annotated[float, msgspec.Meta(gt=0.0)] = 1.05
    pattern: tuple[Count, ...] | None = msgspec.field(default=None, name="mtp_inference_mode")

    def __post_init__(self) -> None:
        if self.pattern is not None and (not self.pattern or len(self.pattern) % 2):
            what = f"must alternate backbone and MCTP counts, got {list(self.pattern)}"
            raise Misfit("mtp_inference_mode", what)


def read_generation_defaults(directory: Path) -> GenerationDefaults:
    """Read generation_config.json; a missing file or entry gives the template's value.

    Raises:
        ModelError: the file is damaged or holds a value of another type.
    """
    path = directory / GENERATION_CONFIG
    if not path.is_file():
        return GenerationDefaults()
    return read_json(path, GenerationDefaults, ModelError, remedy=_REMEDY)


def resolve(folder: Path) -> ModelDirectory:
    """Find the parts: ``folder`` is the language model's, or holds it as its only one.

    The GLM-4-Voice parts lie inside ``folder`` or beside the language model.

    Raises:
        WeightsError: one line naming what is missing and where it was looked for.
    """
    found, problems = _survey(folder)
    if found is None or problems:
        raise WeightsError(problems[0])
    return found


def problems_of(folder: Path) -> tuple[str, ...]:
    """Return everything that is missing, damaged or unexpected, one line each.

    Files without use are named too ("is not used"), so that a mistaken download is noticed.
    """
    found, problems = _survey(folder)
    if found is None:
        return tuple(problems)
    problems += _file_problems(found)
    problems += _unused(found.language_model)
    try:
        problems += _weight_problems(found)
    except WeightsError as error:
        problems.append(str(error))
    return tuple(problems)


def _survey(folder: Path) -> tuple[ModelDirectory | None, list[str]]:
    try:
        language_model = _language_model(folder)
        path = language_model / CONFIG
        config = read_json(path, dict[str, Any], WeightsError, remedy=_REMEDY)
        variant = as_record(config, _Variant, WeightsError, file=path)
    except WeightsError as error:
        return None, [str(error)]
    problems: list[str] = []
    is_plus = variant.model_type == "qwen2_mtp_sensevoice"
    places = (folder, language_model, language_model.parent)
    tokenizer = None if is_plus else _part(places, SPEECH_TOKENIZER, problems)
    decoder = _part(places, SPEECH_DECODER, problems)
    statistics = _statistics(language_model, places, problems) if is_plus else None
    # The place where a missing decoder belongs keeps the record whole; the problem is listed.
    decoder = decoder or language_model.parent / SPEECH_DECODER
    return ModelDirectory(language_model, tokenizer, decoder, statistics, config), problems


def _language_model(folder: Path) -> Path:
    if not folder.is_dir():
        raise WeightsError(f"{folder} is no folder")
    if (folder / CONFIG).is_file():
        return folder
    parts = (SPEECH_TOKENIZER, SPEECH_DECODER, SENSE_VOICE)
    candidates = [
        child
        for child in sorted(folder.iterdir())
        if child.name not in parts and (child / CONFIG).is_file()
    ]
    if len(candidates) > 1:
        several = ", ".join(child.name for child in candidates)
        raise WeightsError(f"{folder} holds several models ({several}); name one of them")
    if not candidates:
        raise WeightsError(
            f"{folder} and its folders have no {CONFIG}; is this a VITA-Audio model?"
        )
    return candidates[0]


def _part(places: tuple[Path, ...], name: str, problems: list[str]) -> Path | None:
    for place in places:
        if (place / name).is_dir():
            return place / name
    problems.append(
        f"{places[1].parent / name} is missing; it belongs beside {places[1].name} or inside it"
    )
    return None


def _statistics(language_model: Path, places: tuple[Path, ...], problems: list[str]) -> Path | None:
    for folder in (language_model, *(place / SENSE_VOICE for place in places)):
        if (folder / STATISTICS).is_file():
            return folder / STATISTICS
    problems.append(
        f"{language_model / STATISTICS} is missing; it is a file of FunAudioLLM/SenseVoiceSmall "
        "and the Plus variants hear nothing without it"
    )
    return None


def _file_problems(found: ModelDirectory) -> Iterator[str]:
    folder, decoder = found.language_model, found.speech_decoder
    wanted = [folder / name for name in (*_shards(folder), GENERATION_CONFIG)]
    if decoder.is_dir():
        # A .pt file that was converted may have been removed.
        wanted += [
            decoder / name
            for name in DECODER_FILES
            if not (decoder / name).with_suffix(".safetensors").is_file()
        ]
    if found.speech_tokenizer is not None:
        tokenizer = found.speech_tokenizer
        wanted += [tokenizer / name for name in (CONFIG, *_shards(tokenizer))]
    yield from (f"{path} is missing; {_REMEDY}" for path in wanted if not path.is_file())
    if not any(all((folder / name).is_file() for name in names) for names in _TOKENIZER_FILES):
        yield f"{folder / 'tokenizer.json'} is missing (nor vocab.json and merges.txt)"


def _unused(folder: Path) -> Iterator[str]:
    listed = _shards(folder)
    for path in sorted(folder.iterdir()):
        if not path.is_file():
            continue
        if path.suffix == ".safetensors" and path.name not in listed:
            yield f"{path} is not used: {INDEX_NAME} does not list it"
        elif _NEVER_READ.match(path.name):
            yield f"{path} is not used: only safetensors are read and no code is run"
        elif not _WELCOME.match(path.name):
            yield f"{path} is not used: it is no part of a VITA-Audio model"


def _shards(folder: Path) -> tuple[str, ...]:
    """File names in the index, or the one file of a small model."""
    try:
        return tuple(dict.fromkeys(listed_files(folder).values())) or (SINGLE_NAME,)
    except WeightsError:
        return ()  # the damage is told once, with the names of the weights


def _weight_problems(found: ModelDirectory) -> list[str]:
    """Missing and unexpected parameters of the language model, by its shards' own headers."""
    folder = found.language_model
    if not all((folder / name).is_file() for name in _shards(folder)):
        return []  # told already
    shapes = WeightFiles.from_directory(folder).shapes
    is_heard = found.is_plus and any(key.startswith(_AUDIO_PREFIX) for key in shapes)
    problems = misfits(
        folder,
        shapes,
        dict.fromkeys(_expected_keys(found)),
        lambda key: is_heard and key.startswith(_AUDIO_PREFIX),
    )
    if found.is_plus and not is_heard:
        problems.append(f"{folder} lacks {_AUDIO_PREFIX}*, the encoder of the Plus variants")
    return problems


def _expected_keys(found: ModelDirectory) -> list[str]:
    path = found.language_model / CONFIG
    config = as_record(found.config, _Variant, WeightsError, file=path)
    n_layers = config.num_hidden_layers
    if n_layers <= found.n_mctp:
        raise WeightsError(
            f"{path}: num_hidden_layers: must be the backbone's layers plus {found.n_mctp}, "
            f"got {n_layers}"
        )
    keys = ["model.embed_tokens.weight", "model.norm.weight"]
    if not config.tie_word_embeddings:
        keys.append("lm_head.weight")
    keys += [f"model.layers.{i}.{key}" for i in range(n_layers) for key in _LAYER_KEYS]
    for name in ("mtp_embed_norms", "mtp_hidden_norms", "mtp_projs"):
        keys += [f"{name}.{k}.weight" for k in range(found.n_mctp)]
    if found.is_plus:
        keys += [f"model.audio_projection.{key}" for key in _PROJECTION_KEYS]
    return keys
