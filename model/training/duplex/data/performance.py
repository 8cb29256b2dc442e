"""How a turn is said: in one go or with stops, with lengthened words and fillers before them.

Gives sound and the truth about its pauses.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model.duplex.lexicon import Lexicon, tokens
from model.training.duplex.data.chance import between
from model.training.duplex.data.scene import Span
from model.training.duplex.data.speaker_pool import SpeakerPool
from model.training.duplex.data.speakers import Speaker
from model.training.duplex.data.turn_texts import PAUSE_MARK, TurnText
from model.training.duplex.data.utterance import Utterance, Word, faded, joined, stretched

_MEDIAN_PAUSE_S, _PAUSE_SPREAD = 0.75, 0.6  # log-normal
_SHORTEST_S, _LONGEST_S = 0.2, 2.2
_MARKED, _AFTER_FUNCTION_WORD, _AFTER_COMMA, _ANYWHERE = 5.0, 4.0, 2.0, 0.5  # relative chances
_P_LENGTHENED = 0.35
_LENGTHENED = (1.2, 1.7)
_P_FILLER = 0.2
_P_IN_PIECES = 0.45  # of turns with marks: each piece with an intonation of its own
_OWN_PAUSE_S = 0.2  # silences of the synthesizer this long are pauses, too


@dataclass(frozen=True, slots=True)
class Performance:
    """A turn as sound; ``pauses`` count from its start."""

    utterance: Utterance
    pauses: tuple[Span, ...]
    is_complete: bool = True


def pause_s(rng: np.random.Generator) -> float:
    """Draw a pause of 0.2 to 2.2 s; half of them are below 0.75 s."""
    drawn = _MEDIAN_PAUSE_S * float(np.exp(_PAUSE_SPREAD * rng.standard_normal()))
    return min(max(drawn, _SHORTEST_S), _LONGEST_S)


class Performer:
    """Says turns of a pool; ``lexicon`` tells function words, after which people stop most."""

    def __init__(self, pool: SpeakerPool, lexicon: Lexicon) -> None:
        self._pool = pool
        self._open_ends = (
            lexicon.articles | lexicon.prepositions | lexicon.conjunctions | lexicon.auxiliaries
            | lexicon.subjects | lexicon.degrees
        )  # fmt: skip

    def plain(self, kind: str, language: str, rng: np.random.Generator) -> Performance:
        """Say a turn without any pause but the synthesizer's own."""
        speaker, text, _ = self._pool.turn(kind, language, rng)
        said = self._pool.say(speaker, text.plain, rng)
        return Performance(said, _own_pauses(said))

    def short(self, role: str, language: str, rng: np.random.Generator) -> Performance:
        """Say something short in ``role``, a key of ``PHRASES``, as a whole turn."""
        return Performance(self._pool.short(role, language, rng), ())

    def paused(self, kind: str, language: str, rng: np.random.Generator) -> Performance:
        """Say a turn with one to three pauses."""
        speaker, text, is_cached = self._pool.turn(kind, language, rng)
        can_stop_apart = len(text.pieces) > 1 and not is_cached
        if can_stop_apart and rng.random() < _P_IN_PIECES:
            return self._in_pieces(speaker, text, rng)
        said = self._pool.say(speaker, text.plain, rng)
        return self._with_pauses(said, self._places(said, text, rng), speaker, rng)

    def truncated(self, kind: str, language: str, rng: np.random.Generator) -> Performance:
        """Say a turn that stops in the middle and does not go on."""
        speaker, text, _ = self._pool.turn(kind, language, rng)
        said = self._pool.say(speaker, text.plain, rng)
        if len(said.words) < 3:
            return Performance(said, (), is_complete=False)
        chances = self._chances(said, text)[1:]
        last = 1 + int(rng.choice(len(chances), p=chances / chances.sum()))
        stopped = said.part(0.0, _cut_s(said, last)).trimmed()
        if rng.random() < _P_LENGTHENED:
            stopped = _lengthened(stopped, between(rng, _LENGTHENED))
        return Performance(stopped, _own_pauses(stopped), is_complete=False)

    def split(
        self, kind: str, language: str, rng: np.random.Generator
    ) -> tuple[Utterance, Utterance]:
        """Say a turn in two parts, cut where its speaker might stop."""
        speaker, text, _ = self._pool.turn(kind, language, rng)
        said = self._pool.say(speaker, text.plain, rng)
        at_s = (self._places(said, text, rng) or [said.seconds / 2.0])[0]
        return said.part(0.0, at_s).trimmed(), said.part(at_s, said.seconds).trimmed()

    def read(self, language: str, rng: np.random.Generator) -> Performance:
        """Return real speech, with up to two of its breaths made longer."""
        said = self._pool.reading(language, rng)
        places = said.quiet_places()
        n = min(len(places), int(rng.integers(0, 3)))
        chosen = sorted(float(at) for at in rng.choice(places, n, replace=False)) if n else []
        return self._with_pauses(said, chosen, None, rng)

    def _with_pauses(
        self,
        said: Utterance,
        places_s: list[float],
        speaker: Speaker | None,
        rng: np.random.Generator,
    ) -> Performance:
        """Stop at ``places_s``; a fast ``speaker`` may fill a pause or lengthen the word."""
        pieces: list[Utterance] = []
        gaps: list[float] = []
        at_s = 0.0
        for place_s in [*places_s, said.seconds]:
            piece = said.part(at_s, place_s)
            at_s = place_s
            is_last = place_s >= said.seconds
            if not is_last and rng.random() < _P_LENGTHENED:
                piece = _lengthened(piece, between(rng, _LENGTHENED))
            pieces.append(piece)
            gaps.append(pause_s(rng))
            if speaker is not None and speaker.is_fast and not is_last and rng.random() < _P_FILLER:
                filler = str(rng.choice(("um,", "uh,", "er,")))
                pieces.append(self._pool.say(speaker, filler, rng))
                gaps[-1] = between(rng, (0.05, 0.4))
                gaps.append(pause_s(rng))
        return _with_truth(pieces, gaps[:-1])

    def _in_pieces(self, speaker: Speaker, text: TurnText, rng: np.random.Generator) -> Performance:
        pieces = [self._pool.say(speaker, piece, rng) for piece in text.pieces]
        keeps = [rng.random() < 0.7 for _ in pieces[1:]]
        gaps = [pause_s(rng) if keep else between(rng, (0.03, 0.12)) for keep in keeps]
        return _with_truth([piece.trimmed() for piece in pieces], gaps)

    def _places(self, said: Utterance, text: TurnText, rng: np.random.Generator) -> list[float]:
        chances = self._chances(said, text)
        if not len(chances):
            return []
        n = min(int(rng.choice((1, 1, 2, 2, 3))), int(np.count_nonzero(chances)))
        chosen = rng.choice(len(chances), n, replace=False, p=chances / chances.sum())
        return [_cut_s(said, int(i)) for i in sorted(chosen)]

    def _chances(self, said: Utterance, text: TurnText) -> npt.NDArray[np.float64]:
        """Return the chance of a stop after each word but the last, (n,)."""
        pieces = text.text.split(PAUSE_MARK)
        marked = {"".join(tokens(" ".join(pieces[:n]))) for n in range(1, len(pieces))}
        heard = ""
        chances: list[float] = []
        for word in said.words[:-1]:
            heard += word.text
            last = tokens(word.text)[-1:]
            if "".join(tokens(heard)) in marked:
                chances.append(_MARKED)
            elif last and last[0] in self._open_ends:
                chances.append(_AFTER_FUNCTION_WORD)
            elif word.text.endswith((",", ";", "，", "、")):
                chances.append(_AFTER_COMMA)
            else:
                chances.append(_ANYWHERE)
        return np.asarray(chances, np.float64)


def _cut_s(said: Utterance, index: int) -> float:
    """Return a quiet time between word ``index`` and the next."""
    return said.quiet_cut_s((said.words[index].end_s + said.words[index + 1].start_s) / 2.0)


def _lengthened(piece: Utterance, factor: float) -> Utterance:
    """Draw out the last word."""
    if not piece.words:
        return piece
    last = piece.words[-1]
    start_s = min(max(last.start_s, 0.0), piece.seconds)
    head, tail = piece.part(0.0, start_s), piece.part(start_s, piece.seconds)
    longer = stretched(tail.samples, factor)
    words = (Word(last.text, 0.0, len(longer) / max(1, len(tail.samples)) * tail.seconds),)
    drawn = replace(piece, samples=faded(longer), words=words, text=last.text)
    return joined((head, drawn), (0.0,))


def _with_truth(pieces: list[Utterance], gaps: list[float]) -> Performance:
    pauses: list[Span] = []
    at_s = 0.0
    for piece, gap_s in zip(pieces, [*gaps, 0.0], strict=True):
        pauses.extend(Span(at_s + own.start_s, at_s + own.end_s) for own in _own_pauses(piece))
        at_s += piece.seconds
        if gap_s >= _OWN_PAUSE_S:
            pauses.append(Span(at_s, at_s + gap_s))
        at_s += gap_s
    return Performance(joined(pieces, gaps), tuple(pauses))


def _own_pauses(said: Utterance) -> tuple[Span, ...]:
    """Return the pauses between words that are far apart."""
    pairs = zip(said.words, said.words[1:], strict=False)
    return tuple(Span(a.end_s, b.start_s) for a, b in pairs if b.start_s - a.end_s >= _OWN_PAUSE_S)
