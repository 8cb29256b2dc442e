"""Who says what in the spotter's sessions: real words and sentences, and the synthesizers'."""

from collections.abc import Sequence

import numpy as np

from model.duplex.spotter.recorded_words import TRAIN, RecordedSpeech
from model.duplex.spotter.vocabulary import CLASSES, OTHER_SPEECH, Group
from model.training.duplex.data import speakers as voices
from model.training.duplex.data.chance import between, pick
from model.training.duplex.data.speaker_pool import Speech
from model.training.duplex.data.utterance import Utterance, joined
from model.training.duplex.spotter.recordings import utterance_of
from model.training.duplex.spotter.spoken_words import SpokenPhrase, fast_phrases, spoken_phrases

NAMES = {
    group: tuple(one.name for one in CLASSES if one.group is group and one.name != OTHER_SPEECH)
    for group in Group
}
SHARE_OF_FIRST = 0.4  # of all stop words, "stop" itself
_P_REAL_WORD = 0.55  # where people have said the word at all
_P_FAST = 0.15  # of synthesized English by a variant of the bundled voice
_PITCH, _TEMPO, _TILT_DB = 0.12, 0.18, 5.0
_LONG_S = (1.5, 8.0)
_RATES = (0.85, 1.0, 1.2)
_GAP_S = (0.15, 0.6)
_N_REPLY_PARTS = 6
_P_READER = 0.2  # of replies by a person: no voice is known by being made
_LONG_TEXT = {"en": 22, "zh": 7}  # letters


class People:
    """All who speak in the sessions of one split; the assistant's voices included."""

    def __init__(
        self,
        speech: Speech,
        words: Sequence[RecordedSpeech],
        sentences: Sequence[RecordedSpeech],
        texts: Sequence[str],
        split: str,
    ) -> None:
        """``texts``: what the bundled voice reads out."""
        self._speech = speech
        self._texts = texts
        self._readers = sentences
        self._real: dict[str, list[RecordedSpeech]] = {}
        for clip in words:
            self._real.setdefault(clip.name, []).append(clip)
        wanted = voices.TRAIN if split == TRAIN else voices.VALIDATION
        self._made: dict[str, list[SpokenPhrase]] = {}
        self._by_voice: dict[str, list[SpokenPhrase]] = {}
        for phrase in spoken_phrases():
            if phrase.speaker.split == wanted:
                self._made.setdefault(phrase.name, []).append(phrase)
                if phrase.name == OTHER_SPEECH and _is_long(phrase):
                    self._by_voice.setdefault(phrase.speaker.id, []).append(phrase)
        self._fast: dict[str, list[SpokenPhrase]] = {}
        for phrase in fast_phrases():
            self._fast.setdefault(phrase.name, []).append(phrase)
        self._variants = [one for one in voices.fast_speakers() if one.split == wanted]

    def word_of(
        self, group: Group, rng: np.random.Generator, share_of_first: float = SHARE_OF_FIRST
    ) -> tuple[str, Utterance]:
        """Return a word of ``group`` and its class; the first word of each has a share."""
        names = NAMES[group]
        name = names[0] if rng.random() < share_of_first else pick(rng, names)
        return name, self.word(name, rng)

    def word(self, name: str, rng: np.random.Generator) -> Utterance:
        """Return one way to say the word ``name``."""
        real = self._real.get(name, ())
        # A word by few people counts for less, or it would be learnt by their voices.
        p_real = _P_REAL_WORD * min(1.0, len(real) / 20.0)
        if rng.random() < p_real:
            return _varied(utterance_of(pick(rng, real)), rng)
        return self._synthesized(name, rng)

    def other_word(self, rng: np.random.Generator) -> Utterance:
        """Return a word or a short phrase of no class."""
        if rng.random() < _P_REAL_WORD:
            return _varied(utterance_of(pick(rng, self._real[OTHER_SPEECH])), rng)
        return self._synthesized(OTHER_SPEECH, rng)

    def sentence(self, rng: np.random.Generator) -> Utterance:
        """Return up to eight seconds of somebody's talk."""
        if rng.random() < 0.65:
            whole = utterance_of(pick(rng, self._readers))
            seconds = between(rng, _LONG_S)
            if whole.seconds > seconds:
                start_s = whole.quiet_cut_s(rng.uniform(0.0, whole.seconds - seconds))
                whole = whole.part(start_s, start_s + seconds).trimmed()
            return _varied(whole, rng)
        if self._texts and rng.random() < 0.6:
            return self._read_out(rng)
        return _varied(pick(rng, self._long_phrases(rng)).said(self._speech), rng)

    def reply(self, seconds: float, rng: np.random.Generator) -> Utterance:
        """Return what the assistant says: mostly its default voice, but any other as well."""
        chance = rng.random()
        parts: list[Utterance] = []
        if rng.random() < _P_READER:
            whole = _varied(utterance_of(pick(rng, self._readers)), rng)
            return whole.part(0.0, min(seconds, whole.seconds))
        if chance < 0.6 or not self._by_voice:
            speaker = voices.ASSISTANT if chance < 0.4 else pick(rng, self._variants)
            rate = float(rng.choice(_RATES))
            while sum(part.seconds for part in parts) < seconds:
                parts.append(self._speech.say(speaker, pick(rng, self._texts), rate))
        else:
            own = self._long_phrases(rng)
            pitch, tempo = 1.0 + between(rng, (-0.06, 0.06)), 1.0 + between(rng, (-0.1, 0.1))
            for _ in range(_N_REPLY_PARTS):
                if sum(part.seconds for part in parts) < seconds:
                    parts.append(pick(rng, own).said(self._speech).warped(pitch, tempo, 0.0))
        return joined(parts, [between(rng, _GAP_S) for _ in parts[1:]])

    def _long_phrases(self, rng: np.random.Generator) -> list[SpokenPhrase]:
        return self._by_voice[pick(rng, sorted(self._by_voice))]

    def _read_out(self, rng: np.random.Generator) -> Utterance:
        speaker = pick(rng, self._variants)
        said = self._speech.say(speaker, pick(rng, self._texts), float(rng.choice(_RATES)))
        return _varied(said, rng)

    def _synthesized(self, name: str, rng: np.random.Generator) -> Utterance:
        fast, made = self._fast.get(name, ()), self._made.get(name, ())
        if fast and (not made or rng.random() < _P_FAST):
            phrase = pick(rng, fast)
            said = self._speech.say(pick(rng, self._variants), phrase.text, phrase.rate)
        else:
            said = pick(rng, made).said(self._speech)
        return _varied(said, rng)


def _is_long(phrase: SpokenPhrase) -> bool:
    return len(phrase.text) >= _LONG_TEXT[phrase.speaker.language]


def _varied(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """Change pitch, tempo and colour, so that no clip sounds twice the same."""
    return utterance.warped(
        pitch=1.0 + between(rng, (-_PITCH, _PITCH)),
        tempo=1.0 + between(rng, (-_TEMPO, _TEMPO)),
        tilt_db=between(rng, (-_TILT_DB, _TILT_DB)),
    )
