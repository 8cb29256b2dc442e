"""Models for work on files, and a watcher that remembers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.batch.entries import Entry
from audio_io.frames import AudioFrame
from model.events import ReplyEvent, TranscriptPartial, TurnTranscribed
from model.requests import ReplyRequest
from model.scripted import Script, ScriptedModel
from model.types import CancelToken, TurnContext, TurnKey

TURNS = range(1000)


def scripted(reply: str = "I hear you.", transcript: str = "hello there") -> ScriptedModel:
    """Answers every turn with ``reply``; every turn with sound in it was ``transcript``."""
    return ScriptedModel(Script(dict.fromkeys(TURNS, reply), dict.fromkeys(TURNS, transcript)))


class ListeningModel(ScriptedModel):
    """Remembers what it was given."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.turns: list[list[AudioFrame]] = []
        self.said: list[str] = []
        self.n_open = 0

    def begin_turn(self, key: TurnKey, context: TurnContext) -> None:
        self.turns.append([])
        self.n_open += 1
        super().begin_turn(key, context)

    def hear(self, frame: AudioFrame) -> Iterable[TranscriptPartial]:
        self.turns[-1].append(frame)
        return super().hear(frame)

    def forget_turn(self, key: TurnKey) -> None:
        self.n_open -= 1
        super().forget_turn(key)

    def say(self, text: str, voice: Any, generation: int) -> Iterator[ReplyEvent]:
        self.said.append(text)
        yield from super().say(text, voice, generation)


class EarModel(ScriptedModel):
    """Answers by ear; writes the turn down only while it answers."""

    def __init__(self, written: str | None = None) -> None:
        super().__init__(Script(dict.fromkeys(TURNS, "Yes.")))
        self._written = written

    def finish_turn(self, key: TurnKey) -> Iterable[TurnTranscribed]:
        return [replace(turn, text=None) for turn in super().finish_turn(key)]

    def reply(self, request: ReplyRequest, cancel: CancelToken) -> Iterator[ReplyEvent]:
        assert request.context.user_text is None
        for n, event in enumerate(super().reply(request, cancel)):
            if n == 1 and self._written is not None:
                yield TurnTranscribed(request.key, self._written, "en", 0.0)
            yield event


class WritingEarModel(EarModel):
    """Writes a turn down when asked for it."""

    def write_down(self, key: TurnKey) -> TurnTranscribed:
        return TurnTranscribed(key, f"turn {key.turn}", "zh", 0.0)


class Watch:
    """Remembers what it saw."""

    def __init__(self) -> None:
        self.reports: list[tuple[float, float]] = []
        self.rows: list[Mapping[str, Any]] = []
        self.n_done_before = 0

    def progress(self, done: float, total: float) -> None:
        self.reports.append((done, total))

    def ended(self, entry: Entry, row: Mapping[str, Any], *, was_done: bool) -> None:
        assert row["id"] == entry.id
        self.rows.append(row)
        self.n_done_before += was_done
