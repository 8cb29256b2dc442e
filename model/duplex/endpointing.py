"""How long this speaker's pauses inside a turn are, and what that is worth at the end of one.

Learns from pauses after which the user went on, forgets slowly, moves within bounds. Knows neither
words nor networks.

Is the user dictating: a number in pieces, an address, a word letter by letter?

Such pieces end like sentences and are not: people look the next one up. Knows words only.

When is a pause the end of the turn? A probability, a silence and a mode give a wait.

Pure; knows neither where the probability comes from nor who speaks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from model.duplex.lexicon import Lexicon, n_words_after, of_text, tokens
from model.duplex.predictor_card import EndpointingPoint
from model.duplex.voice_tracker import MS, Stretch

_N_RUN = 3  # numbers or letters in a row that nobody announced; "twenty five" is no dictation
_N_WHOLE = 10  # digits; with so many a telephone number is whole
_N_ADDRESS = 14  # words; by then an address is whole
_N_SPELLED = 12  # letters


class Dictation(StrEnum):
    """What is being dictated; the text is the reason that people are shown."""

    NUMBERS = "numbers are dictated"
    ADDRESS = "an address is dictated"
    SPELLING = "letters are spelled"


def _n_digits(word: str, lexicon: Lexicon) -> int:
    if word.isdigit():
        return len(word)
    return int(word in lexicon.number_words)


def _run_of_numbers(words: tuple[str, ...], lexicon: Lexicon) -> tuple[int, int]:
    """(pieces, digits) at the end."""
    n_pieces = n_digits = 0
    for word in reversed(words):
        n = _n_digits(word, lexicon)
        if not n:
            break
        n_pieces += 1
        n_digits += n
    return n_pieces, n_digits


def _n_letters(words: tuple[str, ...], language: str) -> int:
    """Single letters at the end; one alone may be a word."""
    n = 0
    for word in reversed(words):
        if len(word) != 1 or not word.isascii() or not word.isalpha():
            break
        n += 1
    return n if language == "en" or n > 1 else 0


def dictated(lexicons: Mapping[str, Lexicon], text: str) -> Dictation | None:
    """None where the words are ordinary speech, or what was dictated is whole."""
    words = tokens(text)
    if not words:
        return None
    lexicon = of_text(lexicons, text)
    if words[0] in lexicon.question_words or words[0] in lexicon.question_openers:
        return None  # "what is the address"
    n_letters = _n_letters(words, lexicon.language)
    spelled = n_words_after(words, lexicon.spelling_openers)
    if n_letters >= _N_RUN or (spelled is not None and spelled <= _N_SPELLED):
        return Dictation.SPELLING if n_letters <= _N_SPELLED else None
    n_pieces, n_digits = _run_of_numbers(words, lexicon)
    if n_digits < _N_WHOLE:
        announced = n_words_after(words, lexicon.number_openers)
        if n_pieces >= _N_RUN or (announced is not None and announced <= n_pieces):
            return Dictation.NUMBERS
    addressed = n_words_after(words, lexicon.address_openers)
    if (
        addressed is not None
        and addressed <= _N_ADDRESS
        and (addressed == 0 or _has_number(words, lexicon))
    ):
        return Dictation.ADDRESS
    return None


def _has_number(words: tuple[str, ...], lexicon: Lexicon) -> bool:
    return any(_n_digits(word, lexicon) for word in words)


LONGEST_WAIT_MS = 3000.0
"""After so much silence every turn is over."""
END_P = 0.5
"""``Wait.p_end_of_turn`` reaches it when the turn is taken as over."""

_LEAST_WAIT_MS = 200.0  # below this silence is a stop consonant or a breath
_DICTATION_WAIT_MS = 1500.0  # pauses between groups of digits are 0.4 to 1.2 s long
_NO_CERTAINTY = 0.5  # share of the mode's probability; from there down the longest wait applies
_NOT_YET_P = 0.49
_P_CLIP = 1e-4


@dataclass(frozen=True, slots=True)
class Wait:
    """What the silence so far means.

    Attributes:
        wait_ms: silence that ends the turn as things stand.
        p_end_of_turn: from ``END_P`` on the turn is over; the odds are the network's over those at
            which this mode takes a turn.
    """

    wait_ms: float
    p_end_of_turn: float


def _odds_log(p: float) -> float:
    clipped = min(max(p, _P_CLIP), 1.0 - _P_CLIP)
    return math.log(clipped / (1.0 - clipped))


def _p(odds_log: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds_log))


def _between(shortest_ms: float, longest_ms: float, certainty: float) -> float:
    """The shortest from certainty 1 on, the longest at none, geometric in between."""
    doubt = min(max((1.0 - certainty) / (1.0 - _NO_CERTAINTY), 0.0), 1.0)
    return shortest_ms * (longest_ms / shortest_ms) ** doubt


def wait_for(
    point: EndpointingPoint,
    *,
    p_end: float,
    silence_ms: float,
    extra_ms: float = 0.0,
    dictation: Dictation | None = None,
    longest_ms: float = LONGEST_WAIT_MS,
) -> Wait:
    """``p_end``: calibrated, of now; ``extra_ms``: for the speaker's own pauses.

    ``longest_ms``: the user's own limit.
    """
    shortest_ms = max(point.shortest_ms + extra_ms, _LEAST_WAIT_MS)
    unlikely_ms = point.longest_ms + max(extra_ms, 0.0)
    if dictation is not None:
        shortest_ms = max(shortest_ms, _DICTATION_WAIT_MS)
        unlikely_ms = LONGEST_WAIT_MS
    wait_ms = _between(shortest_ms, max(unlikely_ms, shortest_ms), p_end / point.end_p)
    wait_ms = min(wait_ms, longest_ms, LONGEST_WAIT_MS)
    p = _p(_odds_log(p_end) - _odds_log(point.end_p))
    if silence_ms <= 0.0:
        return Wait(wait_ms, 0.0)
    is_over = silence_ms >= wait_ms - 1e-6
    return Wait(wait_ms, max(p, END_P) if is_over else min(p, _NOT_YET_P))


@dataclass(frozen=True, slots=True)
class AdaptiveEndpointingSettings:
    """How far and how fast the delay follows the speaker.

    Attributes:
        typical_ms: a pause inside a turn of a speaker nobody knows yet; it changes nothing.
        keep: share of the old mean that a new pause leaves; a dozen pauses replace it.
        gain: extra delay for each millisecond that the mean is above typical.
        least_extra_ms: bound for quick speakers.
        most_extra_ms: bound for slow ones.
        pause_ms: shorter silences belong to fluent speech.
        longest_ms: longer pauses count as this long.
        phrase_ms: voice before and after a pause that counts; acknowledgements are shorter (half
            of them below 0.4 s), so that a burst of them teaches nothing.
    """

    typical_ms: float = 550.0
    keep: float = 0.85
    gain: float = 0.7
    least_extra_ms: float = -150.0
    most_extra_ms: float = 600.0
    pause_ms: float = 200.0
    longest_ms: float = 2500.0
    phrase_ms: float = 600.0


class AdaptiveEndpointing:
    """Follows the turns of one speaker."""

    def __init__(self, settings: AdaptiveEndpointingSettings | None = None) -> None:
        self.settings = settings or AdaptiveEndpointingSettings()
        self._mean_ms = self.settings.typical_ms
        self._forget_phrase()

    @property
    def mean_ms(self) -> float:
        return self._mean_ms

    @property
    def extra_ms(self) -> float:
        """To be added to the silence that ends a turn; negative for quick speakers."""
        settings = self.settings
        extra_ms = settings.gain * (self._mean_ms - settings.typical_ms)
        return min(max(extra_ms, settings.least_extra_ms), settings.most_extra_ms)

    def hear(self, turn: Stretch | None, start_s: float, end_s: float) -> None:
        """Takes the frame from ``start_s`` to ``end_s``; None: nobody has the turn."""
        if turn is None:
            self._forget_phrase()
            return
        if turn.last_voice_s < end_s:
            return  # silence; the next voice says how long it was
        gap_ms = 0.0 if self._last_voice_s is None else MS * (start_s - self._last_voice_s)
        if gap_ms >= self.settings.pause_ms:
            is_phrase = self._phrase_ms >= self.settings.phrase_ms
            self._candidate_ms = gap_ms if is_phrase else None
            self._phrase_ms = 0.0
        self._last_voice_s = end_s
        self._phrase_ms += MS * (end_s - start_s)
        if self._candidate_ms is not None and self._phrase_ms >= self.settings.phrase_ms:
            self._learn(self._candidate_ms)
            self._candidate_ms = None

    def went_on(self, pause_ms: float) -> None:
        """The user spoke over a reply that had just begun: it had cut into a pause this long."""
        if pause_ms >= self.settings.pause_ms:
            self._learn(pause_ms)

    def _learn(self, pause_ms: float) -> None:
        settings = self.settings
        pause_ms = min(pause_ms, settings.longest_ms)
        self._mean_ms = settings.keep * self._mean_ms + (1.0 - settings.keep) * pause_ms

    def _forget_phrase(self) -> None:
        self._phrase_ms = 0.0
        self._candidate_ms: float | None = None
        self._last_voice_s: float | None = None
