"""Trains a word of the user's own from the voices on this machine, and checks it.

The phrase is spoken by every voice there is, at several rates, higher and lower, in simulated rooms
and over replies; against it stand other talk by the same voices, words that sound like it, and the
replies alone. It is taken only when an hour that it was not trained on has next to no false alarm.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import soxr

from app.evaluation.spotter_sessions import (
    ECHOES_DB,
    Assistant,
    Said,
    SpotterSession,
    mixed,
    said_near,
)
from audio_io.aec import FRAME, WebRtcEchoCanceller
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.log_mel import LogMelStream
from model.duplex.spotter.network import N_INPUTS, N_SOUNDS, STEP_FRAMES, Array, SpotterNetwork
from model.duplex.spotter.own_word_fit import Example, fit
from model.duplex.spotter.own_words import HISTORY, OwnWord, OwnWordCard

Speak = Callable[[str, float], Samples]
"""Return a text as one voice says it, (n,) at 16 kHz; the number is how fast."""

SESSION_S = 40.0
LEARNT_SESSIONS, LEARNT_HOURS, CHECKED_SESSIONS, CHECKED_HOURS = 60, 0.4, 20, 1.0
MOST_FALSE_AN_HOUR, LEAST_HEARD = 1.0, 0.8

_RATES, _PITCHES = (0.8, 0.9, 1.0, 1.1, 1.25), (0.8, 0.88, 0.96, 1.04, 1.12)
_ENDINGS = (".", "!")
_APART_S = (1.2, 2.6)
_INITIALS = "bdfgklmprstvwh"
_P_ALIKE = 0.35  # of other talk: what sounds like the phrase
_SALAD = (1, 7)  # words
_EARLY_S, _NAMED_S, _LATE_S, _UNASKED_S = 0.08, 0.28, 0.4, 0.5
_LEVELS = (*(round(0.02 * i, 2) for i in range(15, 50)), 0.985, 0.99, 0.995, 0.998)
_APART_FALSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """How a trained word did on what it had not been trained on.

    Attributes:
        heard: share of the phrases that were heard at the threshold.
        false_an_hour: of talk, of words like it and of replies.
    """

    heard: float
    false_an_hour: float
    hours: float

    @property
    def is_good_enough(self) -> bool:
        """Return whether the word may be taken."""
        return self.heard >= LEAST_HEARD and self.false_an_hour <= MOST_FALSE_AN_HOUR


class OwnWordTrainer:
    """Makes the sessions of one phrase and fits its head.

    Args:
        voices: all that speak the phrase's language.
        talkers: those that say all else, ``texts`` and what sounds like the phrase.
        card: without threshold and scores.
        scale: of the amount of sound; below 1 only to see that everything runs.
    """

    def __init__(
        self,
        network: SpotterNetwork,
        card: OwnWordCard,
        voices: Sequence[Speak],
        talkers: Sequence[Speak],
        texts: Sequence[str],
        scale: float = 1.0,
    ) -> None:
        self._network = network
        self._card = card
        self._voices = tuple(voices)
        self._talkers = tuple(talkers)
        self._texts = tuple(texts)
        self._vocabulary = sorted({word for text in texts for word in text.split()})
        self._alike = sound_alikes(card.phrase)
        self._assistant = Assistant(talkers[0], texts)
        self._scale = scale

    def train(self) -> tuple[OwnWord, Check]:
        """Return the word and how it was checked."""
        learnt = [self._example(one) for one in self._sessions("learn", LEARNT_SESSIONS)]
        learnt += [self._example(one) for one in self._talk("learn", LEARNT_HOURS)]
        word = fit(learnt, self._card)
        del learnt
        talk = [self._heard(word, one)[0] for one in self._talk("check", CHECKED_HOURS)]
        said = [self._heard(word, one) for one in self._sessions("check", CHECKED_SESSIONS)]
        hours = sum(len(p) for p in talk) * STEP_FRAMES * FRAME / ENGINE_RATE_HZ / 3600.0
        level = next((q for q in _LEVELS if _alarms(talk, q) <= hours * MOST_FALSE_AN_HOUR), 1.0)
        check = Check(_share_heard(said, level), _alarms(talk, level) / hours, hours)
        scores = {"heard": check.heard, "false_an_hour": check.false_an_hour, "hours": hours}
        card = replace(self._card, threshold_p=level, scores=scores)
        return OwnWord(card, word.weights), check

    def _sessions(self, part: str, n: int) -> Iterator[SpotterSession]:
        """Yield sessions in which the phrase is said over replies, and in between."""
        for number in range(max(1, round(n * self._scale))):
            rng = _rng(self._card.phrase, part, number)
            near = np.zeros(_n(SESSION_S), np.float32)
            said: list[Said] = []
            at_s = rng.uniform(1.0, 2.5)
            while True:
                samples = self._said(self._card.phrase, self._voices, part, rng)
                end_s = at_s + len(samples) / ENGINE_RATE_HZ
                if end_s > SESSION_S - 1.0:
                    break
                near[_n(at_s) :][: len(samples)] += said_near(samples, rng)
                said.append(Said(self._card.phrase, "", at_s, end_s))
                at_s = end_s + rng.uniform(*_APART_S)
            yield self._mixed(near, rng, tuple(said))

    def _talk(self, part: str, hours: float) -> Iterator[SpotterSession]:
        """Yield hours without the phrase."""
        for number in range(max(1, round(hours * 3600.0 / SESSION_S * self._scale))):
            rng = _rng(self._card.phrase, f"{part} talk", number)
            near = np.zeros(_n(SESSION_S), np.float32)
            at_s = rng.uniform(0.5, 3.0)
            while at_s < SESSION_S and number % 4:  # every fourth is the reply alone
                is_alike = bool(self._alike) and rng.random() < _P_ALIKE
                text = str(rng.choice(self._alike)) if is_alike else self._other(rng)
                samples = said_near(self._said(text, self._talkers, part, rng), rng)
                fits = samples[: len(near) - _n(at_s)]
                near[_n(at_s) :][: len(fits)] += fits
                at_s += len(samples) / ENGINE_RATE_HZ + rng.uniform(0.3, 2.0)
            yield self._mixed(near, rng, ())

    def _other(self, rng: np.random.Generator) -> str:
        """Return a sentence, or words of all sentences in any order: there are few sentences."""
        if rng.random() < 0.5 or len(self._vocabulary) < _SALAD[1]:
            return str(rng.choice(self._texts))
        return " ".join(rng.choice(self._vocabulary, int(rng.integers(*_SALAD)), replace=False))

    def _mixed(
        self, near: Samples, rng: np.random.Generator, said: tuple[Said, ...]
    ) -> SpotterSession:
        far = self._assistant.reply(len(near), rng) if rng.random() < 0.6 else None
        echo_db = ECHOES_DB[int(rng.integers(len(ECHOES_DB)))]
        return mixed("own word", near, far, echo_db, rng, said)

    def _said(
        self, text: str, voices: Sequence[Speak], part: str, rng: np.random.Generator
    ) -> Samples:
        """Return ``text`` by any voice; what is checked has other rates and pitches."""
        rates = _RATES[::2] if part == "learn" else _RATES[1::2]
        voice = voices[int(rng.integers(len(voices)))]
        ending = "" if text[-1] in ".!?。！？" else str(rng.choice(_ENDINGS))
        samples = voice(text + ending, float(rng.choice(rates)))
        pitch = float(rng.choice(_PITCHES)) + rng.uniform(-0.04, 0.04)
        return _trimmed(soxr.resample(samples, ENGINE_RATE_HZ * pitch, ENGINE_RATE_HZ, "HQ"))

    def _example(self, session: SpotterSession) -> Example:
        trunk = trunk_of(self._network, session)
        is_word, is_asked = np.zeros(len(trunk), bool), np.ones(len(trunk), bool)
        for said in session.said:
            ended = said.end_s
            is_asked[_step(ended - _NAMED_S) : _step(ended + _UNASKED_S)] = False
            is_word[_step(ended - _EARLY_S) : _step(ended + _NAMED_S)] = True
        return Example(trunk, is_word, is_asked)

    def _heard(self, word: OwnWord, session: SpotterSession) -> tuple[Array, SpotterSession]:
        past = self._network.silent_trunk(HISTORY - 1)
        return word.probabilities(np.concatenate([past, trunk_of(self._network, session)])), session


def trunk_of(network: SpotterNetwork, session: SpotterSession) -> Array:
    """Return what the spotter's trunk makes of a session, from cold: (n, width)."""
    canceller = WebRtcEchoCanceller()
    near, far = session.microphone, session.loudspeaker
    n = len(near) // (STEP_FRAMES * FRAME) * STEP_FRAMES * FRAME
    clean = [canceller.process(near[i : i + FRAME], far[i : i + FRAME]) for i in range(0, n, FRAME)]
    sounds = np.stack([np.concatenate(clean), near[:n], far[:n]])
    mels = LogMelStream(N_SOUNDS).push(sounds).transpose(1, 0, 2).reshape(-1, N_INPUTS)
    trunk, _ = network.listen(mels, network.silent_state)
    return trunk


def sound_alikes(phrase: str) -> tuple[str, ...]:
    """Return what is nearly the phrase: a part of it, other initials, another order."""
    words = phrase.split()
    alike: list[str] = [*words, " ".join(reversed(words))] if len(words) > 1 else []
    for i, word in enumerate(words):
        rest = word.lstrip("bcdfghjklmnpqrstvwxyzBCDFGHJKLMNPQRSTVWXYZ")
        if rest and word.isascii():
            alike += [
                " ".join([*words[:i], initial + rest, *words[i + 1 :]])
                for initial in _INITIALS
                if word[0].lower() != initial
            ]
    return tuple(dict.fromkeys(one for one in alike if one.casefold() != phrase.casefold()))


def _share_heard(said: Sequence[tuple[Array, SpotterSession]], level: float) -> float:
    heard = [
        bool((p[_step(one.end_s - _NAMED_S) : _step(one.end_s + _LATE_S)] >= level).any())
        for p, session in said
        for one in session.said
    ]
    return sum(heard) / len(heard) if heard else 0.0


def _alarms(talk: Sequence[Array], level: float) -> int:
    n = 0
    for p in talk:
        last_s = -_APART_FALSE_S
        for step in np.flatnonzero(p >= level):
            at_s = float(step) * STEP_FRAMES * FRAME / ENGINE_RATE_HZ
            n += at_s - last_s >= _APART_FALSE_S
            last_s = at_s
    return n


def _trimmed(samples: Samples) -> Samples:
    """Cut what is 35 dB below the loudest 10 ms off both ends."""
    n = len(samples) // FRAME
    power = np.square(samples[: n * FRAME].reshape(n, FRAME)).mean(axis=1)
    loud = np.flatnonzero(power >= power.max(initial=0.0) * 10.0**-3.5)
    return samples[int(loud[0]) * FRAME : (int(loud[-1]) + 1) * FRAME] if len(loud) else samples


def _step(at_s: float) -> int:
    return max(0, round(at_s * ENGINE_RATE_HZ / (STEP_FRAMES * FRAME)))


def _n(seconds: float) -> int:
    return round(seconds * ENGINE_RATE_HZ)


def _rng(phrase: str, part: str, number: int) -> np.random.Generator:
    return np.random.default_rng([*f"{phrase} {part}".encode(), number])
