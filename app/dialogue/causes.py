"""The kinds of decisions that the dialogue takes, and what tips them."""

from __future__ import annotations

from enum import StrEnum


class DecisionKind(StrEnum):
    """What was decided."""

    END_OF_TURN = "end_of_turn"  # the user has finished: the reply may be heard
    WAITED = "waited"  # the user paused and went on, and nobody had cut in
    HELD = "held"  # the reply pauses while somebody speaks over it
    RESUMED = "resumed"  # that was no interruption
    INTERRUPTED = "interrupted"  # the reply gives way
    TAKEN_BACK = "taken_back"  # the user went on before anything of the reply was heard
    STOPPED = "stopped"  # the user did not want the reply that was being made
    DROPPED = "dropped"  # what was heard was not the user


class Cause(StrEnum):
    """What tipped a decision; the value says it in words, ``key`` names it in files and lists."""

    # the predictor's proposal, which brings words of its own
    PREDICTION = "the predictor is sure"
    WAIT = "silent for as long as the predictor waits"
    STOP_WORD = "a stop word"
    BACKCHANNEL = "an acknowledgement"
    NOISE = "no voice"
    # the words of the turn
    STOP_PHRASE = "stop phrase"
    WORDS = "words"
    SINGLE_WORD = "a single word"
    BACKCHANNEL_WORDS = "backchannel words"
    NO_WORDS = "no words"
    OWN_VOICE = "its own voice"
    # time
    LIMIT = "silence limit"
    STILL_SPEAKING = "still speaking"
    QUIET = "quiet again"
    # the user's hands
    TYPED = "typed"
    RELEASED = "push to talk released"
    PUSH_TO_TALK = "push to talk"
    STOP_BUTTON = "stop"
    # what came before
    OWED = "the turn was over"
    WENT_ON = "the user went on"
    OTHER = "something else"

    @property
    def key(self) -> str:
        """The name in timelines, labels and translations, e.g. "no_words"."""
        return self.name.lower()

    @classmethod
    def of(cls, reason: str) -> Cause | None:
        """Return the cause that is worded like ``reason``; None for the predictor's own words."""
        return next((cause for cause in cls if cause == reason), None)
