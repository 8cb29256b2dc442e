"""What a model in training says to fixed sentences, as sound, to be listened to while it learns.

Decoded without a cache, so that nothing of the model in training is touched: slow, and short.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from model.training.journal import Journal
from model.vita_audio.checkpoint.directory import SPEECH_DECODER
from model.vita_audio.conversation.prompts import synthesis
from model.vita_audio.decoding.schedule import Schedule
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.language_model.tokens import TokenKind
from model.vita_audio.speech_decoder.decoder import SpeechDecoder

SENTENCES = ("Good morning, how are you?", "今天天气很好。")
_MOST_TOKENS = 160  # some 5 s of speech
_SEED = 0  # of the decoder's noise: samples of two steps differ by the model alone


class SampleReplies:
    """Writes a text and a sound of each sentence below ``folder``.

    Args:
        parts: folder with the speech decoder in it.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: TextTokenizer,
        pattern: Sequence[int],
        parts: Path,
        device: torch.device,
    ) -> None:
        self._folder = folder
        self._tokenizer = tokenizer
        self._schedule = Schedule(tuple(pattern))
        self._decoder = SpeechDecoder.from_directory(parts / SPEECH_DECODER, device)

    def make(
        self,
        model: VitaAudioForCausalLM,
        step: int,
        journal: Journal,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Write what ``model`` says after ``step`` steps; it keeps its mode.

        Args:
            autocast: how the language model is computed in training.

        Raises:
            OSError: the disk is full.
        """
        was_training = model.training
        model.eval()
        self._folder.mkdir(parents=True, exist_ok=True)
        for number, sentence in enumerate(SENTENCES):
            prompt = synthesis(self._tokenizer, sentence).ids
            with autocast():
                end_ids = self._tokenizer.table.end_ids
                ids = list(greedy_reply(model, prompt, self._schedule, end_ids))
            stem = self._folder / f"step-{step:06d}-{number}"
            text = f"{sentence}\n{self._tokenizer.decode(ids)}\n"
            stem.with_suffix(".txt").write_text(text, encoding="utf-8")
            samples = self._sound(ids)
            if len(samples):
                soundfile.write(stem.with_suffix(".wav"), samples, self._decoder.rate_hz)
                journal.write_sound(step, f"speech/{number}", samples, self._decoder.rate_hz)
        model.train(was_training)

    def _sound(self, ids: Sequence[int]) -> np.ndarray:
        table = self._tokenizer.table
        codes = [table.code_of(i) for i in ids if table.kind_of(i) is TokenKind.CODE]
        if not codes:
            return np.zeros(0, np.float32)
        stream = self._decoder.open_stream(_SEED)
        pieces = [*stream.push(codes), *stream.finish()]
        return np.concatenate([piece for piece in pieces if piece is not None])


@torch.no_grad()
def greedy_reply(
    model: VitaAudioForCausalLM,
    prompt: Sequence[int],
    schedule: Schedule,
    end_ids: frozenset[int],
    most_tokens: int = _MOST_TOKENS,
) -> Iterator[int]:
    """Yield tokens of the backbone and the modules in the order of ``schedule``, until the end."""
    ids = list(prompt)
    level = 0
    for n_made in range(most_tokens):
        is_module_slot = schedule.is_module_slot(n_made)
        level = level + 1 if is_module_slot and level < model.num_mctp_modules else 0
        token_id = int(_last_logits(model, ids, level).argmax())
        yield token_id
        if token_id in end_ids:
            return
        ids.append(token_id)


def _last_logits(model: VitaAudioForCausalLM, ids: Sequence[int], level: int) -> Tensor:
    """Return the logits (vocabulary,) of the token behind ``ids``, as ``level`` predicts it."""
    row = torch.tensor([ids], device=model.device)
    positions = torch.arange(row.shape[1], device=row.device)[None]
    of_ids = model.model.embed_tokens(row)
    hidden = model.run_backbone(of_ids, positions)
    for k in range(level):
        hidden = model.run_module(k, of_ids[:, k + 1 :], hidden[:, :-1], positions[:, k + 1 :])
    return model.lm_head(hidden[0, -1])
