"""The one state the window shows, derived from the snapshot."""

from enum import StrEnum

from app.dialogue.state import Phase
from app.session.snapshot import EngineSnapshot

INTERRUPTED_SHOWN_S = 1.6  # long enough to read three words


class ShownState(StrEnum):
    """The state under the ring; the value is the key of its words ("state.<value>")."""

    STARTING = "starting"
    LISTENING = "listening"
    HEARING = "hearing"
    HOLD_TO_TALK = "hold_to_talk"
    THINKING = "thinking"
    SPEAKING = "speaking"
    OVERLAP = "overlap"
    INTERRUPTED = "interrupted"
    STOPPING = "stopping"
    MUTED = "muted"
    DEVICE_LOST = "device_lost"


_BY_PHASE = {
    Phase.STARTING: ShownState.STARTING,
    Phase.THINKING: ShownState.THINKING,
    Phase.SPEAKING: ShownState.SPEAKING,
    Phase.OVERLAP: ShownState.OVERLAP,
}


def shown_state(picture: EngineSnapshot) -> ShownState:
    """Return the state to show; a lost device comes first, a reply before a closed microphone."""
    if picture.is_device_lost:
        return ShownState.DEVICE_LOST
    if was_just_interrupted(picture):
        return ShownState.INTERRUPTED
    if picture.phase is Phase.YIELDING:
        return ShownState.STOPPING
    if picture.phase is not Phase.LISTENING:
        return _BY_PHASE[picture.phase]
    if not picture.is_hands_free:
        return ShownState.HEARING if picture.is_talk_held else ShownState.HOLD_TO_TALK
    if not picture.is_mic_open:
        return ShownState.MUTED
    return ShownState.HEARING if picture.is_user_speaking else ShownState.LISTENING


def was_just_interrupted(picture: EngineSnapshot) -> bool:
    """Return whether the reply was interrupted a moment ago; a new reply ends that early."""
    if picture.interrupted_at_s is None or picture.phase in (Phase.SPEAKING, Phase.STARTING):
        return False
    return 0.0 <= picture.now_s - picture.interrupted_at_s < INTERRUPTED_SHOWN_S


def mending_action(state: ShownState) -> str:
    """Return the action of the button that mends a state: "unmute", "retry_audio" or ""."""
    if state is ShownState.MUTED:
        return "unmute"
    return "retry_audio" if state is ShownState.DEVICE_LOST else ""
