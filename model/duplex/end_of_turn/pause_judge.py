"""Weighs all evidence of the pause that is on: the recogniser's, the words', the dialogue's."""

from audio_io.frames import UserFrame
from model.duplex import policy
from model.duplex.end_of_turn.numbers import turn_numbers
from model.duplex.end_of_turn.weights import EndOfTurnWeights, PauseOdds
from model.duplex.policy import EndOdds
from model.duplex.text_turn_detector import State
from model.duplex.voice_tracker import MS, Stretch
from model.duplex.word_evidence import WordEvidence
from model.types import AgentState


class PauseJudge:
    """Judges pauses once the recogniser has read the turn up to them.

    Attributes:
        weights: with an operating point for each endpointing mode.
        has_judged: the recogniser tells of pauses; it is worth waiting for.
    """

    def __init__(self, weights: EndOfTurnWeights) -> None:
        self.weights = weights
        self.has_judged = False

    def restart(self) -> None:
        """Start over for another stream, perhaps with another recogniser."""
        self.has_judged = False

    def odds(
        self,
        user: UserFrame,
        agent: AgentState,
        turn: Stretch,
        words: WordEvidence,
        state: State | None,
    ) -> PauseOdds | None:
        """Return the evidence of this pause; None where the recogniser has not read up to it.

        Args:
            state: of the language model after the words.
        """
        heard = user.ending
        if heard is None:
            return None
        self.has_judged = True
        if heard.at_s < turn.last_voice_s - policy.EVIDENCE_LAG_MS / MS:
            return None
        grammar = policy.log_odds(words.grammar.score) if words.text else 0.0
        answer = policy.ANSWER_LOG_ODDS if agent.has_asked and _may_answer(words) else 0.0
        return PauseOdds(
            heard=EndOdds(heard.log_odds, heard.rise),
            words=self.weights.words_odds(state),
            turn=self.weights.turn_odds(turn_numbers(turn, grammar)),
            model=EndOdds(policy.model_log_odds(agent.model_p_end), 0.0),
            answer=EndOdds(answer, 0.0),
        )


def _may_answer(words: WordEvidence) -> bool:
    """A few words that ask for no more; numbers and spelling have pauses of their own."""
    is_short = 0 < words.n_words <= policy.N_ANSWER_WORDS
    is_whole = words.grammar.score >= policy.ANSWER_GRAMMAR_P
    return words.covers and is_short and is_whole and words.dictation is None
