"""What the session tells the person. The texts here are the English ones."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial


class NoticeKind(StrEnum):
    """How urgent a notice is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """One line above the conversation: what happened, what Parley did, one button.

    Attributes:
        key: a notice with the same key is replaced; an empty ``text`` removes it.
        action: id of the button's command ("" for no button): "retry_audio", "restart_model",
            "open_audio_settings", "open_models_settings", "open_privacy_settings", "dismiss".
        message: id of the translated text ("" for none); ``text`` is the English one.
        values: what the translated text is filled with, by name.
    """

    key: str
    kind: NoticeKind
    text: str
    action: str = ""
    action_label: str = ""
    message: str = ""
    values: tuple[tuple[str, str], ...] = ()


DEVICE, MODEL, SILENCE, ECHO = "device", "model", "silence", "echo"
FALLBACK, RECORDING, WEIGHTS = "fallback", "recording", "weights"
_NO_BUTTON = ("", "")
_DISMISS = ("dismiss", "OK")
_RESTART = ("restart_model", "Try again")
_TO_MODELS = ("open_models_settings", "Models")


@dataclass(frozen=True, slots=True)
class NoticeTemplate:
    """A notice with places in its text (and its key); calling it fills them."""

    message: str
    key: str
    text: str
    action: tuple[str, str] = _DISMISS
    kind: NoticeKind = NoticeKind.WARNING

    def __call__(self, **values: str) -> Notice:
        """Return the notice. Raises KeyError for a place that is not filled."""
        key, text = self.key.format(**values), self.text.format(**values).rstrip()
        return Notice(key, self.kind, text, *self.action, self.message, tuple(values.items()))


def nothing(key: str) -> Notice:
    """Return what removes the notice with that key."""
    return Notice(key, NoticeKind.INFO, "")


def warning(key: str, text: str) -> Notice:
    """Return a text that is told as it is, in any language."""
    return Notice(key, NoticeKind.WARNING, text, *_DISMISS)


_info = partial(NoticeTemplate, kind=NoticeKind.INFO)
_error = partial(NoticeTemplate, kind=NoticeKind.ERROR)

device_lost = _error("device_lost", DEVICE, "No sound: {reason}.", ("retry_audio", "Try again"))
device_returned = _info("device_returned", DEVICE, "Sound is back: {name}.")
microphone_silent = NoticeTemplate(
    "microphone_silent",
    SILENCE,
    "The microphone gives no sound at all. Is it muted, or is Parley not allowed to use it?",
    ("open_audio_settings", "Audio settings"),
)
echo_off = NoticeTemplate(
    "echo_off", ECHO, "Echo cancellation is off. Use headphones, or Parley may hear itself."
)
echo_weak = NoticeTemplate(
    "echo_weak",
    ECHO,
    "The echo is not under control yet. Use headphones, or turn the loudspeaker down.",
)
model_restarting = NoticeTemplate(
    "model_restarting",
    MODEL,
    "The speech model stopped and is being started again. Nothing was lost.",
    _NO_BUTTON,
)
model_failed = _error(
    "model_failed",
    MODEL,
    "The speech model does not start. To check its files, run: parley models check.",
    _RESTART,
)
model_loading = _info(
    "model_loading",
    FALLBACK,
    "{name} is loading, {percent} %. Until then the embedded assistant answers.",
    _NO_BUTTON,
)
model_talks = _info("model_talks", FALLBACK, "{name} talks now. {note}")
model_no_memory = NoticeTemplate(
    "model_no_memory",
    FALLBACK,
    "There is not enough memory for {name} ({reason}). The embedded assistant goes on; "
    "nothing was lost.",
    _RESTART,
)
model_replaced = NoticeTemplate(
    "model_replaced",
    FALLBACK,
    "{name} cannot be used: {reason}. The embedded assistant goes on; nothing was lost.",
    _RESTART,
)
weights_not_fetched = _error(
    "weights_not_fetched", WEIGHTS, "The download failed: {reason}.", _TO_MODELS
)
weights_not_removed = _error(
    "weights_not_removed", WEIGHTS, "The files could not be removed: {reason}.", _TO_MODELS
)
folder_not_added = _error(
    "folder_not_added", WEIGHTS, "The folder was not added: {reason}.", _TO_MODELS
)
moment_saved = _info("moment_saved", RECORDING, "The last seconds were saved: {path}.")
moment_not_saved = NoticeTemplate(
    "moment_not_saved", RECORDING, "The last seconds could not be saved: {reason}."
)
recording_is_off = _info(
    "recording_off",
    RECORDING,
    "Recording is off, so nothing of the last seconds was kept.",
    ("open_privacy_settings", "Privacy settings"),
)
recordings_gone = _info("recordings_deleted", RECORDING, "All recordings were deleted.")
recordings_not_deleted = NoticeTemplate(
    "recordings_not_deleted", RECORDING, "Some recordings are still there: {reason}."
)
settings_unsaved = NoticeTemplate(
    "settings_unsaved", "settings", "The settings could not be saved: {reason}."
)
history_failed = NoticeTemplate("history_failed", "history", "{reason}.")
part_failed = NoticeTemplate(
    "part_failed", "{name}", "Something went wrong in {name} ({reason}). Parley goes on."
)
part_over = _error(
    "part_over", "{name}", "Parley has stopped working in {name} ({reason}). Please start it again."
)
