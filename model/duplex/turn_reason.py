"""Why a pause is taken for the end of a turn, or not yet: one line for people.

Names the kind of evidence, never the user's words. Decides nothing.
"""

from __future__ import annotations

from model.duplex.pause_opinions import PauseOpinions
from model.duplex.word_evidence import WordEvidence

_ASKS_FOR_MORE = 0.3  # grammar below this expects another word
_LONG_PAUSES_MS = 100.0  # extra delay that a person would notice


def turn_reason(
    words: WordEvidence,
    opinions: PauseOpinions,
    *,
    silence_ms: float,
    is_likely: bool,
    is_over: bool,
    extra_ms: float,
) -> str:
    """``is_likely``: the network takes it for the end; ``is_over``: so does the pace."""
    if silence_ms <= 0.0:
        return "still speaking"
    if is_likely:
        if not is_over and words.dictation is not None:
            return words.dictation.value
        if not is_over and extra_ms >= _LONG_PAUSES_MS:
            return "own pauses are long"
        return _of_end(words, opinions)
    if is_over:
        return "silent for too long"
    if words.dictation is not None:
        return words.dictation.value
    return _of_pause(words, opinions)


def _of_end(words: WordEvidence, opinions: PauseOpinions) -> str:
    reads = opinions.of_text is not None and opinions.of_text > 0.0
    sound = _mean_of_sound(opinions)
    if reads and sound is not None and sound > 0.0:
        return "words and sound are finished"
    if reads:
        return f"words are finished: {words.grammar.reason}"
    return "sounds finished" if sound is not None and sound > 0.0 else "quiet like an end"


def _of_pause(words: WordEvidence, opinions: PauseOpinions) -> str:
    if words.is_late or not words.text:
        return "waits for words"
    if words.covers and words.grammar.score < _ASKS_FOR_MORE:
        return f"words ask for more: {words.grammar.reason}"
    if opinions.of_text is not None and opinions.of_text < 0.0:
        return "words ask for more"
    sound = _mean_of_sound(opinions)
    return "sounds unfinished" if sound is not None and sound < 0.0 else "a short pause so far"


def _mean_of_sound(opinions: PauseOpinions) -> float | None:
    asked = [opinion for opinion in opinions.of_sound if opinion is not None]
    return sum(asked) / len(asked) if asked else None
