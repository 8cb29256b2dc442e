"""What VITA-Audio computes, written the plain way: tests compare the program's way with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from model.types import Message
from model.vita_audio.conversation.prompts import LUKE, Audio, Prompt, speech_turn, synthesis
from model.vita_audio.language_model.model_config import BackboneSize, make_config
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

# Wide enough that the encoder's two widths differ as in the real one.
SMALL_ENCODER = {
    "width": 16,
    "n_heads": 2,
    "n_inner": 24,
    "n_layers": 3,
    "n_tp_layers": 2,
    "n_tokens": 7,
}


def small_language_model(
    k: int = 3, plus: bool = False, seed: int = 0, **fields: Any
) -> VitaAudioForCausalLM:
    """A random float64 model: 3 backbone layers, hidden 32, 64 ids, ``k`` modules."""
    size = BackboneSize(hidden=32, mlp=48, layers=3, heads=4, kv_heads=2, max_positions=512)
    if plus:
        fields["audio_encoder"] = SMALL_ENCODER
    torch.manual_seed(seed)
    # Wider than in training: attention must matter for a wrong mask to show.
    config = make_config(size, k=k, plus=plus, vocabulary_rows=64, initializer_range=0.3, **fields)
    return VitaAudioForCausalLM(config).to(torch.float64)


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


def teacher_forced_logits(
    model: VitaAudioForCausalLM, ids: Tensor, embeddings: Tensor | None = None
) -> list[Tensor]:
    """Logits of every level over one whole sequence, as incremental decoding must give them.

    Args:
        ids: (n,) int64.
        embeddings: (n, hidden) backbone input where it is not that of ``ids``.

    Returns:
        K + 1 tensors: level j has (n − j, vocabulary) rows, and row p predicts the token at
        p + j + 1. Level 0 is the backbone. A level that no token reaches has no rows.
    """
    row = ids.reshape(1, -1)
    positions = torch.arange(row.shape[1], device=row.device)[None]
    of_ids = model.model.embed_tokens(row)
    hidden = model.run_backbone(of_ids if embeddings is None else embeddings[None], positions)
    logits = [model.lm_head(hidden[0])]
    for k in range(model.num_mctp_modules):
        hidden = hidden[:, :-1]
        if hidden.shape[1] > 0:
            hidden = model.run_module(k, of_ids[:, k + 1 :], hidden, positions[:, k + 1 :])
        logits.append(model.lm_head(hidden[0]))
    return logits
