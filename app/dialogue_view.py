"""Cuts from the dialogue what the predictor may know."""

from __future__ import annotations

from app.dialogue import Dialogue
from app.duplex_runner import DialogueView
from app.snapshot import Phase


def view_of(dialogue: Dialogue) -> DialogueView:
    """The dialogue's view now; call it on the dialogue's own thread."""
    state = dialogue.state
    live = state.live
    reply = dialogue.desk.get(live.generation) if live is not None else None
    partial_text, partial_at_s = dialogue.partial
    return DialogueView(
        is_agent_speaking=state.phase in (Phase.SPEAKING, Phase.OVERLAP),
        agent_text=reply.text[: live.heard_text_end] if reply is not None and live else "",
        partial_text=partial_text,
        partial_at_s=partial_at_s,
        has_echo_converged=state.has_echo_converged,
        model_p_end=dialogue.model_p_end,
    )
