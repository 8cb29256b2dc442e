"""Longer turns to speak, with the places where a person would stop and think.

Plain sentences come from the text corpus; these are the forms with a structure of their own: lists,
numbers, corrections. Their words are in ``spoken_turns.toml``.
"""

from dataclasses import dataclass

import numpy as np

from model.training.duplex import read_tables
from model.training.duplex.data.chance import pick

PAUSE_MARK = "|"

_TABLES = read_tables("spoken_turns.toml")
_TEMPLATES, _GAPS, _DICTATION = _TABLES["templates"], _TABLES["gaps"], _TABLES["dictation"]
_DRAWN = ("f", "who", "who2", "what", "when", "when2", "city", "city2", "food", "food2")


@dataclass(frozen=True, slots=True)
class TurnText:
    """What to say.

    Attributes:
        kind: plain, hesitant, list, numbers, correction or story; or the role of a phrase.
        text: with ``PAUSE_MARK`` where the speaker may stop.
    """

    kind: str
    text: str
    language: str

    @property
    def plain(self) -> str:
        """The text without its marks."""
        if self.language == "zh":
            return self.text.replace(PAUSE_MARK, "")
        return " ".join(self.text.replace(PAUSE_MARK, " ").split())

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text between the marks."""
        return tuple(piece.strip() for piece in self.text.split(PAUSE_MARK) if piece.strip())


def turn_text(kind: str, language: str, rng: np.random.Generator) -> TurnText:
    """Make up a turn; Mandarin has "numbers" and one mixed kind for all others."""
    if language == "zh":
        text = _mandarin_number(rng) if kind == "numbers" else pick(rng, _TEMPLATES["mandarin"])
    elif kind == "list":
        text = _listed(rng)
    elif kind == "numbers":
        text = pick(rng, (_telephone, _telephone, _address, _code, _card))(rng)
    else:
        text = _filled(pick(rng, _TEMPLATES[kind]), rng)
    return TurnText(kind, text, language)


def _filled(template: str, rng: np.random.Generator) -> str:
    gaps = {name: pick(rng, _GAPS[name.rstrip("2")]) for name in _DRAWN}
    return template.format(F=gaps["f"][0].upper() + gaps["f"][1:], **gaps)


def _listed(rng: np.random.Generator) -> str:
    n = int(rng.integers(3, 6))
    *first, last = rng.choice(_DICTATION["things"], n, replace=False)
    items = f", {PAUSE_MARK} ".join((*first, f"and {last}"))
    return pick(rng, _DICTATION["lists"]).format(items).replace(", to", " to") + "."


def _digits(rng: np.random.Generator, n: int) -> str:
    return " ".join(pick(rng, _DICTATION["digits"]) for _ in range(n))


def _telephone(rng: np.random.Generator) -> str:
    groups = (3, 3, 4) if rng.random() < 0.6 else (4, 3, 3)
    spoken = f", {PAUSE_MARK} ".join(_digits(rng, n) for n in groups)
    return f"{pick(rng, _DICTATION['telephone'])} {PAUSE_MARK} {spoken}."


def _address(rng: np.random.Generator) -> str:
    digits = _DICTATION["digits"][1:]
    house = " ".join(pick(rng, digits) for _ in range(int(rng.integers(1, 4))))
    street, city = pick(rng, _DICTATION["streets"]), pick(rng, _GAPS["city"])
    apartment = f", {PAUSE_MARK} apartment {_digits(rng, 2)}" if rng.random() < 0.5 else ""
    lead = pick(rng, _DICTATION["address"])
    return f"{lead} {PAUSE_MARK} {house} {street}{apartment}, {PAUSE_MARK} {city}."


def _code(rng: np.random.Generator) -> str:
    letters = " ".join(pick(rng, _DICTATION["letters"]) for _ in range(3))
    lead = pick(rng, _DICTATION["code"])
    return f"{lead} {PAUSE_MARK} {letters}, {PAUSE_MARK} {_digits(rng, 3)}."


def _card(rng: np.random.Generator) -> str:
    groups = f", {PAUSE_MARK} ".join(_digits(rng, 4) for _ in range(3))
    return f"The card number is {PAUSE_MARK} {groups}."


def _mandarin_number(rng: np.random.Generator) -> str:
    digits = _DICTATION["mandarin_digits"]
    groups = ("".join(pick(rng, digits) for _ in range(n)) for n in (3, 4, 4))
    return "我的电话号码是" + PAUSE_MARK + f"，{PAUSE_MARK}".join(groups) + "。"
