"""What a training run is made of, read from one TOML file: sizes, stages, rates, precision.

Source of the four stages and their values: VITA-Audio, training. The paths in a recipe are relative
to its folder.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from model.errors import ModelError
from model.files.records import Misfit, as_record, read_toml

N_STAGES = 4

Count = Annotated[int, Meta(ge=1)]


class TrainingError(ModelError):
    """Training cannot begin or go on; one line that says what to do."""


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
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


class Start(Struct, frozen=True, forbid_unknown_fields=True):
    """What stage 1 begins from: a stock Qwen2 folder, or random weights of a shape.

    Attributes:
        backbone: folder of a stock Qwen2.5 with its tokenizer; "": ``shape``.
        sense_voice: the encoder's ``model.pt``; Plus only.
    """

    backbone: str = ""
    shape: Shape | None = None
    sense_voice: str = ""

    def __post_init__(self) -> None:
        if bool(self.backbone) == (self.shape is not None):
            raise Misfit("", "needs either backbone or [start.shape]")


class Precision(Struct, frozen=True, forbid_unknown_fields=True):
    """How numbers are held and computed.

    Attributes:
        weights: type of parameters that do not learn; those that learn are float32.
        compute: "bf16" computes in bfloat16, "no" in the type of the parameters.
        attention: implementation of transformers: "sdpa", "flash_attention_2", "eager".
        compile: each layer is compiled where a GPU compiler is installed.
    """

    weights: Literal["float32", "bfloat16"] = "float32"
    compute: Literal["no", "bf16"] = "no"
    attention: str = "sdpa"
    gradient_checkpointing: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        if self.weights == "bfloat16" and self.compute != "bf16":
            raise Misfit("weights", 'bfloat16 needs compute = "bf16"')


class Adam(Struct, frozen=True, forbid_unknown_fields=True):
    """AdamW and what bounds its gradients."""

    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = 1e-8
    clip: float = 1.0


class Lora(Struct, frozen=True, forbid_unknown_fields=True):
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


class StageRecipe(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the four stages.

    Attributes:
        rate: highest learning rate of the backbone, or of all that learns.
        steps: of the optimizer.
        modules: MCTP modules that the model has in this stage.
        module_rate_factor: on ``rate``, for the modules.
        rows: packed rows of one step, over all processes.
        row_length: tokens of a row.
        warm_up: part of the steps.
        floor: lowest rate at the end, as a part of the highest.
        saves: how often the run is saved, evenly.
        mixture: file that names the data and their shares; "": given on the command line.
    """

    rate: Annotated[float, Meta(gt=0.0)]
    steps: Count
    modules: int = 0
    module_rate_factor: float = 1.0
    weight_decay: float = 0.0
    rows: Count = 128
    row_length: Count = 8192
    warm_up: float = 0.03
    floor: float = 0.1
    saves: Count = 10
    mixture: str = ""


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole run of four stages.

    Attributes:
        pattern: numbers of text tokens and audio tokens in turn, tags included; also what the
            finished model decodes by.
        stages: by their numbers, from "1".
        plus: the user is heard through SenseVoice features.
        held_out: file of samples that are never trained on; "": nothing is measured.
        keep: saved steps that stay on disk.
        workers: threads that read data ahead, of each process.
    """

    name: str
    pattern: tuple[int, ...]
    start: Start
    stages: dict[str, StageRecipe]
    plus: bool = False
    seed: int = 42
    held_out: str = ""
    keep: int = 2
    workers: int = 0
    precision: Precision = Precision()
    adam: Adam = Adam()
    lora: Lora = Lora()

    def __post_init__(self) -> None:
        if not self.pattern or len(self.pattern) % 2 or min(self.pattern) < 0:
            raise Misfit("pattern", f"needs pairs of counts, got {list(self.pattern)}")

    def stage(self, number: int) -> StageRecipe:
        """Return a stage; they count from 1."""
        return self.stages[str(number)]


def read_recipe(path: Path, changes: tuple[str, ...] = ()) -> Recipe:
    """Read ``path``; ``changes`` such as "stages.2.steps=100" replace single values.

    Raises:
        TrainingError: the file is missing or damaged, or names or values do not fit.
    """
    content = read_toml(path, dict[str, Any], TrainingError, remedy="name one of configurations/")
    for change in changes:
        _apply(content, change)
    stages, wanted = content.get("stages"), [str(number + 1) for number in range(N_STAGES)]
    found = stages if isinstance(stages, dict) else {}
    if not all(isinstance(found.get(number), dict) for number in wanted):
        raise TrainingError(f"{path}: stages: needs [stages.1] to [stages.{N_STAGES}]")
    # Keys of [stages] itself hold for all of them.
    shared = {name: value for name, value in found.items() if name not in wanted}
    content["stages"] = {number: shared | found[number] for number in wanted}
    return as_record(content, Recipe, TrainingError, file=path)


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
