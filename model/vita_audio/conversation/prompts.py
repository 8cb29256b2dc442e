"""What VITA-Audio reads, task by task, as token ids: ChatML without a default system line.

The fixed sentences are part of the model's interface and therefore literal; those of the training
data were not verified. What people write is never read as special tokens. Audio arrives as codes,
or as a number of frames whose places are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.errors import ModelError
from model.types import Message
from model.vita_audio.language_model.tokens import TokenTable

if TYPE_CHECKING:  # the sentences are read where no tokenizer is installed
    from model.vita_audio.language_model.text_tokenizer import TextTokenizer

N_QUERY_POSITIONS = 4  # SenseVoice puts the states of its queries before those of the frames
# A row of the last training stage, prompt and answer together, was 2 048 tokens.
HISTORY_TOKENS = 1536
_DROPPED_PARTS = 4  # history is dropped a quarter of its budget at a time

# Who speaks, as the demonstration says it; training and evaluation also used the other two.
LUKE = "Your Name: Luke\nYour Gender: male\n\nRespond in a text-audio interleaved manner."
LUCY = "Your Name: Lucy\nYour Gender: female\nRespond in a text-audio interleaved manner."
OMNI = "Your Name: Omni\nYour Gender: female\nRespond in a text-audio interleaved manner."
SYSTEMS: Mapping[str, str] = {"luke": LUKE, "lucy": LUCY, "omni": OMNI}

RECOGNITION = "Convert the speech to text."
SYNTHESIS = "Convert the text to speech."


@dataclass(frozen=True, slots=True)
class DiscreteAudio:
    """Sound as codes of the GLM-4-Voice tokenizer."""

    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ContinuousAudio:
    """Sound as ``n_frames`` stacked frames of 60 ms, which go through SenseVoice."""

    n_frames: int


Audio = DiscreteAudio | ContinuousAudio


@dataclass(frozen=True, slots=True)
class AudioSpan:
    """``ids[start : start + n_positions]`` are placeholders of continuous audio.

    Attributes:
        n_positions: states of the encoder, those of its four queries included.
    """

    start: int
    n_positions: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids up to where the assistant begins.

    Attributes:
        audio: where continuous audio goes.
    """

    ids: tuple[int, ...]
    audio: AudioSpan | None = None


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A prompt around the user's audio: what is known before it ends can be computed before.

    Attributes:
        before_audio: up to and including the tag that begins the audio.
        after_audio: from the tag that ends the audio on.
    """

    before_audio: tuple[int, ...]
    after_audio: tuple[int, ...]
    table: TokenTable

    def with_audio(self, audio: Audio) -> Prompt:
        """Return the whole prompt. Raises ModelError if the variant does not take such audio."""
        inside = ids_of_audio(self.table, audio)
        is_continuous = isinstance(audio, ContinuousAudio)
        span = AudioSpan(len(self.before_audio), len(inside)) if is_continuous else None
        return Prompt((*self.before_audio, *inside, *self.after_audio), span)


def speech_turn(
    tokenizer: TextTokenizer,
    history: Sequence[Message] = (),
    system: str = LUKE,
    message: str = "",
) -> OpenTurn:
    """Ask for a spoken answer to audio; ``message`` is text that goes with it."""
    before = _Draft(tokenizer)
    before.add("system", system)
    before.add_history(history)
    before.open("user")
    before.write(f"{message}\n")
    return _around_audio(before)


def recognition(tokenizer: TextTokenizer, audio: Audio) -> Prompt:
    """Ask for the words of ``audio``."""
    before = _Draft(tokenizer)
    before.open("user")
    before.write(f"{RECOGNITION}\n")
    return _around_audio(before).with_audio(audio)


def synthesis(tokenizer: TextTokenizer, text: str) -> Prompt:
    """Ask to read ``text`` aloud."""
    draft = _Draft(tokenizer)
    draft.add("user", f"{SYNTHESIS}\n{text}")
    return draft.ask()


def text_chat(
    tokenizer: TextTokenizer, text: str, history: Sequence[Message] = (), system: str = ""
) -> Prompt:
    """Ask for an answer to ``text``."""
    draft = _Draft(tokenizer)
    if system:
        draft.add("system", system)
    draft.add_history(history)
    draft.add("user", text)
    return draft.ask()


def trimmed_history(
    tokenizer: TextTokenizer, history: Sequence[Message], budget_tokens: int = HISTORY_TOKENS
) -> tuple[Message, ...]:
    """Drop whole turns, oldest first, until the rest fits into ``budget_tokens``.

    As a conversation grows, the first turn that is kept changes only every quarter of the budget:
    what was computed for the turns before it stays valid until then.
    """
    turns: list[list[Message]] = []
    for message in history:  # a turn begins with the user's words
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    sizes = [_size(tokenizer, turn) for turn in turns]
    excess = sum(sizes) - budget_tokens
    step = max(1, budget_tokens // _DROPPED_PARTS)
    to_drop = -(-excess // step) * step if excess > 0 else 0
    first = 0
    while first < len(turns) and to_drop > 0:
        to_drop -= sizes[first]
        first += 1
    return tuple(message for turn in turns[first:] for message in turn)


def ids_of_audio(table: TokenTable, audio: Audio) -> list[int]:
    """Return the ids that stand between the two tags of ``audio``.

    Raises:
        ModelError: the variant does not take such audio.
        ValueError: a code that does not exist.
    """
    if isinstance(audio, ContinuousAudio):
        if table.context_of_audio is None:
            raise ModelError(
                "this variant hears codes of the GLM-4-Voice tokenizer, not SenseVoice frames: "
                "its vocabulary has no <|context_of_audio|>"
            )
        return [table.context_of_audio] * (audio.n_frames + N_QUERY_POSITIONS)
    ids = [table.id_of(code) for code in audio.codes]
    strange = [code for code, id_ in zip(audio.codes, ids, strict=True) if not table.is_code(id_)]
    if strange:
        raise ValueError(f"audio codes are 0 to {table.n_codes - 1}, not {strange[0]}")
    return ids


class _Draft:
    """Ids of a prompt being written; text between two special tokens is encoded as one piece."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self.tokenizer = tokenizer
        self._ids: list[int] = []
        self._text = ""

    def write(self, text: str) -> None:
        self._text += text

    def mark(self, *ids: int) -> None:
        """Append special tokens or codes."""
        self._ids += self.tokenizer.encode(self._text)
        self._text = ""
        self._ids += ids

    def open(self, role: str) -> None:
        self.mark(self.tokenizer.table.im_start)
        self.write(f"{role}\n")

    def close(self) -> None:
        self.mark(self.tokenizer.table.im_end)
        self.write("\n")

    def add(self, role: str, content: str) -> None:
        self.open(role)
        self.write(content)
        self.close()

    def add_history(self, history: Sequence[Message]) -> None:
        """Append earlier turns as text: of a reply that was cut, what was heard.

        A message without words is left out: an empty reply would teach the model to be silent.
        """
        for message in history:
            if message.text.strip():
                self.add(message.role, message.text)

    def ask(self) -> Prompt:
        """Begin the assistant's turn."""
        self.open("assistant")
        return Prompt(self.ids())

    def ids(self) -> tuple[int, ...]:
        self.mark()
        return tuple(self._ids)


def _around_audio(before: _Draft) -> OpenTurn:
    tokenizer = before.tokenizer
    table = tokenizer.table
    before.mark(table.begin_of_audio)
    after = _Draft(tokenizer)
    after.mark(table.end_of_audio)
    after.close()
    return OpenTurn(before.ids(), after.ask().ids, table)


def _size(tokenizer: TextTokenizer, turn: Sequence[Message]) -> int:
    draft = _Draft(tokenizer)
    draft.add_history(turn)
    return len(draft.ids())
