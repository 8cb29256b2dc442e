"""What a setting declares of itself, and whether a value fits it."""

from dataclasses import dataclass
from typing import cast

Value = bool | int | float | str | tuple[str, ...]
"""What a setting may hold. TOML arrays become tuples."""


@dataclass(frozen=True, slots=True)
class Option:
    """How one setting is shown and checked.

    Attributes:
        label: a few words for the dialog.
        help_text: one or two sentences for the dialog.
        unit: "ms", "dB", "Hz", "%" or "".
        minimum: smallest number allowed, inclusive; None: no limit.
        maximum: largest number allowed, inclusive; None: no limit.
        choices: the only texts allowed; empty: any.
        longest: most characters of a text, which then is one line; None: no limit.
    """

    label: str
    help_text: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One setting with its place: ``[section] key`` in the file."""

    section: str
    key: str
    default: Value
    option: Option

    @property
    def name(self) -> str:
        """Return "section.key"."""
        return f"{self.section}.{self.key}"


def problem_with(info: OptionInfo, value: object) -> str | None:
    """Return what is wrong with ``value`` for this setting ("must be ..."), or None."""
    default, option = info.default, info.option
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "must be true or false"
    if isinstance(default, (int, float)):
        return _number_problem(default, option, value)
    if isinstance(default, tuple):
        is_texts = isinstance(value, (list, tuple)) and all(
            isinstance(item, str) and _is_writable(item) for item in cast("list[object]", value)
        )
        return None if is_texts else 'must be a list of texts, such as ["halt"]'
    if not isinstance(value, str) or not _is_writable(value):
        return "must be a text in quotes"
    if option.choices and value not in option.choices:
        return "must be one of " + ", ".join(f'"{choice}"' for choice in option.choices)
    if option.longest is not None and "".join(value.splitlines())[: option.longest] != value:
        return f"must be one line of at most {option.longest} characters"
    return None


def _number_problem(default: float, option: Option, value: object) -> str | None:
    kind = "a whole number" if isinstance(default, int) else "a number"
    span = _span(option)
    accepted = (int,) if isinstance(default, int) else (int, float)
    if isinstance(value, bool) or not isinstance(value, accepted):
        return f"must be {kind}{span}"
    above = option.minimum is None or value >= option.minimum
    below = option.maximum is None or value <= option.maximum
    return None if above and below else f"must be {kind}{span}"  # nan fails both


def _span(option: Option) -> str:
    if option.minimum is None or option.maximum is None:
        return ""
    unit = f" {option.unit}" if option.unit else ""
    return f" from {option.minimum:g} to {option.maximum:g}{unit}"


def _is_writable(text: str) -> bool:
    """Return False for halves of surrogate pairs, which no file can hold."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
