"""Recordings that people labelled: the tests, and the bad moments that were marked in use.

Tests are clips of their own split: to look at while training, never to learn from. A mark ("cut me
off", "ignored me") tells what was wrong, not always what would have been right: where that is open
nothing is asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ, frozen
from model.duplex.labels import (
    OverlapEvent,
    OverlapScene,
    Seconds,
    Text,
    TurnClip,
    read_channels,
    read_overlaps,
    read_turns,
)
from model.duplex.lexicon import Lexicon, is_backchannel, of_text
from model.duplex.offline import FRAME
from model.duplex.outcomes import NOT_SCORED, Outcome
from model.files.records import read_json
from model.training.duplex.data.conversation_scenes import (
    EVENT_TAIL_S,
    LISTENING_S,
    NOISE_TAIL_S,
    STUCK_S,
)
from model.training.duplex.data.dataset import MARKED
from model.training.duplex.data.heard_clips import Heard
from model.training.duplex.data.scene import STEP_S, Label, Scene, Span, Truth
from model.training.duplex.data.utterance import runs
from model.training.duplex.errors import DataError

_ECHO_TAIL_S = 0.3  # the far end is heard this much longer than it plays
_WHOLE_SCENE_S = 1e6
_OVERLAP_EVENTS = {
    "user_interruption": (Outcome.INTERRUPTION, EVENT_TAIL_S),
    "user_backchannel": (Outcome.BACKCHANNEL, EVENT_TAIL_S),
}


@dataclass(frozen=True, slots=True)
class LabelledTest:
    """A recording of the tests; ``id`` is the clip's."""

    id: str
    clip: TurnClip | OverlapScene

    @property
    def path(self) -> Path:
        """The recording."""
        return Path(self.clip.path)

    def scene(self) -> Scene:
        """Return it with its sound. Raises LabelsError."""
        return _overlap(self.clip) if isinstance(self.clip, OverlapScene) else _turn(self.clip)


def read_tests(folder: Path) -> tuple[LabelledTest, ...]:
    """Return those that are there. Raises LabelsError."""
    clips = (*read_turns(folder), *read_overlaps(folder))
    return tuple(LabelledTest(f"test-{clip.id}", clip) for clip in clips)


def _turn(clip: TurnClip) -> Scene:
    if clip.end_s is None:
        labels = (Label(Span(clip.start_s, clip.stop_s + STUCK_S), Outcome.HOLD),)
    else:
        labels = _turn_labels(clip.start_s, clip.end_s)
    microphone = frozen(read_channels(clip.path, 1)[0])
    return Scene(
        kind=clip.kind,
        language=clip.lang,
        microphone=microphone,
        loudspeaker=frozen(np.zeros_like(microphone)),
        labels=labels,
        one_turn=True,
        speakers=(clip.speaker,),
        sources=(clip.source_id,),
        licences=(clip.licence,),
    )


def _overlap(clip: OverlapScene) -> Scene:
    """Take a scene without a far end for one on headphones, unless the user takes a turn."""
    microphone, loudspeaker = read_channels(clip.path, 2)
    agent: tuple[Span, ...] = ()
    if (far := clip.far_span) is not None:
        agent = (Span(far.start_s, far.end_s + _ECHO_TAIL_S),)
    elif clip.category != "near_only":
        agent = (Span(0.0, _WHOLE_SCENE_S),)
    noises = tuple(Label(span, Outcome.NOISE) for span in agent)
    return Scene(
        kind=clip.category,
        language=clip.lang,
        microphone=frozen(microphone),
        loudspeaker=frozen(loudspeaker),
        agent=agent,
        labels=(*noises, *chain.from_iterable(map(_event_labels, clip.events))),
        one_turn=False,
        speakers=("test",),
        sources=(clip.id,),
        licences=("of its parts",),
    )


def _event_labels(event: OverlapEvent) -> tuple[Label, ...]:
    if event.event == "user_turn":
        return _turn_labels(event.onset, event.end)
    outcome, tail_s = _OVERLAP_EVENTS.get(event.event, (Outcome.NOISE, NOISE_TAIL_S))
    return (Label(Span(event.onset, event.end + tail_s), outcome),)


def _turn_labels(start_s: float, end_s: float) -> tuple[Label, ...]:
    end = Label(Span(end_s, end_s + LISTENING_S), Outcome.END_OF_TURN)
    return (Label(Span(start_s, end_s), Outcome.HOLD), end)


SOUND, LABEL = "sound.flac", "label.json"

_FRAMES_A_SECOND = ENGINE_RATE_HZ // FRAME
_PAUSE_S = 3.0  # the pause that was taken for an end is not longer than the longest wait
_OVERLAP_S = 3.0  # what was taken for an interruption began at most so long before the decision
_VOICED_SHARE = 0.15  # of an overlap; with less there was no voice in it
_VOICE_P = 0.5


class Mark(msgspec.Struct, frozen=True):
    """What was marked in a clip; times in seconds from its start.

    Attributes:
        decision_s: when the assistant did what was complained about; None: it did nothing.
        agent: when it was audible.
    """

    format: Literal[1]
    kind: Literal["cut_me_off", "ignored_me"]
    marked_s: Seconds
    language: Text
    agent: tuple[tuple[Seconds, Seconds], ...]
    decision_s: Seconds | None = None


@dataclass(frozen=True, slots=True)
class MarkedClip:
    """A marked moment with its recording."""

    id: str
    path: Path
    mark: Mark

    def scene(self) -> Scene:
        """Return it with its sound; labels come from ``with_marked_truth``. Raises LabelsError."""
        microphone, loudspeaker = read_channels(self.path, 2)
        return Scene(
            kind=self.mark.kind,
            language=self.mark.language,
            microphone=microphone,
            loudspeaker=loudspeaker,
            agent=tuple(Span(*span) for span in self.mark.agent),
            labels=(),
            one_turn=True,
            recognizer=self.mark.language,
            speakers=("user",),
            sources=(MARKED,),
            licences=("recorded by the user",),
        )


def read_marked(folder: Path) -> Iterator[MarkedClip]:
    """Yield the moments in the order of their names. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder; give the folder of marked moments to --marked")
    for label in sorted(folder.glob(f"*/{LABEL}")):
        mark = read_json(label, Mark, DataError, remedy="correct it or remove its folder")
        sound = label.with_name(SOUND)
        if not sound.is_file():
            raise DataError(f"{sound} is missing; remove its folder")
        yield MarkedClip(f"marked-{label.parent.name.replace('.', '-')}", sound, mark)


def with_marked_truth(mark: Mark, heard: Heard, lexicons: Mapping[str, Lexicon]) -> Heard:
    """Return ``heard`` with what the mark says about it."""
    outcomes = np.full(len(heard.truth.outcomes), NOT_SCORED, np.int8)
    if mark.kind == "ignored_me":
        _label_ignored(mark, heard, outcomes)
    elif mark.decision_s is not None:
        _label_cut_off(mark.decision_s, heard, lexicons, outcomes)
    return replace(heard, truth=Truth(outcomes, heard.truth.is_overlap))


def _label_ignored(mark: Mark, heard: Heard, outcomes: npt.NDArray[np.int8]) -> None:
    """Label the last thing said before the mark: it wanted an answer."""
    last = _last_speech(heard, mark.marked_s)
    if last is None:
        return
    over = _steps(last, outcomes, tail_s=EVENT_TAIL_S)
    is_overlap = heard.truth.is_overlap[over]
    outcomes[over] = np.where(is_overlap, Outcome.INTERRUPTION, Outcome.HOLD)
    after = _steps(Span(last.end_s, min(mark.marked_s, last.end_s + LISTENING_S)), outcomes)
    is_silent = ~heard.truth.is_overlap[after]
    outcomes[after] = np.where(is_silent, Outcome.END_OF_TURN, outcomes[after])


def _label_cut_off(
    decision_s: float,
    heard: Heard,
    lexicons: Mapping[str, Lexicon],
    outcomes: npt.NDArray[np.int8],
) -> None:
    """Label the pause that was taken for the end, or the sound taken for an interruption."""
    at = max(0, min(round(decision_s / STEP_S) - 1, len(outcomes) - 1))
    last = _last_speech(heard, decision_s)
    if not heard.truth.is_overlap[at]:
        if last is not None:
            start_s = max(last.start_s, decision_s - _PAUSE_S)
            pause = _steps(Span(start_s, decision_s), outcomes)
            is_overlap = heard.truth.is_overlap[pause]
            outcomes[pause] = np.where(is_overlap, NOT_SCORED, Outcome.HOLD)
        return
    span = Span(max(0.0, decision_s - _OVERLAP_S), decision_s)
    if last is not None and last.end_s > span.start_s:
        span = Span(max(span.start_s, last.start_s), decision_s)
    outcome = _harmless(heard, span, lexicons)
    over = _steps(span, outcomes)
    outcomes[over] = np.where(heard.truth.is_overlap[over], outcome, NOT_SCORED)


def _harmless(heard: Heard, span: Span, lexicons: Mapping[str, Lexicon]) -> int:
    """Return what it was if no interruption; not scored where sound and words leave it open."""
    frames = slice(*(round(t * _FRAMES_A_SECOND) for t in (span.start_s, span.end_s)))
    is_voiced = heard.p_speech[frames] >= _VOICE_P
    if not len(is_voiced) or float(np.mean(is_voiced)) < _VOICED_SHARE:
        return Outcome.NOISE
    said = [c.text for c in heard.words if c.text and c.until_s >= span.start_s]
    if said and is_backchannel(of_text(lexicons, said[-1]), said[-1]):
        return Outcome.BACKCHANNEL
    return NOT_SCORED


def _last_speech(heard: Heard, before_s: float) -> Span | None:
    """Return the last run of speech that began before ``before_s``, cut off there."""
    speech = runs(heard.is_speech[: round(before_s * _FRAMES_A_SECOND)])
    if not speech:
        return None
    return Span(speech[-1].start / _FRAMES_A_SECOND, speech[-1].stop / _FRAMES_A_SECOND)


def _steps(span: Span, outcomes: npt.NDArray[np.int8], tail_s: float = 0.0) -> slice:
    first = max(0, int(np.ceil(span.start_s / STEP_S)))
    return slice(first, max(first, min(len(outcomes), int((span.end_s + tail_s) / STEP_S))))
