"""A speech model without intelligence: fixed replies, a synthetic voice, declared costs.

The reference for the contract of ``SpeechModel`` and the partner of repeatable conversations: the
same requests give the same events, sample for sample.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from audio_io.frames import AudioFrame, Samples, frozen, level_dbfs
from model.errors import ModelError
from model.events import (
    LoadProgress,
    Mark,
    ReplyEvent,
    SpeechChunk,
    TextDelta,
    TranscriptPartial,
    TurnTranscribed,
)
from model.requests import ReplyRequest
from model.types import CancelToken, TurnContext, TurnKey, VoiceChoice, VoicePreset

RATE_HZ = 24_000
_SYLLABLE_S = 0.2  # with 1.4 syllables a word and the gaps this is about 150 words a minute
_WORD_GAP_S = 0.06
_SENTENCE_GAP_S = 0.3
_PITCH_HZ = 180.0
_N_HARMONICS = 12
_PEAK = 0.35
_CLAUSE_WORDS = 6  # a chunk of speech; the word marks do not depend on it
_PARTIAL_EVERY_S = 0.4
_SPEECH_DBFS = -55.0  # louder frames count as words
_LONG_REPLY = (
    "I have heard you. This is an answer of some length, so that there is time to listen to it and "
    "time to interrupt it. It goes on for a while, and then it ends."
)
_UNKNOWN = "…"  # what was said when nobody wrote it down
_VOWELS = re.compile(r"[aeiouy]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Costs:
    """Declared seconds of work per call, charged in virtual time instead of measured ones."""

    load_s: float = 0.5
    hear_s: float = 0.001
    finish_s: float = 0.15
    first_token_s: float = 0.3
    clause_s: float = 0.08
    other_s: float = 0.001


@dataclass(frozen=True, slots=True)
class Script:
    """What the model hears and says, by number of the turn.

    Attributes:
        replies: replies, "" for an empty one; a turn without an entry is echoed.
        transcripts: what the user said.
        fails_in_turns: turns whose reply raises after its first words.
        dies_in_turns: turns in which the process ends (``SystemExit``).
    """

    replies: Mapping[int, str] = field(default_factory=dict[int, str])
    transcripts: Mapping[int, str] = field(default_factory=dict[int, str])
    fails_in_turns: frozenset[int] = frozenset()
    dies_in_turns: frozenset[int] = frozenset()
    costs: Costs = field(default_factory=Costs)


class ScriptedModel:
    """A ``SpeechModel`` for tests and demonstrations.

    Attributes:
        step_cost_s: declared cost of the last call, in seconds.
    """

    def __init__(self, script: Script | None = None) -> None:
        self._script = script or Script()
        self._turn: TurnKey | None = None
        self._heard_s = 0.0
        self._loud_s = 0.0
        self._partial = ""
        self._next_partial_s = _PARTIAL_EVERY_S
        self._voice = VoiceChoice()
        self.step_cost_s = 0.0

    @property
    def name(self) -> str:
        """Return the catalog's name."""
        return "scripted"

    @property
    def sample_rate_hz(self) -> int:
        """Return the rate of the speech it makes."""
        return RATE_HZ

    def load(self, report: Callable[[LoadProgress], None]) -> None:
        """Do nothing, in two steps."""
        self.step_cost_s = self._script.costs.load_s
        report(LoadProgress("script", 0.0))
        report(LoadProgress("script", 1.0))

    def voices(self) -> tuple[VoicePreset, ...]:
        """Return the one voice."""
        return (
            VoicePreset(
                "heart", "Synthetic", "en", "None", "none", "scripted", "This is a test.", 0.01
            ),
        )

    def begin_turn(self, key: TurnKey, context: TurnContext) -> None:
        """Open a turn."""
        del context  # the script knows the replies
        self.step_cost_s = self._script.costs.other_s
        if self._turn is None or key.turn != self._turn.turn:
            self._heard_s = self._loud_s = 0.0
            self._partial = ""
            self._next_partial_s = _PARTIAL_EVERY_S
        self._turn = key

    def hear(self, frame: AudioFrame) -> Iterable[TranscriptPartial]:
        """Let words appear at the rate of speech while the user is loud."""
        self.step_cost_s = self._script.costs.hear_s
        if self._turn is None:
            return ()
        seconds = len(frame.samples) / frame.rate_hz
        self._heard_s += seconds
        if level_dbfs(frame.samples) >= _SPEECH_DBFS:
            self._loud_s += seconds
        if self._loud_s < self._next_partial_s:
            return ()
        self._next_partial_s += _PARTIAL_EVERY_S
        words = self._transcript().split()
        text = " ".join(words[: max(1, int(self._loud_s / _PARTIAL_EVERY_S))])
        if text == self._partial:
            return ()
        self._partial = text
        return (TranscriptPartial(self._turn.turn, text, frame.end_s),)

    def finish_turn(self, key: TurnKey) -> Iterable[TurnTranscribed]:
        """Return the script's words, if anything loud was heard."""
        costs = self._script.costs
        self.step_cost_s = costs.finish_s
        if self._turn is None or key.turn != self._turn.turn:
            return ()
        self._turn = key
        text = self._transcript() if self._loud_s > 0.0 else ""
        return (TurnTranscribed(key, text, "en", costs.finish_s),)

    def reply(self, request: ReplyRequest, cancel: CancelToken) -> Iterator[ReplyEvent]:
        """Speak the script's reply, a clause a step. Raises as the script says."""
        costs, turn = self._script.costs, request.key.turn
        user_text = (request.context.user_text or "").strip()
        text = self._script.replies.get(turn, f"You said: {user_text}" if user_text else "")
        self._voice = request.voice
        self.step_cost_s = costs.first_token_s
        if turn in self._script.dies_in_turns:
            raise SystemExit(f"the script ends the process in turn {turn}")
        for count, event in enumerate(self._spoken(text, request.generation)):
            if cancel.is_cancelled:
                return
            self.step_cost_s = costs.first_token_s if count == 0 else costs.clause_s
            yield event
            if turn in self._script.fails_in_turns:
                raise ModelError(f"the script lets turn {turn} fail")

    def use_voice(self, voice: VoiceChoice) -> None:
        """Go on with ``voice`` from the next clause."""
        self.step_cost_s = self._script.costs.other_s
        self._voice = voice

    def say(self, text: str, voice: VoiceChoice, generation: int) -> Iterator[ReplyEvent]:
        """Speak ``text`` as it is."""
        self.step_cost_s = self._script.costs.clause_s
        self._voice = voice
        yield from self._spoken(text, generation)

    def forget_turn(self, key: TurnKey) -> None:
        """Forget the turn."""
        self.step_cost_s = self._script.costs.other_s
        if self._turn is not None and key.turn == self._turn.turn:
            self._turn = None

    def close(self) -> None:
        """Do nothing but forget the turn."""
        self._turn = None

    def _spoken(self, text: str, generation: int) -> Iterator[ReplyEvent]:
        words = list(re.finditer(r"\S+", text))
        n_samples = 0
        shown_to = 0
        for first in range(0, len(words), _CLAUSE_WORDS):
            clause = words[first : first + _CLAUSE_WORDS]
            shown = (
                words[first + _CLAUSE_WORDS].start() if len(words) > first + len(clause) else None
            )
            yield TextDelta(generation, text[shown_to:shown])
            shown_to = shown or len(text)
            start = n_samples
            rate = self._voice.rate
            parts: list[Samples] = []
            marks: list[Mark] = []
            for match in clause:
                sound = voiced(match.group(), rate)
                gap_s = _SENTENCE_GAP_S if match.group()[-1] in ".!?" else _WORD_GAP_S
                end = n_samples + len(sound)
                marks.append(Mark(match.start(), match.end(), n_samples, end))
                parts += [sound, np.zeros(int(gap_s / rate * RATE_HZ), np.float32)]
                n_samples = end + len(parts[-1])
            samples = frozen(np.concatenate(parts))
            yield SpeechChunk(generation, samples, start, RATE_HZ, tuple(marks))

    def _transcript(self) -> str:
        turn = self._turn.turn if self._turn is not None else -1
        return self._script.transcripts.get(turn, _UNKNOWN)


def build(weights_dir: Path, options: Mapping[str, str | int | float | bool]) -> ScriptedModel:
    """Make the catalog's "scripted"; ``reply`` and ``transcript`` hold for the first 1000 turns."""
    del weights_dir  # it needs none
    turns = range(1000)
    replies = {turn: str(options.get("reply", _LONG_REPLY)) for turn in turns}
    heard = {turn: str(options["transcript"]) for turn in turns} if "transcript" in options else {}
    return ScriptedModel(Script(replies, heard))


def voiced(word: str, rate: float = 1.0) -> Samples:
    """Return a harmonic tone a syllable, float32 (n,); the pitch follows the letters."""
    n_syllables = max(1, len(_VOWELS.findall(word)))
    n = int(_SYLLABLE_S / rate * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    envelope = np.sin(np.pi * np.arange(n) / n) ** 0.5
    syllables: list[Samples] = []
    for k in range(n_syllables):
        pitch_hz = _PITCH_HZ * (1.0 + (sum(map(ord, word)) + 7 * k) % 12 / 40.0)
        wave = sum(np.sin(2 * np.pi * pitch_hz * h * t) / h for h in range(1, _N_HARMONICS + 1))
        syllables.append((envelope * wave).astype(np.float32))
    sound = np.concatenate(syllables)
    return (sound * (_PEAK / np.max(np.abs(sound)))).astype(np.float32)
