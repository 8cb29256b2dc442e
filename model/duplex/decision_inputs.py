"""The evidence behind a prediction in numbers, for the timeline. Never words.

Knows no threshold and decides nothing.
"""

from __future__ import annotations

from model.duplex.classes import Outcome
from model.duplex.features import FeatureStream
from model.duplex.network import Array
from model.duplex.pause_opinions import ASK_AFTER_MS
from model.duplex.voice_tracker import Stretch
from model.interfaces import NO_OPINION, UserState

Inputs = tuple[tuple[str, float], ...]


def turn_inputs(
    turn: Stretch, stream: FeatureStream, user: UserState, p: Array, extra_ms: float
) -> Inputs:
    """``p``: calibrated, float32 (5,); ``network_*`` are those before any policy."""
    words, opinions = stream.words, stream.opinions
    known: list[tuple[str, float]] = [
        ("network_end_of_turn", float(p[Outcome.END_OF_TURN])),
        ("network_continue", float(p[Outcome.CONTINUE])),
        ("network_noise", float(p[Outcome.NOISE])),
        ("voice_ms", turn.voice_ms),
        ("own_pauses_extra_ms", extra_ms),
        ("has_words", float(bool(words.text))),
        ("words_cover", float(words.covers)),
        ("words_grammar", words.grammar.score),
        ("is_dictated", float(words.dictation is not None)),
    ]
    if user.model_p_end != NO_OPINION:
        known.append(("model_end_of_turn", user.model_p_end))
    if opinions.of_text is not None:
        known.append(("words_logit", opinions.of_text))
    known += [
        (f"sound_logit_{after:.0f}_ms", opinion)
        for after, opinion in zip(ASK_AFTER_MS, opinions.of_sound, strict=True)
        if opinion is not None
    ]
    return tuple(known)


def overlap_inputs(
    overlap: Stretch, stream: FeatureStream, user: UserState, p: Array | None
) -> Inputs:
    """``p`` None: the network has not seen this reply yet."""
    words, tracker = stream.words, stream.tracker
    known: list[tuple[str, float]] = []
    if p is not None:
        known = [
            ("network_interruption", float(p[Outcome.INTERRUPTION])),
            ("network_backchannel", float(p[Outcome.BACKCHANNEL])),
            ("network_noise", float(p[Outcome.NOISE])),
        ]
    return (
        *known,
        ("voice_ms", overlap.voice_ms),
        ("span_ms", overlap.span_ms),
        ("quiet_ms", overlap.silence_ms(user.frame.end_s)),
        ("above_echo_db", tracker.margin_db),
        ("speaking_ms", tracker.speaking_ms),
        ("has_converged", float(user.aec_has_converged)),
        ("is_acknowledgement", float(words.is_acknowledgement)),
        ("is_sentence", float(words.is_sentence)),
        ("is_stop_word", float(words.is_stop)),
    )
