"""Where the parts of a VITA-Audio model lie in a folder, and what is missing or does not belong.

Reads config.json, the list of shards and the headers of safetensors files; no tensor is loaded and
torch is not needed. The layouts are those of the upstream sources; that the published repositories
hold exactly these files was not verified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from model.errors import WeightsError

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
SINGLE_SHARD = "model.safetensors"
GENERATION_CONFIG = "generation_config.json"
SPEECH_TOKENIZER = "glm-4-voice-tokenizer"
SPEECH_DECODER = "glm-4-voice-decoder"
SENSE_VOICE = "SenseVoiceSmall"
STATISTICS = "am.mvn"
DECODER_FILES = ("config.yaml", "flow.pt", "hift.pt")
_TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
_PLAIN, _PLUS = "qwen2_mtp", "qwen2_mtp_sensevoice"
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
_HEADER_LIMIT = 100 << 20  # bytes; the format's own limit
_MOST_SHOWN = 3  # keys named in one line
# What a publisher's folder may hold besides what is read: texts, pictures, marks of a download.
_WELCOME = re.compile(
    r"\.|README|LICENSE|.*\.(md|txt|json|jinja|png|jpg|yaml|safetensors|mvn|lock|bpe\.model)$",
    re.IGNORECASE,
)
_NEVER_READ = re.compile(r".*\.(py|bin|pth|pkl|pt|ckpt)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """The parts of one model.

    Attributes:
        language_model: folder with config.json and the safetensors shards.
        speech_tokenizer: None for the Plus variants, which hear features.
        statistics: am.mvn of SenseVoice; Plus only.
        is_plus: the user's audio goes in as SenseVoice features.
        n_mctp: K, the number of MCTP modules.
    """

    language_model: Path
    speech_tokenizer: Path | None
    speech_decoder: Path
    statistics: Path | None
    is_plus: bool
    n_mctp: int
    config: Mapping[str, object]

    @property
    def variant(self) -> str:
        kind = "Plus" if self.is_plus else "discrete audio"
        return f"VITA-Audio, {kind}, {self.n_mctp} MCTP modules"


def resolve(folder: Path) -> ModelDirectory:
    """Finds the parts: ``folder`` is the language model's, or holds it as its only one.

    The GLM-4-Voice parts lie inside ``folder`` or beside the language model.

    Raises:
        WeightsError: one line naming what is missing and where it was looked for.
    """
    found, problems = _survey(folder)
    if found is None or problems:
        raise WeightsError(problems[0])
    return found


def problems_of(folder: Path) -> tuple[str, ...]:
    """Everything that is missing, damaged or unexpected, one line each; empty: all is well.

    Files without use are named too ("is not used"), so that a mistaken download is noticed.
    """
    found, problems = _survey(folder)
    if found is None:
        return tuple(problems)
    problems += _file_problems(found)
    problems += _key_problems(found)
    return tuple(problems)


def _survey(folder: Path) -> tuple[ModelDirectory | None, list[str]]:
    try:
        language_model = _language_model(folder)
        config = _object(language_model / CONFIG)
        is_plus, n_mctp = _variant(language_model / CONFIG, config)
    except WeightsError as error:
        return None, [str(error)]
    problems: list[str] = []
    places = (folder, language_model, language_model.parent)
    tokenizer = None if is_plus else _part(places, SPEECH_TOKENIZER, problems)
    decoder = _part(places, SPEECH_DECODER, problems)
    statistics = _statistics(language_model, places, problems) if is_plus else None
    # The place where a missing decoder belongs keeps the record whole; the problem is listed.
    decoder = decoder or language_model.parent / SPEECH_DECODER
    found = ModelDirectory(language_model, tokenizer, decoder, statistics, is_plus, n_mctp, config)
    return found, problems


def _variant(path: Path, config: Mapping[str, object]) -> tuple[bool, int]:
    """Whether it is a Plus variant, and K."""
    model_type, n_mctp = config.get("model_type"), config.get("num_nextn_predict_layers", 0)
    if model_type not in (_PLAIN, _PLUS):
        raise WeightsError(
            f"{path}: model_type is {model_type!r}; VITA-Audio has {_PLAIN!r} or {_PLUS!r}"
        )
    if not isinstance(n_mctp, int) or n_mctp < 0:
        raise WeightsError(f"{path}: num_nextn_predict_layers: must be 0 or more, got {n_mctp!r}")
    return model_type == _PLUS, n_mctp


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
    if len(candidates) != 1:
        several = ", ".join(child.name for child in candidates)
        what = f"holds several models ({several}); name one of them" if several else "and none of "
        tail = "" if several else f"its folders have a {CONFIG}; is this a VITA-Audio model?"
        raise WeightsError(f"{folder} {what}{tail}")
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


def _file_problems(found: ModelDirectory) -> list[str]:
    folder = found.language_model
    problems = [
        f"{folder / name} is missing; fetch it again"
        for name in (*_shards(folder), GENERATION_CONFIG)
        if not (folder / name).is_file()
    ]
    if not any(all((folder / name).is_file() for name in names) for names in _TOKENIZER_FILES):
        problems.append(f"{folder / 'tokenizer.json'} is missing (nor vocab.json and merges.txt)")
    if found.speech_decoder.is_dir():
        problems += [
            f"{found.speech_decoder / name} is missing; fetch it again"
            for name in DECODER_FILES
            if not _or_converted(found.speech_decoder / name).is_file()
        ]
    if found.speech_tokenizer is not None:
        tokenizer = found.speech_tokenizer
        problems += [
            f"{tokenizer / name} is missing; fetch it again"
            for name in (CONFIG, *_shards(tokenizer))
            if not (tokenizer / name).is_file()
        ]
    return problems + list(_unexpected(folder))


def _or_converted(path: Path) -> Path:
    """A .pt file that was converted may have been removed."""
    return path if path.is_file() else path.with_suffix(".safetensors")


def _unexpected(folder: Path) -> Iterator[str]:
    listed = _shards(folder)
    for path in sorted(folder.iterdir()):
        if not path.is_file():
            continue
        if path.suffix == ".safetensors" and path.name not in listed:
            yield f"{path} is not used: {INDEX} does not list it"
        elif _NEVER_READ.match(path.name):
            yield f"{path} is not used: only safetensors are read and no code is run"
        elif not _WELCOME.match(path.name):
            yield f"{path} is not used: it is no part of a VITA-Audio model"


def _shards(folder: Path) -> tuple[str, ...]:
    """File names in the index, or the one file of a small model."""
    if not (folder / INDEX).is_file():
        return (SINGLE_SHARD,)
    try:
        return tuple(dict.fromkeys(_weight_map(folder).values()))
    except WeightsError:
        return ()  # the damage is reported once, with the keys


def _key_problems(found: ModelDirectory) -> list[str]:
    """Missing and unexpected parameters of the language model, by its shards' own headers."""
    folder = found.language_model
    try:
        present: dict[str, str] = {}
        for shard in _shards(folder):
            if (folder / shard).is_file():
                present.update(dict.fromkeys(_header(folder / shard), shard))
        listed = _weight_map(folder) if (folder / INDEX).is_file() else present
        wanted = _expected_keys(found)
    except WeightsError as error:
        return [str(error)]
    absent_files = {shard for shard in listed.values() if not (folder / shard).is_file()}
    misplaced = [
        key for key, shard in listed.items()
        if shard not in absent_files and present.get(key) != shard
    ]  # fmt: skip
    missing = [key for key in wanted if key not in listed and key not in present]
    extra = [
        key for key in present
        if key not in wanted and not (found.is_plus and key.startswith(_AUDIO_PREFIX))
    ]  # fmt: skip
    problems: list[str] = []
    if misplaced:
        problems.append(f"{folder / INDEX}: lists {_some(misplaced)} where the shard has none")
    if missing:
        problems.append(f"{folder}: {_some(missing)} missing; these weights are not complete")
    if extra:
        problems.append(f"{folder}: {_some(extra)} unexpected; this is another model")
    if found.is_plus and not absent_files and not any(k.startswith(_AUDIO_PREFIX) for k in present):
        problems.append(f"{folder}: {_AUDIO_PREFIX}* missing; the encoder of the Plus variants")
    return problems


def _expected_keys(found: ModelDirectory) -> frozenset[str]:
    n_layers = found.config.get("num_hidden_layers")
    if not isinstance(n_layers, int) or n_layers <= found.n_mctp:
        raise WeightsError(
            f"{found.language_model / CONFIG}: num_hidden_layers: must be the backbone's layers "
            f"plus {found.n_mctp}, got {n_layers!r}"
        )
    keys = {"model.embed_tokens.weight", "model.norm.weight"}
    if not found.config.get("tie_word_embeddings"):
        keys.add("lm_head.weight")
    keys |= {f"model.layers.{i}.{key}" for i in range(n_layers) for key in _LAYER_KEYS}
    for name in ("mtp_embed_norms", "mtp_hidden_norms", "mtp_projs"):
        keys |= {f"{name}.{k}.weight" for k in range(found.n_mctp)}
    if found.is_plus:
        keys |= {f"model.audio_projection.{key}" for key in _PROJECTION_KEYS}
    return frozenset(keys)


def _weight_map(folder: Path) -> dict[str, str]:
    weight_map = _object(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict):
        raise WeightsError(f"{folder / INDEX}: weight_map: is missing; fetch it again")
    return {str(key): str(shard) for key, shard in cast("dict[str, object]", weight_map).items()}


def _header(path: Path) -> frozenset[str]:
    """Names of the tensors in a safetensors file whose bytes are all there."""
    try:
        with path.open("rb") as stream:
            header = _read_header(stream)
            ends = [
                int(cast("list[int]", cast("dict[str, object]", entry)["data_offsets"])[1])
                for name, entry in header.items()
                if name != "__metadata__"
            ]
            begin = stream.tell()
        n_bytes = path.stat().st_size
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise WeightsError(f"{path}: is no safetensors file ({error}); fetch it again") from error
    if n_bytes != begin + max(ends, default=0):
        raise WeightsError(
            f"{path}: has {n_bytes} bytes, its header says {begin + max(ends, default=0)}; "
            "fetch it again"
        )
    return frozenset(header) - {"__metadata__"}


def _read_header(stream: BinaryIO) -> dict[str, object]:
    length = int.from_bytes(stream.read(8), "little")
    if not 0 < length < _HEADER_LIMIT:
        raise ValueError(f"its header claims {length} bytes")
    header = json.loads(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no object")  # noqa: TRY004  one kind of damage
    return cast("dict[str, object]", header)


def _object(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"{path} cannot be read: {reason}; fetch it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds no JSON object; fetch it again")
    return cast("dict[str, object]", content)


def _some(keys: list[str]) -> str:
    shown = ", ".join(sorted(keys)[:_MOST_SHOWN])
    more = len(keys) - _MOST_SHOWN
    return (
        f"{shown} and {more} more are"
        if more > 0
        else f"{shown} {'is' if len(keys) == 1 else 'are'}"
    )
