"""One file or text at a time through a speech model: write down, answer, speak."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from app.batch.recording import Recording, frames, open_recording
from app.batch.sound_file import SoundFileWriter, writing
from app.batch.stretches import Stretch, StretchCutter, StretchSettings
from app.messages.errors import ParleyError
from audio_io.frames import AudioFrame
from audio_io.interfaces import VoiceActivityDetector
from model.events import ReplyEvent, SpeechChunk, TextDelta, TurnTranscribed
from model.interfaces import SpeechModel
from model.requests import ReplyRequest
from model.types import CancelToken, TurnContext, TurnKey, VoiceChoice

PIECE_CHARACTERS = 400  # about 25 s of English; a model speaks that much without losing its place
_BREATHS = (
    re.compile(r"\n\s*"),
    re.compile(r"[.!?…][\"'”’)]*\s+|[。！？][”’」』）]*"),
    re.compile(r"[,;:—]\s+|[，；：、]"),
    re.compile(r"\s+"),
)  # best first
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")

Report = Callable[[float, float], None]  # done, of how much: seconds heard, characters spoken


class WorkError(ParleyError):
    """The model had nothing to give for this entry."""


@runtime_checkable
class WritesDown(Protocol):
    """A model that answers by ear and can also transcribe what it heard.

    Its words take precedence over those of ``finish_turn``, which come from a recogniser beside it.
    """

    def write_down(self, key: TurnKey) -> TurnTranscribed:
        """Transcribe the turn that was finished last, however long that takes."""
        ...


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a recording and its words."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one entry.

    Attributes:
        text: what was said, or was to be spoken; None where the model answered without writing.
        duration_s: length of the recording, or of the speech that was made from a text.
        reply_duration_s: length of the answer; None where there is none.
        compute_s: time from the first byte read to the last one written, without loading the model.
    """

    text: str | None
    language: str | None
    duration_s: float
    compute_s: float
    reply_text: str | None = None
    reply_audio: Path | None = None
    reply_duration_s: float | None = None
    segments: tuple[Segment, ...] = field(default=())

    @property
    def real_time_factor(self) -> float | None:
        """Return seconds of work per second of sound heard and made; None without sound."""
        sound_s = self.duration_s + (self.reply_duration_s or 0.0)
        return self.compute_s / sound_s if sound_s > 0.0 else None


class Workbench:
    """A loaded model at work; every entry is a conversation of its own."""

    def __init__(
        self,
        model: SpeechModel,
        detector: Callable[[], VoiceActivityDetector],
        language: str = "en",
        stretches: StretchSettings | None = None,
    ) -> None:
        """Take a loaded model.

        Args:
            detector: makes a detector when a recording is longer than one turn of ``stretches``.
            language: assumed for a turn whose language the model does not tell.
        """
        self._model = model
        self._detector = detector
        self._language = language
        self._stretches = stretches or StretchSettings()
        self._n_turns = 0

    def transcribe(self, path: Path, report: Report) -> Outcome:
        """Write down a recording of any length.

        Raises:
            BadInputError: it cannot be read.
            WorkError: the model does not write down what it hears.
            ModelError: the model failed.
        """
        started = time.perf_counter()
        recording = open_recording(path)
        segments: list[Segment] = []
        n_written: dict[str, int] = {}
        for stretch in self._cut(recording):
            words = self._written(stretch)
            text = (words.text or "").strip()
            if text:
                segments.append(Segment(round(stretch.start_s, 3), round(stretch.end_s, 3), text))
                n_written[words.language] = n_written.get(words.language, 0) + len(text)
            report(stretch.end_s, recording.duration_s)
        return Outcome(
            joined(segment.text for segment in segments),
            max(n_written, key=lambda name: n_written[name], default=None),
            recording.duration_s,
            time.perf_counter() - started,
            segments=tuple(segments),
        )

    def answer(self, path: Path, out: Path | None, voice: VoiceChoice, report: Report) -> Outcome:
        """Take the whole recording as one turn of a user and write the reply to ``out``.

        Raises:
            BadInputError: it cannot be read.
            WorkError: nobody speaks in it, or the model has nothing to say.
            OutputError: the reply cannot be written.
            ModelError: the model failed.
        """
        started = time.perf_counter()
        recording = open_recording(path)

        def heard() -> Iterator[AudioFrame]:
            for frame in frames(recording.blocks()):
                yield frame
                report(frame.end_s, recording.duration_s)

        key = self._next_key()
        try:
            turn = self._turn(key, heard())
            if turn.text is not None and not turn.text.strip():
                raise WorkError(f"{path}: no words were heard in it")
            context = TurnContext((), turn.text, turn.language)
            voice = voice if voice.preset else replace(voice, preset=self._voice_of(turn.language))
            request = ReplyRequest(key.turn, key, context, voice)
            spoken = _Spoken()
            with _place(out) as writer:
                spoken.take(self._model.reply(request, CancelToken()), writer)
        finally:
            self._model.forget_turn(key)
        turn, reply_text = spoken.written or turn, spoken.text.strip()
        if not reply_text and not spoken.duration_s:
            raise WorkError(f"{path}: the model gave no answer")
        return Outcome(
            turn.text,
            turn.language,
            recording.duration_s,
            time.perf_counter() - started,
            reply_text,
            out if spoken.duration_s else None,
            spoken.duration_s,
        )

    def speak(self, text: str, out: Path, voice: VoiceChoice, report: Report) -> Outcome:
        """Speak a text of any length to ``out``, as it is made.

        Args:
            voice: without a preset, the first one that speaks the language of ``text``.

        Raises:
            WorkError: there is nothing in it that can be spoken.
            OutputError: the speech cannot be written.
            ModelError: the model failed.
        """
        started = time.perf_counter()
        language = written_language(text)
        voice = voice if voice.preset else replace(voice, preset=self._voice_of(language))
        spoken = _Spoken()
        n_said = 0
        with _place(out) as writer:
            for piece in pieces(text):
                self._n_turns += 1
                spoken.take(self._model.say(piece, voice, self._n_turns), writer)
                n_said += len(piece)
                report(n_said, len(text))
        if not spoken.duration_s:
            raise WorkError(f"nothing of the text can be spoken with voice {voice.preset!r}")
        compute_s = time.perf_counter() - started
        return Outcome(text, language, spoken.duration_s, compute_s, reply_audio=out)

    def _voice_of(self, language: str) -> str:
        """Return the usual voice where it is there and fits, else the first that fits."""
        languages = {preset.id: preset.language for preset in self._model.voices()}
        usual = VoiceChoice().preset
        if not languages or languages.get(usual) == language:
            return usual
        fitting = (name for name, spoken in languages.items() if spoken == language)
        return next(fitting, next(iter(languages)))

    def _cut(self, recording: Recording) -> Iterator[Stretch]:
        """Yield stretches; what fits into one turn stays whole: a detector would only lose some."""
        if recording.duration_s <= self._stretches.at_most_s:
            yield Stretch(np.concatenate(list(recording.blocks())), 0)
            return
        cutter = StretchCutter(self._detector(), self._stretches)
        for block in recording.blocks():
            yield from cutter.push(block)
        yield from cutter.finish()

    def _written(self, stretch: Stretch) -> TurnTranscribed:
        """Return the words of one stretch, heard as a turn of its own."""
        key = self._next_key()
        try:
            turn = self._turn(key, frames([stretch.samples]))
            if isinstance(self._model, WritesDown) and turn.text != "":
                turn = self._model.write_down(key)
        finally:
            self._model.forget_turn(key)
        if turn.text is None:
            raise WorkError(
                f"model {self._model.name!r} answers speech but does not write it down; "
                "choose another one with --model"
            )
        return turn

    def _turn(self, key: TurnKey, heard: Iterable[AudioFrame]) -> TurnTranscribed:
        model = self._model
        model.begin_turn(key, TurnContext(language=self._language))
        for frame in heard:
            for _ in model.hear(frame):
                pass  # partial words are for a screen
        turn = TurnTranscribed(key, None, self._language, 0.0)
        for event in model.finish_turn(key):
            if isinstance(event, TurnTranscribed):
                turn = event
        return turn

    def _next_key(self) -> TurnKey:
        self._n_turns += 1
        return TurnKey(self._n_turns)


class _Spoken:
    """A reply on its way to a file; nothing is kept but the text.

    Attributes:
        written: the user's words, where the model writes them down while it answers.
    """

    def __init__(self) -> None:
        self.text = ""
        self.duration_s = 0.0
        self.written: TurnTranscribed | None = None

    def take(self, events: Iterator[ReplyEvent], writer: SoundFileWriter | None) -> None:
        """Consume all of ``events``."""
        try:
            for event in events:
                match event:
                    case TextDelta():
                        self.text += event.text
                    case TurnTranscribed():
                        self.written = event
                    case SpeechChunk():
                        self.duration_s += len(event.samples) / event.rate_hz
                        if writer is not None and len(event.samples):
                            writer.write(event.samples, event.rate_hz)
        finally:
            close = getattr(events, "close", None)  # of a generator: frees the reply's state
            if close is not None:
                close()


def _place(out: Path | None) -> AbstractContextManager[SoundFileWriter | None]:
    return nullcontext() if out is None else writing(out)


def written_language(text: str) -> str:
    """Return "zh" or "en" by the characters; one ideograph says about as much as four letters."""
    n_ideographs = len(_UNSPACED.findall(text))
    n_letters = sum(map(str.isalpha, text)) - n_ideographs
    return "zh" if 4 * n_ideographs > n_letters else "en"


def joined(texts: Iterable[str]) -> str:
    """Join the texts of stretches with spaces, in scripts without spaces with commas."""
    text = ""
    for part in texts:
        if text and part:
            has_no_spaces = _UNSPACED.match(text[-1]) and _UNSPACED.match(part[0])
            text += "，" if has_no_spaces else " "
        text += part
    return text


def pieces(text: str, at_most: int = PIECE_CHARACTERS) -> Iterator[str]:
    """Cut a text where a speaker would breathe: yield all of it but white space at the joints.

    Args:
        at_most: characters of a piece.
    """
    start, end = 0, len(text)
    while end - start > at_most:
        cut = _breath(text, start, start + at_most)
        if piece := text[start:cut].strip():
            yield piece
        start = cut
    if piece := text[start:].strip():
        yield piece


def _breath(text: str, start: int, stop: int) -> int:
    """Return the last good place in the second half, else the last one at all."""
    middle = (start + stop) // 2
    for lowest in (middle, start):
        for kind in _BREATHS:
            ends = [match.end() for match in kind.finditer(text, start, stop)]
            fitting = [end for end in ends if end > lowest]
            if fitting:
                return fitting[-1]
    return stop
