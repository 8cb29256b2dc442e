"""Evaluating a model: recognition, synthesis, spoken questions. Work comes first, scores after it.

Every step keeps its results beside the sound it made, so a run that was cut goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.batch.batch import Batch, Order, Watcher
from app.batch.entries import Entry, Task, output_names
from app.batch.recording import open_recording
from app.batch.result_log import ResultLog
from app.batch.work import Workbench
from app.evaluation.evaluation_samples import Sample
from app.evaluation.speech_scores import Scored, TextNormalizer, errors, holds_answer, rows_of
from audio_io.frames import Samples

_ENDING = ".wav"

Rows = tuple[dict[str, str | int | float | None], ...]
Results = dict[str, Mapping[str, Any]]
WatcherFactory = Callable[[str, int], Watcher]
"""Called with the name of a step and how many entries it has."""


@dataclass(frozen=True, slots=True)
class EvaluationSetup:
    """What an evaluation works with.

    Attributes:
        model: name of the model under test; ``open_model`` loads it when there is work for it.
        reader: name of the model that speaks questions and reads speech back, likewise.
        told: gives a line about a failure of a model.
        quality: guesses the mean opinion score of float32 (n,) at 16 kHz; None: not scored.
    """

    model: str
    open_model: Callable[[], Workbench]
    reader: str
    open_reader: Callable[[], Workbench]
    told: Callable[[Exception], str]
    watcher: WatcherFactory
    quality: Callable[[Samples], float] | None = None


class Evaluation:
    """An evaluation of one model, with a folder for what the model makes."""

    def __init__(self, setup: EvaluationSetup, folder: Path, language: str = "auto") -> None:
        self._setup = setup
        self._folder = folder
        self._language = language
        self._normalized = TextNormalizer()

    def asr(self, samples: Sequence[Sample]) -> Rows:
        """Return word (Mandarin: character) errors; samples without sound are spoken first."""
        heard = self._heard(self._sounds(samples), "hear", of_model=True)
        return rows_of(self._compared(samples, heard))

    def tts(self, samples: Sequence[Sample], voice: str = "") -> Rows:
        """Return errors of spoken texts, read back by the reader's recogniser, and opinions."""
        texts = [Entry(sample.id, text=sample.text) for sample in samples]
        spoken, files = self._run(Task.SPEAK, texts, "speak", of_model=True, voice=voice)
        heard = self._heard(_made(files, spoken), "read back", of_model=False)
        return rows_of(
            [
                replace(
                    one,
                    compute_s=float(spoken[one.sample.id]["compute_s"] or 0.0),
                    sound_s=float(spoken[one.sample.id]["duration_s"] or 0.0),
                    opinion=self._opinion(files[one.sample.id]) if one.is_done else None,
                )
                for one in self._compared(samples, heard)
            ]
        )

    def sqa(self, samples: Sequence[Sample], voice: str = "") -> Rows:
        """Return how often an accepted answer is in the reply's text, and in its sound."""
        questions = [Entry(name, path) for name, path in self._sounds(samples).items()]
        answered, files = self._run(Task.ANSWER, questions, "answer", of_model=True, voice=voice)
        heard = self._heard(_made(files, answered), "read back", of_model=False)
        scored: list[Scored] = []
        for sample in samples:
            row, read = answered[sample.id], heard.get(sample.id)
            accepted = [self._normalized(answer, sample.language) for answer in sample.answers]
            scored.append(
                Scored(
                    sample,
                    is_done=row["error"] is None,
                    compute_s=float(row["compute_s"] or 0.0),
                    sound_s=float(row["duration_s"] or 0.0) + float(row["reply_duration_s"] or 0.0),
                    has_text_answer=self._holds(row, "reply_text", sample, accepted),
                    has_spoken_answer=self._holds(read, "text", sample, accepted),
                )
            )
        return rows_of(scored)

    def _sounds(self, samples: Sequence[Sample]) -> dict[str, Path]:
        """Recordings by id; what is only written is spoken by the reader."""
        sounds = {sample.id: sample.audio for sample in samples if sample.audio is not None}
        texts = [Entry(s.id, text=s.text) for s in samples if s.audio is None]
        if texts:
            rows, files = self._run(Task.SPEAK, texts, "speak questions", of_model=False)
            sounds |= _made(files, rows)
        return sounds

    def _heard(self, sounds: Mapping[str, Path], step: str, *, of_model: bool) -> Results:
        entries = [Entry(name, path) for name, path in sounds.items()]
        return self._run(Task.TRANSCRIBE, entries, step, of_model=of_model)[0]

    def _run(
        self, task: Task, entries: Sequence[Entry], step: str, *, of_model: bool, voice: str = ""
    ) -> tuple[Results, dict[str, Path]]:
        """Results and files by id; those of an earlier run are kept where nothing changed."""
        setup = self._setup
        files: dict[str, Path] = {}
        if task is not Task.TRANSCRIBE:
            names = output_names(entries, _ENDING)
            files = {name: self._folder / step / file for name, file in names.items()}
        name, opened = (
            (setup.model, setup.open_model) if of_model else (setup.reader, setup.open_reader)
        )
        order = Order(task, name, voice, 1.0, self._language, files)
        kept = _Kept(setup.watcher(step, len(entries)))
        log = ResultLog(self._folder / f"{step}.jsonl")
        try:
            Batch(order, opened, setup.told, log).run(entries, kept)
        finally:
            log.close()
        return kept.rows, files

    def _compared(self, samples: Sequence[Sample], heard: Results) -> list[Scored]:
        return [self._one(sample, heard.get(sample.id)) for sample in samples]

    def _one(self, sample: Sample, row: Mapping[str, Any] | None) -> Scored:
        """A text that was not heard at all counts as a failure, not as deleted words."""
        if row is None or row["error"] is not None:
            return Scored(sample, is_done=False)
        reference = self._normalized(sample.text, sample.language)
        found = errors(reference, self._normalized(row["text"] or "", sample.language))
        return Scored(
            sample,
            is_done=True,
            errors=found,
            compute_s=float(row["compute_s"] or 0.0),
            sound_s=float(row["duration_s"] or 0.0),
        )

    def _holds(
        self, row: Mapping[str, Any] | None, key: str, sample: Sample, accepted: Sequence[str]
    ) -> bool:
        if row is None or row["error"] is not None:
            return False
        return holds_answer(self._normalized(row[key] or "", sample.language), accepted)

    def _opinion(self, path: Path) -> float | None:
        if self._setup.quality is None:
            return None
        return self._setup.quality(np.concatenate(list(open_recording(path).blocks())))


def _made(files: Mapping[str, Path], rows: Results) -> dict[str, Path]:
    """The files that were really made."""
    return {
        name: path for name, path in files.items() if rows[name]["error"] is None and path.is_file()
    }


class _Kept:
    """A watcher that keeps what a batch reports and hands it on."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.rows: Results = {}

    def progress(self, done: float, total: float) -> None:
        self._watcher.progress(done, total)

    def ended(self, entry: Entry, row: Mapping[str, Any], *, was_done: bool) -> None:
        self.rows[entry.id] = row
        self._watcher.ended(entry, row, was_done=was_done)
