"""What the duplex predictor may know of the dialogue."""

from dataclasses import dataclass, field, replace

from app.dialogue.dialogue import Dialogue
from app.dialogue.state import Phase
from audio_io.frames import EndEvidence, UserFrame
from model.interfaces import DuplexPredictor
from model.types import AgentState, DuplexPrediction


@dataclass(frozen=True, slots=True)
class DialogueView:
    """The assistant and the user's words so far; replaced as a whole, so any thread may read it.

    Attributes:
        partial_text: words of the user's open turn, and ``partial_at_s`` where their audio ends.
        ending: what its recogniser says of that turn's end.
    """

    agent: AgentState = field(default_factory=AgentState)
    partial_text: str = ""
    partial_at_s: float = 0.0
    ending: EndEvidence | None = None

    def predict(self, predictor: DuplexPredictor, frame: UserFrame) -> DuplexPrediction | None:
        """Tell ``predictor`` the next 10 ms of the user and return its prediction, if any."""
        user = replace(
            frame,
            partial_text=self.partial_text,
            partial_at_s=self.partial_at_s,
            ending=self.ending,
        )
        return predictor.step(user, self.agent)


def view_of(dialogue: Dialogue) -> DialogueView:
    """Return the present view; call it on the dialogue's own thread."""
    state = dialogue.state
    live = state.live
    reply = dialogue.replies.get(live.generation) if live is not None else None
    agent = AgentState(
        is_speaking=state.phase in (Phase.SPEAKING, Phase.OVERLAP),
        text_so_far=reply.text[: live.heard_text_end] if reply is not None and live else "",
        model_p_end=dialogue.model_p_end,
        has_asked=dialogue.conversation.has_asked,
    )
    return DialogueView(agent, *dialogue.partial, dialogue.end_evidence)
