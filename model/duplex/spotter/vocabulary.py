"""What the word spotter tells apart, and what each of it means for the turn."""

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What hearing a class means; every class belongs to one group."""

    STOP = "stop"
    ACKNOWLEDGEMENT = "acknowledgement"
    ANSWER = "answer"
    SPEECH = "speech"
    ECHO = "echo"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class SpottedClass:
    """One output of the network.

    Attributes:
        name: the word, or what is heard in place of one; unique.
    """

    name: str
    group: Group


_WORDS: tuple[tuple[Group, tuple[str, ...]], ...] = (
    (Group.STOP, (
        "stop", "wait", "hold on", "hang on", "quiet", "enough", "cancel", "shut up",
        "停", "停下", "等一下", "别说了",
    )),
    (Group.ACKNOWLEDGEMENT, (
        "mm-hm", "uh-huh", "yeah", "okay", "right", "sure", "I see", "嗯", "对", "好的", "是的",
    )),
    (Group.ANSWER, (
        "yes", "no", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    )),
    (Group.SPEECH, ("hey parley", "speech")),
    (Group.ECHO, ("echo",)),
    (Group.NOTHING, ("nothing",)),
)  # fmt: skip

OTHER_SPEECH, ECHO, NOTHING = "speech", "echo", "nothing"
"""Names of the classes that are no word: words of no class, the reply itself, silence and noise."""

CLASSES: tuple[SpottedClass, ...] = tuple(
    SpottedClass(name, group) for group, names in _WORDS for name in names
)
"""The classes of the shipped network, in the order of its outputs."""
