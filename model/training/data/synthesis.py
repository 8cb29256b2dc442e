"""Written dialogues to training data: recordings of both sides, and files that name them.

A recording is named after what is said and how, and is there as a whole or not at all: a run that
was stopped goes on where it was. Files of samples are written when all recordings are there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import soundfile

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.training.data.dialogues import Dialogue
from model.training.data.problems import BadSample, DataError, Fault, SkipLog, writing
from model.training.data.samples import TAG
from model.training.data.voice_assignment import (
    BundledSpeaker,
    DialogueVoices,
    Utterance,
    VoiceAssignment,
)
from model.vita_audio.conversation.prompts import RECOGNITION, SYNTHESIS, SYSTEMS

_FULL_BYTES = 1 << 20  # less than a recording may take
_FOLDER = "audio"
_MIXTURE, _HELD_OUT = "mixture.toml", "held_out.toml"

Line = dict[str, Any]
OnProgress = Callable[[int, int], None]


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
class _SpokenDialogue:
    dialogue: Dialogue
    voices: DialogueVoices
    asked: tuple[Utterance, ...]
    answered: tuple[Utterance, ...]

    @classmethod
    def of(cls, dialogue: Dialogue, voices: DialogueVoices) -> _SpokenDialogue:
        asked, answered = (
            tuple(Utterance(text, dialogue.language, style) for text in dialogue.turns[side::2])
            for side, style in enumerate((voices.user, voices.assistant))
        )
        return cls(dialogue, voices, asked, answered)

    @property
    def utterances(self) -> tuple[Utterance, ...]:
        return (*self.asked, *self.answered)


@dataclass(frozen=True, slots=True)
class DataSynthesis:
    """The making of one folder of data.

    Attributes:
        speakers: as many as work side by side.
        skipped: dialogues that cannot be spoken go there.
    """

    folder: Path
    assignment: VoiceAssignment
    speakers: Sequence[BundledSpeaker]
    skipped: SkipLog

    def run(
        self,
        dialogues: Sequence[Dialogue],
        on_progress: OnProgress | None = None,
        held_out: float = 0.0,
    ) -> Synthesized:
        """Speak what is not there yet, and write the files of samples and their mixtures.

        Args:
            held_out: part of the dialogues that get files and a mixture of their own.

        Raises:
            DataError: nothing can be written, or no dialogue can be spoken.
        """
        planned = list(self._planned(dialogues))
        wanted = {u.key: u for one in planned for u in one.utterances}
        missing = [u for u in wanted.values() if not (self.folder / _name(u)).is_file()]
        silent = self._record(missing, len(wanted), on_progress)
        spoken = [one for one in planned if self._is_spoken(one, silent)]
        learnt = [one for one in spoken if one.dialogue.lot >= held_out]
        if not learnt:
            raise DataError(f"{self.folder}: nothing to learn: {self.skipped.summary()}")
        kept_back = [one for one in spoken if one.dialogue.lot < held_out]
        counts = self._write(learnt, _MIXTURE, "")
        if kept_back:
            counts |= self._write(kept_back, _HELD_OUT, "held_out-")
        else:  # what an earlier run held out is learnt now
            (self.folder / _HELD_OUT).unlink(missing_ok=True)
        n_made = len(missing) - len(silent)
        return Synthesized(self.folder / _MIXTURE, len(wanted) - len(silent), n_made, counts)

    def _planned(self, dialogues: Sequence[Dialogue]) -> Iterator[_SpokenDialogue]:
        for dialogue in dialogues:
            try:
                yield _SpokenDialogue.of(dialogue, self.assignment.assign(dialogue))
            except BadSample as error:
                self.skipped.add(dialogue.place, error)

    def _record(
        self, missing: Sequence[Utterance], n_wanted: int, on_progress: OnProgress | None
    ) -> frozenset[str]:
        """Speak what is missing; return the keys of utterances in which nothing can be said."""
        free: SimpleQueue[BundledSpeaker] = SimpleQueue()
        for speaker in self.speakers:
            free.put(speaker)
        silent: set[str] = set()
        n_done = n_wanted - len(missing)
        with ThreadPoolExecutor(len(self.speakers), "synthesis") as pool:
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

    def _speak(self, utterance: Utterance, free: SimpleQueue[BundledSpeaker]) -> bool:
        """Write a recording; return whether there was anything to hear."""
        speaker = free.get()
        try:
            samples = speaker.speak(utterance)
        finally:
            free.put(speaker)
        if len(samples) == 0:
            return False
        _write_sound(self.folder / _name(utterance), samples)
        return True

    def _is_spoken(self, spoken: _SpokenDialogue, silent: frozenset[str]) -> bool:
        for utterance in spoken.utterances:
            if utterance.key in silent:
                what = f"{utterance.text!r} cannot be spoken"
                self.skipped.add(spoken.dialogue.place, BadSample(Fault.WRONG_SHAPE, what))
                return False
        return True

    def _write(
        self, spoken: Sequence[_SpokenDialogue], mixture: str, prefix: str
    ) -> dict[str, int]:
        """Write the files; return how many samples are in which."""
        utterances = {u.key: u for one in spoken for u in one.utterances}
        answers = {u.key: u for one in spoken for u in one.answered}
        files = {
            "speech_to_speech": [line for one in spoken for line in _conversations(one)],
            "recognition": [_recognition(u) for u in utterances.values()],
            "synthesis": [_synthesis(u) for u in answers.values()],
            "text": [_text(one.dialogue) for one in spoken],
        }
        counts: dict[str, int] = {}
        sources: list[str] = []
        for stem, lines in files.items():
            name = f"{prefix}{stem}.jsonl"
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            with writing(self.folder / name, "samples") as partial:
                partial.write_bytes(text.encode())
            counts[name] = len(lines)
            sources.append(f'[sources.{prefix}{stem}]\nfiles = ["{name}"]\nratio = 1.0\n')
        with writing(self.folder / mixture, "the mixture") as partial:
            partial.write_bytes("\n".join(sources).encode())
        return counts


def _name(utterance: Utterance) -> str:
    return f"{_FOLDER}/{utterance.key}.flac"


def _conversations(spoken: _SpokenDialogue) -> Iterator[Line]:
    """Yield a line for each answer; what was said before it is written."""
    system = _message("system", SYSTEMS[spoken.voices.name])
    earlier: list[Line] = []
    for asked, answered in zip(spoken.asked, spoken.answered, strict=True):
        question, answer = _message("user", TAG), _message("assistant", f"{answered.text}\n{TAG}")
        yield _line([system, *earlier, question, answer], asked, answered)
        earlier += [
            _message("user", asked.text),
            _message("assistant", answered.text) | {"learn": False},
        ]


def _recognition(utterance: Utterance) -> Line:
    request = _message("user", f"{RECOGNITION}\n{TAG}")
    return _line([request, _message("assistant", utterance.text)], utterance)


def _synthesis(utterance: Utterance) -> Line:
    request = _message("user", f"{SYNTHESIS}\n{utterance.text}")
    return _line([request, _message("assistant", TAG)], utterance)


def _text(dialogue: Dialogue) -> Line:
    roles = ("user", "assistant") * (len(dialogue.turns) // 2)
    messages = [_message(role, text) for role, text in zip(roles, dialogue.turns, strict=True)]
    return {"messages": messages, "language": dialogue.language}


def _line(messages: list[Line], *spoken: Utterance) -> Line:
    return {
        "messages": messages,
        "audios": [_name(utterance) for utterance in spoken],
        "language": spoken[0].language,
        "voices": [utterance.style.voice for utterance in spoken],
    }


def _message(role: str, content: str) -> Line:
    return {"role": role, "content": content}


def _write_sound(path: Path, samples: Samples) -> None:
    with writing(path, "a recording") as partial:
        try:
            soundfile.write(partial, samples, ENGINE_RATE_HZ, "PCM_16", format="FLAC")
            n_written = soundfile.info(partial).frames
        except (soundfile.SoundFileError, AssertionError) as error:
            # Of a full disk the library does not say that it is full.
            is_full = shutil.disk_usage(partial.parent).free < _FULL_BYTES
            reason = "the disk is full" if is_full else " ".join(str(error).split())
            raise OSError(reason) from error
        if n_written != len(samples):
            raise OSError(f"only {n_written} of {len(samples)} samples arrived")
