"""Cost of what stands around the language model: speech to codes, codes to speech.

Random weights of the published sizes. Prints nothing and knows no language model.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from model.vita_audio.speech_decoder import benchmark as decoder_benchmark
from model.vita_audio.speech_decoder import tiny as tiny_decoder
from model.vita_audio.speech_tokenizer import benchmark as tokenizer_benchmark
from model.vita_audio.speech_tokenizer import tiny as tiny_tokenizer
from model.vita_audio.speech_tokenizer.configuration import SpeechTokenizerConfig
from model.vita_audio.speech_tokenizer.tokenizer import encoder_dtype

Row = dict[str, str | float | None]
_OFFLINE_S = 4.0
_N_RUNS = 2


def speech_rows(
    device: torch.device, first_codes_ms: Mapping[str, float], empty: Row, *, is_tiny: bool
) -> tuple[Row, ...]:
    """Rows of the encoder and of the decoder, and the sum of what a first sound takes.

    Args:
        first_codes_ms: of the language model, by mode.
        empty: a row of all columns.
        is_tiny: with the networks of the tiny checkpoint.
    """
    config = tiny_tokenizer.TINY if is_tiny else SpeechTokenizerConfig()
    tokenizer = tokenizer_benchmark.random_tokenizer(config, device, encoder_dtype(device))
    costs = tokenizer_benchmark.measure(tokenizer, _OFFLINE_S, _N_RUNS)
    rows: list[Row] = [
        empty
        | {
            "mode": f"speech encoder, {cost.mode} ({cost.audio_s:g} s)",
            "step_mean_ms": cost.mean_ms,
            "step_p95_ms": cost.p95_ms,
            "realtime_factor": cost.realtime_factor,
        }
        for cost in costs
    ]
    decoder = decoder_benchmark.random_decoder(
        device, config=tiny_decoder.TINY if is_tiny else None
    )
    decoded = decoder_benchmark.measure(decoder)
    rows += [
        empty
        | {
            "mode": row.mode,
            "step_mean_ms": row.step_ms,
            "step_p95_ms": row.step_p95_ms,
            "realtime_factor": row.realtime_factor,
            "first_piece_ms": row.first_piece_ms,
        }
        for row in decoded
    ]
    around_ms = costs[-1].mean_ms + decoded[0].first_piece_ms
    rows += [
        empty
        | {
            "mode": f"first sound: encoder, {mode}, decoder",
            "first_codes_ms": codes_ms,
            "first_piece_ms": around_ms + codes_ms,
        }
        for mode, codes_ms in first_codes_ms.items()
    ]
    return tuple(rows)
