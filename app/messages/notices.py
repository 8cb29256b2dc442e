"""What the session tells the person, one function a notice. Texts here are the English ones.

Knows no state: who shows them decides when.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class NoticeKind(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """One line above the conversation: what happened, what Parley did, one button.

    Attributes:
        key: same key replaces the notice; an empty ``text`` removes it.
        action: id of the button's command ("" for none): "retry_audio", "restart_model",
            "open_audio_settings", "open_models_settings", "open_privacy_settings", "dismiss".
        message: id of the words in another language ("" for none); ``text`` is its English.
        values: what stands in the words' places, by name.
    """

    key: str
    kind: NoticeKind
    text: str
    action: str = ""
    action_label: str = ""
    message: str = ""
    values: tuple[tuple[str, str], ...] = ()


DEVICE, MODEL, SILENCE, ECHO = "device", "model", "silence", "echo"
FALLBACK, RECORDING = "fallback", "recording"
_DISMISS = ("dismiss", "OK")


def nothing(key: str) -> Notice:
    """Takes away the notice of that key."""
    return Notice(key, NoticeKind.INFO, "")


def warning(key: str, text: str, message: str = "", **values: str) -> Notice:
    return Notice(key, NoticeKind.WARNING, text, *_DISMISS, message, tuple(values.items()))


def device_lost(reason: str) -> Notice:
    text = f"{reason[:1].upper()}{reason[1:]}."
    return Notice(
        DEVICE, NoticeKind.ERROR, text, "retry_audio", "Try again", "device_lost",
        (("reason", reason),),
    )  # fmt: skip


def device_returned(name: str) -> Notice:
    text = f"Sound is back: {name}."
    return Notice(DEVICE, NoticeKind.INFO, text, *_DISMISS, "device_returned", (("name", name),))


def microphone_silent() -> Notice:
    text = "The microphone gives no sound at all: is it muted, or may Parley not use it?"
    action = ("open_audio_settings", "Audio settings")
    return Notice(SILENCE, NoticeKind.WARNING, text, *action, "microphone_silent")


def use_headphones(*, is_switched_off: bool) -> Notice:
    """Until then interrupting takes more, so that Parley does not interrupt itself."""
    if is_switched_off:
        text = "Echo cancellation is off. Use headphones, or Parley may hear itself."
        return warning(ECHO, text, "echo_off")
    text = "The echo is not under control yet. Use headphones, or turn the loudspeaker down."
    return warning(ECHO, text, "echo_weak")


def model_restarting() -> Notice:
    text = "The speech model stopped; it is being started again. Nothing was lost."
    return Notice(MODEL, NoticeKind.WARNING, text, message="model_restarting")


def model_failed() -> Notice:
    text = "The speech model does not start. Its files can be checked: parley models check."
    return Notice(MODEL, NoticeKind.ERROR, text, "restart_model", "Try again", "model_failed")


def model_loading(name: str, percent: int) -> Notice:
    text = f"{name} is loading, {percent} %. Until then the embedded assistant answers."
    values = (("name", name), ("percent", str(percent)))
    return Notice(FALLBACK, NoticeKind.INFO, text, message="model_loading", values=values)


def model_talks(name: str, note: str) -> Notice:
    """``note``: how it was loaded, one sentence."""
    text = f"{name} talks now. {note}".rstrip()
    values = (("name", name), ("note", note))
    return Notice(FALLBACK, NoticeKind.INFO, text, *_DISMISS, "model_talks", values)


def model_replaced(name: str, reason: str, is_memory: bool) -> Notice:
    """The embedded assistant has taken over from a model that cannot be used."""
    values = (("name", name), ("reason", reason))
    action = ("restart_model", "Try again")
    if is_memory:
        text = (
            f"The memory did not suffice for {name} ({reason}). "
            "The embedded assistant goes on; nothing was lost."
        )
        return Notice(FALLBACK, NoticeKind.WARNING, text, *action, "model_no_memory", values)
    text = f"{name} cannot be used: {reason}. The embedded assistant goes on; nothing was lost."
    return Notice(FALLBACK, NoticeKind.WARNING, text, *action, "model_replaced", values)


def moment_saved(folder: Path) -> Notice:
    text = f"The last seconds were saved: {folder}."
    values = (("path", str(folder)),)
    return Notice(RECORDING, NoticeKind.INFO, text, *_DISMISS, "moment_saved", values)


def moment_not_saved(reason: str) -> Notice:
    text = f"The moment could not be saved: {reason}."
    return warning(RECORDING, text, "moment_not_saved", reason=reason)


def recording_is_off() -> Notice:
    """Marking a moment needs the sound of the last seconds."""
    text = "Recording is off, so nothing of the last seconds was kept."
    action = ("open_privacy_settings", "Privacy settings")
    return Notice(RECORDING, NoticeKind.INFO, text, *action, "recording_off")


def recordings_gone() -> Notice:
    text = "All recordings were deleted."
    return Notice(RECORDING, NoticeKind.INFO, text, *_DISMISS, "recordings_deleted")


def recordings_not_deleted(reason: str) -> Notice:
    text = f"Some recordings could not be deleted: {reason}."
    return warning(RECORDING, text, "recordings_not_deleted", reason=reason)


def part_failed(name: str, reason: str) -> Notice:
    """A thread failed and goes on."""
    text = f"Something went wrong in {name} ({reason}). Parley goes on."
    values = (("name", name), ("reason", reason))
    return Notice(name, NoticeKind.WARNING, text, *_DISMISS, "part_failed", values)


def part_over(name: str, reason: str) -> Notice:
    """A thread failed too often."""
    text = f"{name.capitalize()} does not work any more ({reason}). Please start Parley again."
    values = (("name", name), ("reason", reason))
    return Notice(name, NoticeKind.ERROR, text, *_DISMISS, "part_over", values)
