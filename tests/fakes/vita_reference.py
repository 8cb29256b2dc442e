"""What VITA-Audio computes, written the plain way: tests compare the program's way with it."""

from __future__ import annotations

from collections.abc import Sequence

from model.types import Message
from model.vita_audio.conversation.prompts import LUKE, Audio, Prompt, speech_turn, synthesis
from model.vita_audio.language_model.text_tokenizer import TextTokenizer


def speech_to_speech(
    tokenizer: TextTokenizer,
    audio: Audio,
    history: Sequence[Message] = (),
    system: str = LUKE,
    message: str = "",
) -> Prompt:
    """A spoken answer to ``audio``; ``message`` is text that goes with it."""
    return speech_turn(tokenizer, history, system, message).with_audio(audio)


def synthesis_with_voice(tokenizer: TextTokenizer, text: str, codes: Sequence[int]) -> Prompt:
    """``text`` read aloud in the manner of ``codes``; only training data asks for it."""
    table, encode = tokenizer.table, tokenizer.encode
    system = [table.im_start, *encode("system\nYour Voice: "), table.begin_of_audio]
    system += [*map(table.id_of, codes), table.end_of_audio, *encode("\n")]
    return Prompt((*system, table.im_end, *encode("\n"), *synthesis(tokenizer, text).ids))


def n_frames_of(n_samples: int) -> int:
    """How many stacked frames ``SpeechFeatures`` gives of samples at 16 kHz."""
    return -(-(1 + max(0, n_samples - 400) // 160) // 6)
