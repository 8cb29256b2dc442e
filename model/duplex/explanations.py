"""Why a prediction says what it says: a line for people, the evidence in numbers, never words."""

from audio_io.frames import UserFrame
from model.duplex.duplex_network import Array
from model.duplex.end_of_turn.weights import PauseOdds
from model.duplex.end_of_turn_detectors import EndOfTurnDetectors
from model.duplex.frame_features import FeatureStream
from model.duplex.outcomes import Outcome
from model.duplex.overlap_classifier import SpottedVoice
from model.duplex.policy import ASK_SOUND_AFTER_MS, Wait
from model.duplex.voice_tracker import Stretch
from model.duplex.word_evidence import WordEvidence
from model.types import NO_SCORE

_ASKS_FOR_MORE = 0.3  # grammar below this expects another word
_LONG_PAUSES_MS = 100.0  # extra delay that a person would notice


def turn_reason(
    words: WordEvidence,
    detectors: EndOfTurnDetectors,
    wait: Wait,
    odds: PauseOdds | None = None,
    *,
    silence_ms: float,
    extra_ms: float,
) -> str:
    """Return why a pause is taken for the end of a turn, or not yet."""
    if silence_ms <= 0.0:
        return "still speaking"
    if wait.is_likely:
        if not wait.is_over and words.dictation is not None:
            return words.dictation.value
        if not wait.is_over and extra_ms >= _LONG_PAUSES_MS:
            return "this speaker pauses for long"
        return _of_end(words, detectors) if odds is None else _of_odds(odds)
    if wait.is_over:
        return "silent for too long"
    if words.dictation is not None:
        return words.dictation.value
    if odds is not None:
        return _of_doubt(odds, words)
    return _of_pause(words, detectors)


def _of_odds(odds: PauseOdds) -> str:
    """What speaks most for the end."""
    heard, words = odds.heard.at_reference, odds.words.at_reference
    if odds.model.at_reference > max(heard, words, 0.0):
        return "the speech model takes the turn for over"
    if odds.answer.at_reference > 0.0:
        return "answers the question"
    if heard > 0.0 and words > 0.0:
        return "words and their sound are finished"
    if heard > 0.0:
        return "the recogniser heard the sentence end"
    return "the words are finished" if words > 0.0 else "quiet for long enough"


def _of_doubt(odds: PauseOdds, words: WordEvidence) -> str:
    """What speaks most against it."""
    heard, read = odds.heard.at_reference, odds.words.at_reference
    if words.covers and words.grammar.score < _ASKS_FOR_MORE:
        return f"words ask for more: {words.grammar.reason}"
    if read < min(heard, 0.0):
        return "words ask for more"
    return "the recogniser heard the sentence go on" if heard < 0.0 else "a short pause so far"


def _of_end(words: WordEvidence, detectors: EndOfTurnDetectors) -> str:
    reads = detectors.text_logit is not None and detectors.text_logit > 0.0
    sound = _mean_sound_logit(detectors)
    if reads and sound is not None and sound > 0.0:
        return "words and sound are finished"
    if reads:
        return f"words are finished: {words.grammar.reason}"
    return "sounds finished" if sound is not None and sound > 0.0 else "quiet like an end"


def _of_pause(words: WordEvidence, detectors: EndOfTurnDetectors) -> str:
    if words.is_late or not words.text:
        return "waits for words"
    if words.covers and words.grammar.score < _ASKS_FOR_MORE:
        return f"words ask for more: {words.grammar.reason}"
    if detectors.text_logit is not None and detectors.text_logit < 0.0:
        return "words ask for more"
    sound = _mean_sound_logit(detectors)
    return "sounds unfinished" if sound is not None and sound < 0.0 else "a short pause so far"


def _mean_sound_logit(detectors: EndOfTurnDetectors) -> float | None:
    asked = [score for score in detectors.sound_logits if score is not None]
    return sum(asked) / len(asked) if asked else None


Inputs = tuple[tuple[str, float], ...]


def turn_inputs(
    turn: Stretch,
    stream: FeatureStream,
    model_p_end: float,
    p: Array,
    extra_ms: float,
    odds: PauseOdds | None = None,
) -> Inputs:
    """Return the evidence of a turn; ``p``, calibrated float32 (5,), is before any policy."""
    words, detectors = stream.words, stream.detectors
    known: list[tuple[str, float]] = [
        ("network_end_of_turn", float(p[Outcome.END_OF_TURN])),
        ("network_hold", float(p[Outcome.HOLD])),
        ("network_noise", float(p[Outcome.NOISE])),
        ("voice_ms", turn.voice_ms),
        ("adaptive_extra_ms", extra_ms),
        ("has_words", float(bool(words.text))),
        ("words_cover", float(words.covers)),
        ("words_grammar", words.grammar.score),
        ("is_dictated", float(words.dictation is not None)),
    ]
    if odds is not None:
        known += [
            ("heard_log_odds", odds.heard.at_reference),
            ("words_log_odds", odds.words.at_reference),
            ("turn_log_odds", odds.turn.at_reference),
            ("all_log_odds", odds.all.at_reference),
            ("all_log_odds_rise", odds.all.rise),
        ]
    if model_p_end != NO_SCORE:
        known.append(("model_end_of_turn", model_p_end))
    if detectors.text_logit is not None:
        known.append(("words_logit", detectors.text_logit))
    known += [
        (f"sound_logit_{after:.0f}_ms", score)
        for after, score in zip(ASK_SOUND_AFTER_MS, detectors.sound_logits, strict=True)
        if score is not None
    ]
    return tuple(known)


def overlap_inputs(
    overlap: Stretch,
    stream: FeatureStream,
    user: UserFrame,
    p: Array | None,
    spotted: SpottedVoice | None = None,
) -> Inputs:
    """Return the evidence of an overlap; ``p`` is None until the network has seen the reply."""
    words, tracker = stream.words, stream.tracker
    known: list[tuple[str, float]] = []
    if p is not None:
        known = [
            ("network_interruption", float(p[Outcome.INTERRUPTION])),
            ("network_backchannel", float(p[Outcome.BACKCHANNEL])),
            ("network_noise", float(p[Outcome.NOISE])),
        ]
    if spotted is not None and spotted.latest is not None:
        known += [
            ("spotted_stop_word", spotted.stop_p),
            ("spotted_acknowledgement", spotted.acknowledgement_p),
            ("spotted_answer", spotted.answer_p),
            ("spotted_speech_ms", spotted.speech_ms),
        ]
    return (
        *known,
        ("voice_ms", overlap.voice_ms),
        ("span_ms", overlap.span_ms),
        ("quiet_ms", overlap.silence_ms(user.clean.end_s)),
        ("above_echo_db", tracker.margin_db),
        ("speaking_ms", tracker.speaking_ms),
        ("has_converged", float(user.aec_has_converged)),
        ("is_acknowledgement", float(words.is_acknowledgement)),
        ("is_sentence", float(words.is_sentence)),
        ("is_stop_word", float(words.is_stop)),
    )
