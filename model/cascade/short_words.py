"""Words said alone: two recognisers' readings of a short sound, weighed by what people say alone.

A short sound leaves a recogniser without context. The large one is often silent, the small one
takes the right word and the wrong one for about as likely. Together, and with a list of what is
said alone, they hear nearly all. Noise stays silent: there the large one rules every word out.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import msgspec

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.moonshine import MAX_SAMPLES, Hypothesis, Transcription
from model.errors import WeightsError
from model.files.records import read_toml

_FILE = Path(__file__).resolve().parents[2] / "resources" / "recognizer" / "en.toml"

SHORT_S = 1.3  # of voice; longer sounds have context enough
_N_READINGS = 6  # of each recogniser
# Natural log probabilities, set on tune: `parley bench words RECORDINGS --split tune`. Of 67 noises
# the large recogniser gave silence -0.11 or more and no reading more than -5.4.
_EXPECTED_BONUS = 3.0  # of a reading that people say alone
_UNREAD = -6.0  # stands for a reading the other recogniser did not come to
_LEAST_LARGE = -5.0  # where the large one is silent its reading must be no less likely than this
_SURE_OF_WORD = -0.3  # an expected word the large one is so sure of needs no second opinion
_SURE_OF_SILENCE = -0.12  # where it is silent on a longer sound, and no more sure than this, ...
_SURE_OF_WORDS = -0.6  # ... its likeliest reading counts, if that is so sure per token

_NOT_LETTERS = re.compile(r"[^\w\s'-]")
_DIGITS = dict(
    zip(
        "0123456789",
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        strict=True,
    )
)


def margin_s(voice_s: float) -> float:
    """Return how much quiet belongs around ``voice_s`` seconds of voice.

    With 0.2 s the large recogniser ends one clause in twenty in a comma that promises more, with
    0.3 s none. On words said alone it is silent the more often the more quiet there is.
    """
    if voice_s <= SHORT_S:
        return 0.2
    return max(0.0, min(0.3, (MAX_SAMPLES / ENGINE_RATE_HZ - voice_s) / 2.0))


class ReadingTranscriber(Protocol):
    """A recogniser that tells more than one reading."""

    def transcribe(self, samples: Samples) -> Transcription:
        """Return the words in float32 (n,) at 16 kHz."""
        ...

    def hypotheses(self, samples: Samples, n: int) -> tuple[Hypothesis, ...]:
        """Return readings and silence, the likeliest beginning first."""
        ...


class ShortWordList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people say alone.

    Attributes:
        expected: in lower case, without punctuation.
        sounds_like: what is hardly said alone, and what sounds the same and is.
    """

    expected: frozenset[str]
    sounds_like: dict[str, str]

    def spoken(self, text: str) -> str:
        """Return what was said: "For." and "4" are both "four"."""
        words = _bare(text)
        return self.sounds_like.get(words, words)

    def written(self, text: str) -> str:
        """Return the sentence: a lone word ends in no comma, and "For." becomes "Four."."""
        words = _bare(text)
        other = self.sounds_like.get(words)
        if other is not None:
            return f"{other.capitalize()}."
        return text if text[-1] not in ",;:" else f"{text[:-1].rstrip(',;:')}."


def _bare(text: str) -> str:
    words = _NOT_LETTERS.sub("", text.lower()).strip("' -")
    return _DIGITS.get(words, words)


@cache
def read_short_words(path: Path = _FILE) -> ShortWordList:
    """Read the list that comes with the application. Raises WeightsError."""
    return read_toml(path, ShortWordList, WeightsError, remedy="reinstall the application")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One word and its readings.

    Attributes:
        shown: the likelier of the two recognisers' readings.
        logprob: of an expected word by the recogniser that is surer of it, of others the mean:
            what only one of the two reads may be no English at all.
        score: the sum of both, with the bonus.
        is_sure: both came to it, and the large one does not rule it out.
    """

    shown: Hypothesis
    logprob: float
    score: float
    is_sure: bool


class TwoSizeTranscriber:
    """Writes what the large recogniser hears; of a short sound what both hear."""

    def __init__(
        self,
        large: ReadingTranscriber,
        small: ReadingTranscriber,
        words: ShortWordList | None = None,
    ) -> None:
        self._large = large
        self._small = small
        self._words = words or read_short_words()

    def transcribe(self, samples: Samples) -> Transcription:
        """Return the words in float32 (n,) at 16 kHz, quiet margins included."""
        if len(samples) <= (SHORT_S + 2.0 * margin_s(0.0)) * ENGINE_RATE_HZ:
            return self._short(samples)
        heard = self._large.transcribe(samples)
        if not heard.text and heard.mean_logprob < _SURE_OF_SILENCE:
            return self._second_look(samples)
        return heard

    def _second_look(self, samples: Samples) -> Transcription:
        """The large recogniser was silent; return what it hears otherwise, if it is sure of that.

        It is silent on one sentence in ten of a telephone, and knows its words all the same.
        """
        for reading in self._large.hypotheses(samples, 1):
            mean = reading.logprob / (reading.n_tokens + 1)
            if reading.text and mean >= _SURE_OF_WORDS:
                return Transcription(reading.text, mean, reading.n_tokens, ending=reading.ending)
        return Transcription("", 0.0, 0)

    def _short(self, samples: Samples) -> Transcription:
        large = self._large.hypotheses(samples, _N_READINGS)
        is_plain = self._is_plain(large[0])
        small = large if is_plain else self._small.hypotheses(samples, _N_READINGS)
        best = max(
            self._candidates(large, small), key=lambda candidate: candidate.score, default=None
        )
        if best is None or (not large[0].text and not best.is_sure):
            return Transcription("", 0.0, 0)
        text, n_tokens = self._words.written(best.shown.text), best.shown.n_tokens
        ending = next((reading.ending for reading in large if reading.ending is not None), None)
        return Transcription(text, best.logprob / (n_tokens + 1), n_tokens, ending=ending)

    def _is_plain(self, reading: Hypothesis) -> bool:
        is_expected = self._words.spoken(reading.text) in self._words.expected
        return is_expected and reading.logprob >= _SURE_OF_WORD

    def _candidates(
        self, large: Sequence[Hypothesis], small: Sequence[Hypothesis]
    ) -> list[_Candidate]:
        ears = [self._by_word(large), self._by_word(small)]
        return [
            self._candidate(said, [ear.get(said) for ear in ears])
            for said in dict.fromkeys(word for ear in ears for word in ear)
        ]

    def _by_word(self, readings: Sequence[Hypothesis]) -> Mapping[str, Hypothesis]:
        """The likeliest reading of each word; silence and mere signs are none."""
        best: dict[str, Hypothesis] = {}
        for reading in readings:
            said = self._words.spoken(reading.text)
            if said and (said not in best or reading.logprob > best[said].logprob):
                best[said] = reading
        return best

    def _candidate(self, said: str, readings: Sequence[Hypothesis | None]) -> _Candidate:
        logprobs = [_UNREAD if r is None else max(_UNREAD, r.logprob) for r in readings]
        is_expected = said in self._words.expected
        heard = [reading for reading in readings if reading is not None]
        shown = max(heard, key=lambda reading: reading.logprob)
        is_sure = len(heard) == len(readings) and logprobs[0] >= _LEAST_LARGE
        total = math.fsum(logprobs)
        return _Candidate(
            shown,
            shown.logprob if is_expected else total / len(logprobs),
            total + _EXPECTED_BONUS * is_expected,
            is_sure,
        )
