"""The labelled tests as clips of their own split: to look at while training, never to learn from.

Reads ``turns/labels.jsonl`` and ``bargein/labels.jsonl``. Knows no scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio_io.frames import frozen
from model.duplex.classes import Outcome
from model.training.duplex.data_error import DataError
from model.training.duplex.floor_scenes import LISTENING_S, NOISE_TAIL_S, STUCK_S
from model.training.duplex.json_lines import Record, read_records
from model.training.duplex.overlap_scenes import EVENT_TAIL_S
from model.training.duplex.recordings import TEST_LABELS, read_channels
from model.training.duplex.scene import Label, Scene, Span

_ECHO_TAIL_S = 0.3  # the far end is heard this much longer than it plays
_WHOLE_SCENE_S = 1e6
_OVERLAP_EVENTS = {
    "user_interruption": Outcome.INTERRUPTION,
    "user_backchannel": Outcome.BACKCHANNEL,
}


@dataclass(frozen=True, slots=True)
class LabelledTest:
    """One recording of the tests."""

    id: str
    path: Path
    record: Record
    is_overlap: bool

    def scene(self) -> Scene:
        """Reads the sound. Raises DataError."""
        return _overlap(self) if self.is_overlap else _turn(self)


def read_tests(folder: Path) -> Iterator[LabelledTest]:
    """Those that are there. Raises DataError."""
    for labels in TEST_LABELS:
        if not (folder / labels).is_file():
            continue
        for record in read_records(folder / labels):
            path = folder / record.text("path")
            if not path.is_file():
                raise DataError(f'{record.where}: key "path": {path} is missing')
            is_overlap = labels == TEST_LABELS[1]
            yield LabelledTest(f"test-{record.text('id')}", path, record, is_overlap)


def _turn(test: LabelledTest) -> Scene:
    record = test.record
    labels: list[Label] = []
    start_s = 0.0
    for event in record.objects("events"):
        match event.text("event"):
            case "speech_start":
                start_s = event.seconds("t")
            case "end_of_turn":
                end_s = event.seconds("t")
                labels.append(Label(Span(start_s, end_s), Outcome.CONTINUE))
                labels.append(Label(Span(end_s, end_s + LISTENING_S), Outcome.END_OF_TURN))
            case "incomplete_stop":
                stuck_s = event.seconds("t") + STUCK_S
                labels.append(Label(Span(start_s, stuck_s), Outcome.CONTINUE))
            case _:
                pass
    microphone = read_channels(test.path, 1)[0]
    return Scene(
        kind=record.text("kind"),
        language=record.text("lang"),
        microphone=microphone,
        loudspeaker=frozen(np.zeros_like(microphone)),
        agent=(),
        agent_words=(),
        labels=tuple(labels),
        one_turn=True,
        recognizer="en",
        speakers=(record.text("speaker"),),
        sources=(record.text("source_id"),),
        licences=(record.text("licence"),),
    )


def _overlap(test: LabelledTest) -> Scene:
    """Without a far end a reply is being played on headphones, unless the user takes a turn."""
    record = test.record
    microphone, loudspeaker = read_channels(test.path, 2)
    far = record.child("far")
    times = [t for pair in far.spans("segments") for t in pair] if far else []
    agent: tuple[Span, ...] = ()
    if times:
        agent = (Span(min(times), max(times) + _ECHO_TAIL_S),)
    elif record.text("category") != "near_only":
        agent = (Span(0.0, _WHOLE_SCENE_S),)
    labels = [Label(span, Outcome.NOISE) for span in agent]
    for event in record.objects("events"):
        labels.extend(_event_labels(event))
    return Scene(
        kind=record.text("category"),
        language=record.text("lang"),
        microphone=microphone,
        loudspeaker=loudspeaker,
        agent=agent,
        agent_words=(),
        labels=tuple(labels),
        one_turn=False,
        recognizer="en",
        speakers=("test",),
        sources=(record.text("id"),),
        licences=("of its parts",),
    )


def _event_labels(event: Record) -> Iterator[Label]:
    onset_s, end_s = event.seconds("onset"), event.seconds("end")
    kind = event.text("event")
    if kind in _OVERLAP_EVENTS:
        yield Label(Span(onset_s, end_s + EVENT_TAIL_S), _OVERLAP_EVENTS[kind])
    elif kind == "user_turn":
        yield Label(Span(onset_s, end_s), Outcome.CONTINUE)
        yield Label(Span(end_s, end_s + LISTENING_S), Outcome.END_OF_TURN)
    else:
        yield Label(Span(onset_s, end_s + NOISE_TAIL_S), Outcome.NOISE)
