"""Puts sounds into a room at their times and keeps account of what is true meanwhile."""

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.duplex.outcomes import Outcome
from model.training.duplex.data.acoustics import at_level
from model.training.duplex.data.rooms import Room
from model.training.duplex.data.scene import Label, Scene, Span
from model.training.duplex.data.utterance import Utterance, Word, at_sample, sounding_span

_TAIL_S = 0.5
_FRAME_S = 0.01


class SceneMixer:
    """A scene in the making; times are seconds from its start."""

    def __init__(self, room: Room, language: str, rng: np.random.Generator) -> None:
        self.room = room
        self.language = language
        self._rng = rng
        self._near: list[tuple[int, Samples]] = []
        self._far: list[tuple[int, Samples]] = []
        self._labels: list[Label] = []
        self._agent: list[Span] = []
        self._agent_words: list[Word] = []
        self._people: dict[str, tuple[str, str]] = {}  # speaker: source, licence

    def say(self, utterance: Utterance, at_s: float, level_db: float = 0.0) -> Span:
        """Let the user say it, ``level_db`` above the usual; return from first to last sound."""
        samples = self.room.near_sound(_ringing(utterance), level_db)
        return self._put_near(samples, utterance, at_s)

    def others_say(
        self, utterance: Utterance, at_s: float, level_db: float, *, is_averted: bool
    ) -> Span:
        """Let people far away say it, or the user turned away; return from first to last sound."""
        place = self.room.averted_sound if is_averted else self.room.distant_sound
        return self._put_near(place(_ringing(utterance), level_db), utterance, at_s)

    def noise(self, samples: Samples, at_s: float, level_db: float) -> Span:
        """Place a sound near the microphone, at a level relative to the user's voice."""
        return self._put_near(self.room.near_sound(samples, level_db), None, at_s)

    def agent_says(self, utterance: Utterance, at_s: float, until_s: float) -> Span:
        """Play it, cut off at ``until_s``; return when it is audible."""
        samples = at_level(utterance.samples, self.room.far_dbfs)
        samples = samples[: max(0, at_sample(until_s - at_s))]
        self._far.append((max(0, at_sample(at_s)), samples))
        self._agent_words.extend(
            Word(w.text, at_s + w.start_s, at_s + w.end_s) for w in utterance.words
        )
        self._people[utterance.speaker] = (utterance.source, utterance.licence)
        return Span(at_s, at_s + len(samples) / ENGINE_RATE_HZ)

    def agent_speaks(self, span: Span) -> None:
        """Note that the assistant is speaking, or pausing in its reply; noise unless labelled."""
        self._agent.append(span)
        self._labels.append(Label(span, Outcome.NOISE))

    def label(self, start_s: float, end_s: float, outcome: int) -> None:
        """Replace what was said before about this span."""
        if end_s > start_s:
            self._labels.append(Label(Span(start_s, end_s), outcome))

    def finish(
        self, kind: str, seconds: float, *, one_turn: bool = True, knows_agent_text: bool = True
    ) -> Scene:
        """Mix a scene of so many seconds."""
        n = round(seconds / _FRAME_S) * round(_FRAME_S * ENGINE_RATE_HZ)
        far = _mixed(self._far, n)
        near = _mixed(self._near, n)
        if self._far:
            near = near + self.room.echo(far)
        heard = self.room.through_microphone(near, self._rng)
        people = sorted(self._people.items())
        is_mandarin = self.language == "zh"
        return Scene(
            kind=kind,
            language=self.language,
            microphone=frozen(heard),
            loudspeaker=frozen(np.clip(far, -1.0, 1.0)),
            agent=tuple(self._agent),
            agent_words=tuple(self._agent_words) if knows_agent_text else (),
            labels=tuple(self._labels),
            one_turn=one_turn,
            recognizer=str(self._rng.choice(("zh", "auto", "en"))) if is_mandarin else "en",
            speakers=tuple(name for name, _ in people),
            sources=tuple(dict.fromkeys(source for _, (source, _) in people)),
            licences=tuple(dict.fromkeys(licence for _, (_, licence) in people)),
        )

    def _put_near(self, samples: Samples, utterance: Utterance | None, at_s: float) -> Span:
        self._near.append((max(0, at_sample(at_s)), samples))
        start_s, end_s = sounding_span(samples if utterance is None else utterance.samples)
        if utterance is not None:
            self._people[utterance.speaker] = (utterance.source, utterance.licence)
        return Span(at_s + start_s, at_s + end_s)


def _ringing(utterance: Utterance) -> Samples:
    """Append silence for the reverberation to fade in."""
    return np.pad(utterance.samples, (0, at_sample(_TAIL_S)))


def _mixed(sounds: list[tuple[int, Samples]], n: int) -> Samples:
    """Mix ``n`` samples; reverberation after the end is lost."""
    out = np.zeros(n, np.float32)
    for start, samples in sounds:
        heard = samples[: max(0, n - start)]
        out[start : start + len(heard)] += heard
    return out
