"""Feeds the duplex predictor: the user's 10 ms, the words so far, what the assistant is doing.

Decides nothing; what the predictor says goes back to its caller. Knows no threads.

Cuts from the dialogue what the predictor may know.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.dialogue.dialogue import Dialogue
from app.dialogue.state import Phase
from audio_io.events import UserAudio
from model.interfaces import DuplexPredictor
from model.types import NO_SCORE, AgentState, DuplexPrediction, UserState


@dataclass(frozen=True, slots=True)
class DialogueView:
    """What the predictor may know of the dialogue; replaced as a whole, so any thread may read it.

    Attributes:
        is_agent_speaking: a reply is audible, ducked or held.
        agent_text: what has been heard of it.
        partial_text: words of the user's open turn, and ``partial_at_s`` where their audio ends.
        model_p_end: the speech model's score of the present pause; 0.5 where it has none.
    """

    is_agent_speaking: bool = False
    agent_text: str = ""
    partial_text: str = ""
    partial_at_s: float = 0.0
    has_echo_converged: bool = False
    model_p_end: float = NO_SCORE


class DuplexRunner:
    """One predictor, one stream of frames."""

    def __init__(self, predictor: DuplexPredictor) -> None:
        self._predictor = predictor

    def step(self, audio: UserAudio, view: DialogueView) -> DuplexPrediction | None:
        """Takes the next 10 ms."""
        user = UserState(
            frame=audio.clean,
            p_speech=audio.p_speech,
            is_speech=audio.is_speech,
            clean_dbfs=audio.clean_dbfs,
            partial_text=view.partial_text,
            partial_at_s=view.partial_at_s,
            aec_has_converged=view.has_echo_converged,
            model_p_end=view.model_p_end,
        )
        agent = AgentState(
            is_speaking=view.is_agent_speaking,
            far_dbfs=audio.far_dbfs,
            text_so_far=view.agent_text,
            far=audio.far,
        )
        return self._predictor.step(user, agent)


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
