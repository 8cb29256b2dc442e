"""Written dialogues to training data: recordings of both sides, and files that name them.

A recording is named after what is said and how, and is there as a whole or not at all: a run that
was stopped goes on where it was. Files of samples are written when all recordings are there. Knows
no synthesizer; speakers are handed in.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import soundfile

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.training.data.casting import Cast, Casting, Utterance
from model.training.data.dialogues import Dialogue
from model.training.data.problems import BadSample, DataError, Fault, SkipLog
from model.training.data.samples import TAG
from model.training.data.whole_files import write_text, writing_whole
from model.vita_audio.conversation.prompt_texts import RECOGNITION, SYNTHESIS, SYSTEMS

_FULL_BYTES = 1 << 20  # less than a recording may take
_FOLDER = "audio"
_MIXTURE, _HELD_OUT = "mixture.toml", "held_out.toml"
_SPEECH, _RECOGNITION, _SYNTHESIS, _TEXT = (
    "speech_to_speech.jsonl",
    "recognition.jsonl",
    "synthesis.jsonl",
    "text.jsonl",
)

Line = dict[str, Any]
OnProgress = Callable[[int, int], None]


class Speaker(Protocol):
    """Speaks one utterance at a time."""

    def speak(self, utterance: Utterance) -> Samples:
        """Sound (n,) at 16 kHz; empty where nothing can be said."""
        ...


@dataclass(frozen=True, slots=True)
class Synthesized:
    """What is in the folder now.

    Attributes:
        n_made: recordings of this run; the others were there.
        lines: samples by file name.
    """

    mixture: Path
    n_recordings: int
    n_made: int
    lines: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Scene:
    dialogue: Dialogue
    cast: Cast

    @property
    def asked(self) -> tuple[Utterance, ...]:
        manner, language = self.cast.user, self.dialogue.language
        return tuple(Utterance(text, language, manner) for text in self.dialogue.turns[::2])

    @property
    def answered(self) -> tuple[Utterance, ...]:
        manner, language = self.cast.assistant, self.dialogue.language
        return tuple(Utterance(text, language, manner) for text in self.dialogue.turns[1::2])


class DataSynthesis:
    """Makes one folder of data.

    Args:
        speakers: as many as work side by side.
        skipped: dialogues that cannot be spoken go there.
    """

    def __init__(
        self, folder: Path, casting: Casting, speakers: Sequence[Speaker], skipped: SkipLog
    ) -> None:
        self._folder = folder
        self._casting = casting
        self._speakers = tuple(speakers)
        self._skipped = skipped

    def run(
        self,
        dialogues: Sequence[Dialogue],
        on_progress: OnProgress | None = None,
        held_out: float = 0.0,
    ) -> Synthesized:
        """Speaks what is not there yet, and writes the files of samples and their mixtures.

        Args:
            held_out: part of the dialogues that get files and a mixture of their own.

        Raises:
            DataError: nothing can be written, or no dialogue can be spoken.
        """
        scenes = list(self._scenes(dialogues))
        wanted = {u.key: u for scene in scenes for u in (*scene.asked, *scene.answered)}
        missing = [u for u in wanted.values() if not self._path(u).is_file()]
        silent = self._record(missing, len(wanted), on_progress)
        spoken = [scene for scene in scenes if self._is_spoken(scene, silent)]
        learnt = [scene for scene in spoken if scene.dialogue.lot >= held_out]
        if not learnt:
            raise DataError(f"{self._folder}: nothing to learn: {self._skipped.summary()}")
        kept_back = [scene for scene in spoken if scene.dialogue.lot < held_out]
        counts = self._write(learnt, _MIXTURE, "")
        if kept_back:
            counts |= self._write(kept_back, _HELD_OUT, "held_out-")
        else:  # what an earlier run held out is learnt now
            (self._folder / _HELD_OUT).unlink(missing_ok=True)
        n_made = len(missing) - len(silent)
        return Synthesized(self._folder / _MIXTURE, len(wanted) - len(silent), n_made, counts)

    def _write(self, scenes: Sequence[_Scene], mixture: str, prefix: str) -> dict[str, int]:
        """Returns how many samples are in which file."""
        files = {f"{prefix}{name}": lines for name, lines in self._files(scenes).items()}
        for name, lines in files.items():
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            write_text(self._folder / name, text, "samples")
        write_text(self._folder / mixture, _mixture(files), "the mixture")
        return {name: len(lines) for name, lines in files.items()}

    def _scenes(self, dialogues: Sequence[Dialogue]) -> Iterator[_Scene]:
        for dialogue in dialogues:
            try:
                yield _Scene(dialogue, self._casting.cast(dialogue))
            except BadSample as error:
                self._skipped.add(dialogue.place, error)

    def _record(
        self, missing: Sequence[Utterance], n_wanted: int, on_progress: OnProgress | None
    ) -> frozenset[str]:
        """Returns the keys of utterances in which nothing can be said."""
        free: SimpleQueue[Speaker] = SimpleQueue()
        for speaker in self._speakers:
            free.put(speaker)
        silent: set[str] = set()
        n_done = n_wanted - len(missing)
        with ThreadPoolExecutor(len(self._speakers), "synthesis") as pool:
            jobs = {pool.submit(self._speak, u, free): u for u in missing}
            try:
                for job in as_completed(jobs):
                    if not job.result():
                        silent.add(jobs[job].key)
                    n_done += 1
                    if on_progress is not None:
                        on_progress(n_done, n_wanted)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return frozenset(silent)

    def _speak(self, utterance: Utterance, free: SimpleQueue[Speaker]) -> bool:
        """Whether there was anything to hear."""
        speaker = free.get()
        try:
            samples = speaker.speak(utterance)
        finally:
            free.put(speaker)
        if len(samples) == 0:
            return False
        _write_sound(self._path(utterance), samples)
        return True

    def _is_spoken(self, scene: _Scene, silent: frozenset[str]) -> bool:
        for utterance in (*scene.asked, *scene.answered):
            if utterance.key in silent:
                what = f"{utterance.text!r} cannot be spoken"
                self._skipped.add(scene.dialogue.place, BadSample(Fault.WRONG_SHAPE, what))
                return False
        return True

    def _path(self, utterance: Utterance) -> Path:
        return self._folder / self._name(utterance)

    def _name(self, utterance: Utterance) -> str:
        return f"{_FOLDER}/{utterance.key}.flac"

    def _files(self, scenes: Sequence[_Scene]) -> dict[str, list[Line]]:
        utterances = {u.key: u for scene in scenes for u in (*scene.asked, *scene.answered)}
        answers = {u.key: u for scene in scenes for u in scene.answered}
        return {
            _SPEECH: [line for scene in scenes for line in self._spoken_lines(scene)],
            _RECOGNITION: [self._recognition(u) for u in utterances.values()],
            _SYNTHESIS: [self._synthesis(u) for u in answers.values()],
            _TEXT: [_written(scene.dialogue) for scene in scenes],
        }

    def _spoken_lines(self, scene: _Scene) -> Iterator[Line]:
        """One for each answer; what was said before it is written, as in a conversation."""
        system = _message("system", SYSTEMS[scene.cast.name])
        for n, (asked, answered) in enumerate(zip(scene.asked, scene.answered, strict=True)):
            earlier = [
                _message(role, text) | ({"learn": False} if role == "assistant" else {})
                for exchange in scene.dialogue.exchanges[:n]
                for role, text in zip(("user", "assistant"), exchange, strict=True)
            ]
            messages = [
                system,
                *earlier,
                _message("user", TAG),
                _message("assistant", f"{answered.text}\n{TAG}"),
            ]
            yield self._line(scene.dialogue.language, messages, asked, answered)

    def _recognition(self, utterance: Utterance) -> Line:
        messages = [
            _message("user", f"{RECOGNITION}\n{TAG}"),
            _message("assistant", utterance.text),
        ]
        return self._line(utterance.language, messages, utterance)

    def _synthesis(self, utterance: Utterance) -> Line:
        messages = [
            _message("user", f"{SYNTHESIS}\n{utterance.text}"),
            _message("assistant", TAG),
        ]
        return self._line(utterance.language, messages, utterance)

    def _line(self, language: str, messages: list[Line], *spoken: Utterance) -> Line:
        return {
            "messages": messages,
            "audios": [self._name(utterance) for utterance in spoken],
            "language": language,
            "voices": [utterance.manner.voice for utterance in spoken],
        }


def _written(dialogue: Dialogue) -> Line:
    roles = ("user", "assistant") * len(dialogue.exchanges)
    messages = [_message(role, text) for role, text in zip(roles, dialogue.turns, strict=True)]
    return {"messages": messages, "language": dialogue.language}


def _message(role: str, content: str) -> Line:
    return {"role": role, "content": content}


def _mixture(files: dict[str, list[Line]]) -> str:
    blocks = [f'[sources.{Path(name).stem}]\nfiles = ["{name}"]\nratio = 1.0\n' for name in files]
    return "\n".join(blocks)


def _write_sound(path: Path, samples: Samples) -> None:
    with writing_whole(path, "a recording") as part:
        try:
            soundfile.write(part, samples, ENGINE_RATE_HZ, "PCM_16")
            n_written = soundfile.info(part).frames
        except (soundfile.SoundFileError, AssertionError) as error:
            raise OSError(_reason(part.parent, error)) from error
        if n_written != len(samples):
            raise OSError(f"only {n_written} of {len(samples)} samples arrived")


def _reason(folder: Path, error: Exception) -> str:
    """Of a full disk the library does not say that it is full."""
    is_full = shutil.disk_usage(folder).free < _FULL_BYTES
    return "the disk is full" if is_full else " ".join(str(error).split())
