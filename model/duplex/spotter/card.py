"""What is stored beside the spotter's weights: its shape, its classes and its thresholds."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from model.duplex.spotter.vocabulary import CLASSES, Group, SpottedClass
from model.errors import WeightsError
from model.files.records import Misfit, read_json
from model.files.whole_file import SHARED, write_atomically

FORMAT = 1
RESTORE = "restore the file or train again"

_Size = Annotated[int, Meta(ge=1, le=4096)]
_Probability = Annotated[float, Meta(ge=0.0, le=1.0)]


@dataclass(frozen=True, slots=True)
class SpotterShape:
    """Everything that fixes the number of weights but the classes.

    Attributes:
        front_width: channels after the first convolution, at 20 ms.
        width: channels of the trunk, at 40 ms.
        block_width: channels inside a block.
        dilations: of the blocks' three taps, in steps of 40 ms.
        head_width: units before the output.
    """

    front_width: _Size = 64
    width: _Size = 128
    block_width: _Size = 64
    dilations: tuple[Annotated[int, Meta(ge=1, le=64)], ...] = (1, 2, 4, 8, 1, 2, 4, 8)
    head_width: _Size = 96


@dataclass(frozen=True, slots=True)
class SpotterThresholds:
    """Where a probability is enough.

    Attributes:
        duck_p, stop_p: of a stop word, to lower the reply and to end it.
        acknowledgement_p: of an acknowledgement, to talk on.
        voice_p: of the user's voice, to take a sound for one.
        set_by: the command and the split of the recordings that they come from; for people.
    """

    duck_p: _Probability
    stop_p: _Probability
    acknowledgement_p: _Probability
    voice_p: _Probability
    set_by: str

    def __post_init__(self) -> None:
        """Raise Misfit where the reply would end before it is lowered."""
        if self.duck_p > self.stop_p:
            raise Misfit("stop_p", f"must be at least duck_p, {self.duck_p:g}, got {self.stop_p:g}")


@dataclass(frozen=True, slots=True)
class SpotterCard:
    """See the module.

    Attributes:
        classes: in the order of the outputs.
        trained: the date and the command.
        scores: for people.
    """

    shape: SpotterShape
    thresholds: SpotterThresholds
    classes: tuple[SpottedClass, ...] = CLASSES
    trained: str = ""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raise Misfit for another format and for classes that are no partition."""
        if self.format != FORMAT:
            raise Misfit("format", f"must be {FORMAT}, got {self.format}")
        names = [one.name for one in self.classes]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise Misfit("classes", f"holds {twice[0]} twice")
        for group in Group:
            if all(one.group is not group for one in self.classes):
                raise Misfit("classes", f"has none of the group {group.value}")


def write_card(path: Path, card: SpotterCard) -> None:
    """Replace ``path`` at once."""
    content = json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, content, mode=SHARED)


def read_card(path: Path) -> SpotterCard:
    """Read a card. Raises WeightsError with one line that names file, key and remedy."""
    return read_json(path, SpotterCard, WeightsError, remedy=RESTORE)
