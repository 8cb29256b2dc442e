"""What people are told about a pause."""

from __future__ import annotations

from dataclasses import replace

from model.duplex.end_of_turn.weights import PauseOdds
from model.duplex.end_of_turn_detectors import EndOfTurnDetectors
from model.duplex.explanations import turn_reason
from model.duplex.lexicon import read_lexicons
from model.duplex.policy import EndOdds, Wait
from model.duplex.text_evidence import Reason, TextEvidence
from model.duplex.word_evidence import Dictation, WordEvidence, WordReader

NOTHING = WordReader(read_lexicons()).nothing
WORDS = replace(
    NOTHING, text="x", covers=True, n_words=4, grammar=TextEvidence(0.7, Reason.SENTENCE)
)


def detectors(text: float | None = None, sound: float | None = None) -> EndOfTurnDetectors:
    found = EndOfTurnDetectors(None, None)
    found.text_logit = text
    found.sound_logits[0] = sound
    return found


def reason(
    words: WordEvidence,
    of: EndOfTurnDetectors,
    *,
    likely: bool,
    over: bool = False,
    extra_ms: float = 0.0,
    silence_ms: float = 400.0,
) -> str:
    wait = Wait(500.0, 0.5, is_likely=likely, is_over=over)
    return turn_reason(words, of, wait, silence_ms=silence_ms, extra_ms=extra_ms)


def test_a_voice_that_goes_on_needs_no_reason() -> None:
    assert reason(WORDS, detectors(), likely=True, silence_ms=0.0) == "still speaking"


def test_an_end_says_what_was_finished() -> None:
    assert reason(WORDS, detectors(2.0, 1.0), likely=True) == "words and sound are finished"
    assert "words are finished" in reason(WORDS, detectors(2.0, -1.0), likely=True)
    assert reason(WORDS, detectors(None, 1.0), likely=True) == "sounds finished"


def test_a_wait_says_what_it_waits_for() -> None:
    open_words = replace(WORDS, grammar=TextEvidence(0.04, Reason.ARTICLE))
    assert reason(open_words, detectors(), likely=False).startswith("words ask for more")
    assert reason(WORDS, detectors(-1.0), likely=False) == "words ask for more"
    assert reason(WORDS, detectors(None, -1.0), likely=False) == "sounds unfinished"
    assert reason(NOTHING, detectors(), likely=False) == "waits for words"
    assert reason(replace(WORDS, covers=False), detectors(), likely=False) == "waits for words"


def test_policy_says_so_when_it_is_policy() -> None:
    dictated = replace(WORDS, dictation=Dictation.NUMBERS)
    assert reason(dictated, detectors(), likely=True) == "numbers are dictated"
    assert reason(dictated, detectors(), likely=False) == "numbers are dictated"
    assert (
        reason(WORDS, detectors(2.0), likely=True, extra_ms=200.0) == "this speaker pauses for long"
    )
    assert reason(WORDS, detectors(), likely=False, over=True) == "silent for too long"


def odds(heard: float, words: float, *, model: float = 0.0, answer: float = 0.0) -> PauseOdds:
    return PauseOdds(
        *(EndOdds(at, 0.0) for at in (heard, words, 0.0)),
        model=EndOdds(model, 0.0),
        answer=EndOdds(answer, 0.0),
    )


def reason_of(found: PauseOdds, *, likely: bool, words: WordEvidence = WORDS) -> str:
    wait = Wait(500.0, 0.5, is_likely=likely, is_over=False)
    return turn_reason(words, detectors(), wait, found, silence_ms=400.0, extra_ms=0.0)


def test_an_end_by_evidence_says_who_heard_it() -> None:
    assert reason_of(odds(2.0, 1.0), likely=True) == "words and their sound are finished"
    assert reason_of(odds(2.0, -1.0), likely=True) == "the recogniser heard the sentence end"
    assert reason_of(odds(-1.0, 3.0), likely=True) == "the words are finished"
    assert reason_of(odds(-1.0, -1.0), likely=True) == "quiet for long enough"
    assert reason_of(odds(1.0, 0.5, model=2.0), likely=True).startswith("the speech model")
    assert reason_of(odds(-1.0, 0.5, answer=2.0), likely=True) == "answers the question"


def test_doubt_by_evidence_says_what_speaks_against_the_end() -> None:
    open_words = replace(WORDS, grammar=TextEvidence(0.04, Reason.ARTICLE))
    asks = reason_of(odds(1.0, 1.0), likely=False, words=open_words)
    assert asks == "words ask for more: ends with an article"
    assert reason_of(odds(0.5, -1.0), likely=False) == "words ask for more"
    assert reason_of(odds(-2.0, 1.0), likely=False) == "the recogniser heard the sentence go on"
    assert reason_of(odds(0.5, 0.5), likely=False) == "a short pause so far"
