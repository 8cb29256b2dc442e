"""A decision in plain words of the window's language, and its numbers. Knows no widget."""

from __future__ import annotations

from app.snapshot import TraceMark
from app.ui.catalogue import Catalogue

_EVIDENCE = "in."
_OTHER = "other"
_P_END = "p_end_of_turn"
_OWN_THOUGHT = "in.network_end_of_turn"  # after the longest wait the proposal says no more


def has_sentence(mark: TraceMark) -> bool:
    """False for what merely happened, such as a lost device."""
    return bool(mark.numbers)


def mark_name(mark: TraceMark, words: Catalogue) -> str:
    """Two words at most, for the plot."""
    return words.find(f"mark.{mark.what}", mark.what.replace("_", " "))


def sentence(mark: TraceMark, words: Catalogue) -> str:
    """Why it was decided; the name where there are no words for the cause."""
    numbers = dict(mark.numbers)
    values = {
        "silence": _seconds(numbers, "silence_ms"),
        "pause": _seconds(numbers, "pause_ms"),
        "limit": _seconds(numbers, "endpoint_max_wait_ms"),
        "decide": _seconds(numbers, "decide_ms"),
        "p_end": _percent(numbers, _P_END),
        "p_thought": _percent(numbers, _OWN_THOUGHT if _OWN_THOUGHT in numbers else _P_END),
        "highest": _percent(numbers, "highest_p"),
        "p_interruption": _percent(numbers, "p_interruption"),
        "p_backchannel": _percent(numbers, "p_backchannel"),
        "p_noise": _percent(numbers, "p_noise"),
        "end_needed": _percent(numbers, "end_of_turn_threshold"),
        "hold_needed": _percent(numbers, "hold_threshold"),
        "stop_needed": _percent(numbers, "interruption_threshold"),
        "go_on_needed": _percent(numbers, "backchannel_threshold"),
    }
    for cause in (mark.cause, _OTHER):
        text = words.find(f"why.{mark.what}.{cause}", "")
        if text:
            return text.format(**values)
    return mark_name(mark, words)


def details(mark: TraceMark) -> str:
    """Reason and evidence as they were noted, for those who want to know exactly."""
    lines = [mark.reason] if mark.reason else []
    evidence = [(k, v) for k, v in mark.numbers if k.startswith(_EVIDENCE)]
    shown = evidence or [(k, v) for k, v in mark.numbers if k.startswith("p_")]
    lines.extend(f"{name.removeprefix(_EVIDENCE)} {value:.3g}" for name, value in shown)
    return "\n".join(lines)


def _seconds(numbers: dict[str, float], name: str) -> str:
    return f"{numbers.get(name, 0.0) / 1000:.1f}"


def _percent(numbers: dict[str, float], name: str) -> str:
    return f"{100 * numbers.get(name, 0.0):.0f}"
