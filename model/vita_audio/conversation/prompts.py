"""Writes what VITA-Audio reads, task by task, as token ids: ChatML without a default system line.

The fixed sentences are part of the model's interface and therefore literal; those of the training
data were not verified. Text of people is never read as special tokens. Knows no network and no
sound: audio arrives as codes, or as a number of frames whose places are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.errors import ModelError
from model.types import Message
from model.vita_audio.conversation.prompt_texts import LUKE, RECOGNITION, SYNTHESIS
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.language_model.tokens import TokenTable

N_QUERY_POSITIONS = 4  # SenseVoice puts the states of its queries before those of the frames
# A row of the last training stage, prompt and answer together, was 2 048 tokens.
HISTORY_TOKENS = 1536
_DROPPED_PARTS = 4  # history is dropped a quarter of its budget at a time

_VOICE = "Your Voice: "


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
        audio: where continuous audio goes, in the order of the ids.
    """

    ids: tuple[int, ...]
    audio: tuple[AudioSpan, ...] = ()


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
        """The whole prompt. Raises ModelError where the variant does not take such audio."""
        inside = ids_of_audio(self.table, audio)
        spans: tuple[AudioSpan, ...] = ()
        if isinstance(audio, ContinuousAudio):
            spans = (AudioSpan(len(self.before_audio), len(inside)),)
        return Prompt((*self.before_audio, *inside, *self.after_audio), spans)


def speech_to_speech(
    tokenizer: TextTokenizer,
    audio: Audio,
    history: Sequence[Message] = (),
    system: str = LUKE,
    message: str = "",
) -> Prompt:
    """A spoken answer to ``audio``; ``message`` is text that goes with it."""
    return speech_turn(tokenizer, history, system, message).with_audio(audio)


def speech_turn(
    tokenizer: TextTokenizer,
    history: Sequence[Message] = (),
    system: str = LUKE,
    message: str = "",
) -> OpenTurn:
    """``speech_to_speech`` for audio that is still being spoken."""
    before = _Draft(tokenizer)
    before.add("system", system)
    before.add_history(history)
    before.open("user")
    before.write(f"{message}\n")
    return _around_audio(before)


def recognition(tokenizer: TextTokenizer, audio: Audio) -> Prompt:
    """The words of ``audio``."""
    return recognition_turn(tokenizer).with_audio(audio)


def recognition_turn(tokenizer: TextTokenizer) -> OpenTurn:
    """``recognition`` of audio that is still being spoken."""
    before = _Draft(tokenizer)
    before.open("user")
    before.write(f"{RECOGNITION}\n")
    return _around_audio(before)


def synthesis(tokenizer: TextTokenizer, text: str, voice: Audio | None = None) -> Prompt:
    """``text`` read aloud, in the manner of ``voice``.

    The decoder of speech is not told who speaks, so little of ``voice`` is heard. Whether the Plus
    variants expect it as codes or as frames is not verified.
    """
    draft = _Draft(tokenizer)
    if voice is not None:
        draft.open("system")
        draft.write(_VOICE)
        draft.put_audio(voice)
        draft.write("\n")
        draft.close()
    draft.add("user", f"{SYNTHESIS}\n{text}")
    return draft.ask()


def text_chat(
    tokenizer: TextTokenizer, text: str, history: Sequence[Message] = (), system: str = ""
) -> Prompt:
    """An answer to ``text``, written only."""
    draft = _Draft(tokenizer)
    if system:
        draft.add("system", system)
    draft.add_history(history)
    draft.add("user", text)
    return draft.ask()


def trimmed_history(
    tokenizer: TextTokenizer, history: Sequence[Message], budget_tokens: int = HISTORY_TOKENS
) -> tuple[Message, ...]:
    """Drops whole turns, oldest first, until the rest fits into ``budget_tokens``.

    As a conversation grows, the first turn that is kept changes only every quarter of the budget:
    what was computed for the turns before it stays valid until then.
    """
    turns = _turns(history)
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
    """What stands between the two tags of ``audio``.

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
    """Ids of a prompt being written. Text between two special tokens is tokenised as one piece."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self.tokenizer = tokenizer
        self._im_start, self._im_end = _turn_marks(tokenizer)
        self._ids: list[int] = []
        self._text = ""
        self._spans: list[AudioSpan] = []

    def write(self, text: str) -> None:
        self._text += text

    def mark(self, *ids: int) -> None:
        """Special tokens or codes."""
        self._ids += self.tokenizer.encode(self._text)
        self._text = ""
        self._ids += ids

    def open(self, role: str) -> None:
        self.mark(self._im_start)
        self.write(f"{role}\n")

    def close(self) -> None:
        self.mark(self._im_end)
        self.write("\n")

    def add(self, role: str, content: str) -> None:
        self.open(role)
        self.write(content)
        self.close()

    def add_history(self, history: Sequence[Message]) -> None:
        """Earlier turns as text: of a reply that was cut, what was heard.

        Of a message without words nothing is written: an empty reply would teach to be silent.
        """
        for message in history:
            if message.text.strip():
                self.add(message.role, message.text)

    def put_audio(self, audio: Audio) -> None:
        table = self.tokenizer.table
        inside = ids_of_audio(table, audio)
        self.mark(table.begin_of_audio)
        if isinstance(audio, ContinuousAudio):
            self._spans.append(AudioSpan(len(self._ids), len(inside)))
        self.mark(*inside, table.end_of_audio)

    def ask(self) -> Prompt:
        """The assistant's turn begins."""
        self.open("assistant")
        return Prompt(self.ids(), tuple(self._spans))

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


def _turns(messages: Sequence[Message]) -> list[list[Message]]:
    """Groups messages; a turn begins with the user's words."""
    turns: list[list[Message]] = []
    for message in messages:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _size(tokenizer: TextTokenizer, turn: Sequence[Message]) -> int:
    draft = _Draft(tokenizer)
    draft.add_history(turn)
    return len(draft.ids())


def _turn_marks(tokenizer: TextTokenizer) -> tuple[int, int]:
    start = tokenizer.convert_tokens_to_ids("<|im_start|>")
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    if start is None or end is None:
        raise ModelError("the tokenizer has no <|im_start|> or <|im_end|>: not a chat model's")
    return start, end
