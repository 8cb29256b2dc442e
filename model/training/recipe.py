"""What a training run is made of, read from one TOML file: sizes, stages, rates, precision.

Source of the four stages and their values: VITA-Audio, training. Knows no tensor and no file but
the recipe itself; the paths in it are relative to its folder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from model.errors import ModelError

N_STAGES = 4


class TrainingError(ModelError):
    """Training cannot begin or go on; one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a backbone that begins from random weights.

    Attributes:
        base_tokens: entries of the byte vocabulary that is written for it.
    """

    hidden: int
    mlp: int
    layers: int
    heads: int
    kv_heads: int
    max_positions: int = 32_768
    are_embeddings_tied: bool = False
    base_tokens: int = 257
    initializer_range: float = 0.02


@dataclass(frozen=True, slots=True)
class Start:
    """What stage 1 begins from: a stock Qwen2 folder, or random weights of a shape.

    Attributes:
        backbone: folder of a stock Qwen2.5 with its tokenizer; "": ``shape``.
        sense_voice: the encoder's ``model.pt``; Plus only.
    """

    backbone: str = ""
    shape: Shape | None = None
    sense_voice: str = ""


@dataclass(frozen=True, slots=True)
class Precision:
    """How numbers are held and computed.

    Attributes:
        weights: type of parameters that do not learn: "float32" or "bfloat16"; those that learn
            are float32.
        compute: "bf16" computes in bfloat16, "no" in the type of the parameters.
        attention: implementation of transformers: "sdpa", "flash_attention_2", "eager".
        compile: each layer is compiled where a GPU compiler is installed.
    """

    weights: str = "float32"
    compute: str = "no"
    attention: str = "sdpa"
    gradient_checkpointing: bool = False
    compile: bool = False


@dataclass(frozen=True, slots=True)
class Adam:
    """AdamW and what bounds its gradients."""

    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = 1e-8
    clip: float = 1.0


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank adapters instead of the whole backbone, for one GPU.

    Attributes:
        rank: 0: no adapters, everything learns that the stage lets learn.
        learns_vocabulary: embeddings and head still learn as a whole; needed where audio codes
            are new.
    """

    rank: int = 0
    alpha: int = 32
    targets: tuple[str, ...] = (
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
    )
    learns_vocabulary: bool = True


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the four stages.

    Attributes:
        modules: MCTP modules that the model has in this stage.
        rate: highest learning rate of the backbone, or of all that learns.
        module_rate_factor: on ``rate``, for the modules.
        steps: of the optimizer.
        rows: packed rows of one step, over all processes.
        row_length: tokens of a row.
        warm_up: part of the steps.
        floor: lowest rate at the end, as a part of the highest.
        saves: how often the run is saved, evenly.
        mixture: file that names the data and their shares; "": given on the command line.
    """

    rate: float
    steps: int
    modules: int = 0
    module_rate_factor: float = 1.0
    weight_decay: float = 0.0
    rows: int = 128
    row_length: int = 8192
    warm_up: float = 0.03
    floor: float = 0.1
    saves: int = 10
    mixture: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run of four stages.

    Attributes:
        pattern: numbers of text tokens and audio tokens in turn, tags included; also what the
            finished model decodes by.
        plus: the user is heard through SenseVoice features.
        held_out: file of samples that are never trained on; "": nothing is measured.
        keep: saved steps that stay on disk.
        workers: threads that read data ahead, of each process.
    """

    name: str
    pattern: tuple[int, ...]
    start: Start
    stages: tuple[Stage, ...]
    plus: bool = False
    seed: int = 42
    held_out: str = ""
    keep: int = 2
    workers: int = 0
    precision: Precision = field(default_factory=Precision)
    adam: Adam = field(default_factory=Adam)
    lora: Lora = field(default_factory=Lora)

    def stage(self, number: int) -> Stage:
        """Stages count from 1."""
        return self.stages[number - 1]


def read_recipe(path: Path, changes: tuple[str, ...] = ()) -> Recipe:
    """Reads ``path``; ``changes`` such as "stages.2.steps=100" replace single values.

    Raises:
        TrainingError: the file is missing or damaged, or names or values do not fit.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(f"{path} is missing; name a file of configurations/") from None
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error
    for change in changes:
        _apply(content, change)
    recipe = cast(Recipe, _record(Recipe, _listed_stages(path, content), str(path)))
    _check(path, recipe)
    return recipe


def _apply(content: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    if not equals:
        raise TrainingError(f"{change!r} is no change; write it as stages.2.steps=100")
    *folders, last = name.strip().split(".")
    place = content
    for folder in folders:
        place = place.setdefault(folder, {})
        if not isinstance(place, dict):
            raise TrainingError(f"{change!r}: {folder} is a value, not a section of the recipe")
    try:
        place[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        place[last] = text.strip()  # a bare word


def _listed_stages(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """[stages.1] … [stages.4] as a list; keys of [stages] itself hold for all of them."""
    found = content.get("stages")
    wanted = [str(number) for number in range(1, N_STAGES + 1)]
    if not isinstance(found, dict) or any(number not in found for number in wanted):
        raise TrainingError(f"{path}: stages: needs [stages.1] to [stages.{N_STAGES}]")
    sections = cast("dict[str, Any]", found)
    shared = {name: value for name, value in sections.items() if name not in wanted}
    return {**content, "stages": [shared | sections[number] for number in wanted]}


def _record(kind: type[Any], content: object, where: str) -> object:
    """A dataclass of ``content``; every name must be known and every value of its type."""
    if not isinstance(content, dict):
        raise TrainingError(f"{where} must be a section with names and values")
    given = cast("dict[str, Any]", content)
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}
    for name in given:
        if name not in known:
            raise TrainingError(f"{where}: {name}: is unknown; known are {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, one in known.items():
        if name in given:
            values[name] = _value(hints[name], given[name], f"{where}: {name}")
        elif one.default is MISSING and one.default_factory is MISSING:
            raise TrainingError(f"{where}: {name}: is missing")
    return kind(**values)


def _value(hint: Any, value: object, where: str) -> object:  # noqa: ANN401  a type of any form
    if get_origin(hint) in (UnionType, Union):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__"):
        return _record(hint, value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise TrainingError(f"{where}: must be a list, got {value!r}")
        item = get_args(hint)[0]
        return tuple(_value(item, one, where) for one in cast("list[object]", value))
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise TrainingError(f"{where}: must be {hint.__name__}, got {value!r}")
    return value


def _check(path: Path, recipe: Recipe) -> None:
    pattern = recipe.pattern
    if not pattern or len(pattern) % 2 or min(pattern) < 0:
        raise TrainingError(f"{path}: pattern: needs pairs of counts, got {list(pattern)}")
    if bool(recipe.start.backbone) == (recipe.start.shape is not None):
        raise TrainingError(f"{path}: start: needs either backbone or [start.shape]")
    for number, stage in enumerate(recipe.stages, 1):
        for name in ("steps", "rows", "row_length", "saves"):
            if getattr(stage, name) < 1:
                raise TrainingError(f"{path}: stages.{number}: {name}: must be 1 or more")
        if stage.rate <= 0.0:
            raise TrainingError(f"{path}: stages.{number}: rate: must be above 0")
    for name, known in (("weights", ("float32", "bfloat16")), ("compute", ("no", "bf16"))):
        value = getattr(recipe.precision, name)
        if value not in known:
            raise TrainingError(
                f"{path}: precision: {name}: must be one of {', '.join(known)}, got {value!r}"
            )
    if recipe.precision.weights == "bfloat16" and recipe.precision.compute != "bf16":
        raise TrainingError(f'{path}: precision: weights of bfloat16 need compute = "bf16"')
