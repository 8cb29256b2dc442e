"""Speed of what stands around the language model: speech to codes, and codes to speech.

Random weights of the published sizes cost what the published ones do; what they say is noise.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import numpy as np
import torch

from model.vita_audio.speech_decoder.decoder import SpeechDecoder
from model.vita_audio.speech_decoder.decoder_config import TINY_DECODER, DecoderConfig
from model.vita_audio.speech_decoder.flow import Flow
from model.vita_audio.speech_decoder.hift import Hift
from model.vita_audio.speech_tokenizer.block_encoder import BlockCausalEncoder
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer, encoder_dtype
from model.vita_audio.speech_tokenizer.tokenizer_config import (
    RATE_HZ,
    TINY_TOKENIZER,
    SpeechTokenizerConfig,
)

Row = dict[str, str | float | None]

_OFFLINE_S = 4.0
_OPEN_S = 2.0  # of a block of 4 s: the middle case
_N_RUNS = 2
_FLOW_STEPS = (1, 3, 10)
_N_CODES = 83  # three blocks of every plan: 6.6 s of speech


def speech_rows(
    device: torch.device, first_codes_ms: Mapping[str, float], empty: Row, *, is_tiny: bool
) -> tuple[Row, ...]:
    """Measure encoder and decoder, and add up what a first sound takes.

    Args:
        first_codes_ms: time of the language model up to the first codes, by mode.
        empty: a row with every column of the table.
        is_tiny: measure the networks of the tiny checkpoint.
    """
    tokenizer = random_tokenizer(TINY_TOKENIZER if is_tiny else SpeechTokenizerConfig(), device)
    encoding = tokenizer_rows(tokenizer)
    decoding = decoder_rows(random_decoder(TINY_DECODER if is_tiny else DecoderConfig(), device))
    end_of_speech_ms, first_piece_ms = encoding[-1]["step_mean_ms"], decoding[0]["first_piece_ms"]
    assert isinstance(end_of_speech_ms, float)
    assert isinstance(first_piece_ms, float)
    sums: list[Row] = [
        {
            "mode": f"first sound: encoder, {mode}, decoder",
            "first_codes_ms": codes_ms,
            "first_piece_ms": end_of_speech_ms + first_piece_ms + codes_ms,
        }
        for mode, codes_ms in first_codes_ms.items()
    ]
    return tuple(empty | row for row in (*encoding, *decoding, *sums))


def random_tokenizer(
    config: SpeechTokenizerConfig,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> SpeechTokenizer:
    """Return a tokenizer with random weights; ``dtype`` is by default that of the device."""
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(0)
        network = BlockCausalEncoder(config)
    return SpeechTokenizer(network.to(dtype or encoder_dtype(torch.device(device))))


def random_decoder(
    config: DecoderConfig, device: torch.device | str, dtype: torch.dtype | None = None
) -> SpeechDecoder:
    """Return a decoder with random weights; the same each time."""
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(0)
        flow, hift = Flow(config.flow), Hift(config.hift)
    for network in (flow, hift):
        network.requires_grad_(requires_grad=False).eval()
    return SpeechDecoder(flow, hift, config, dtype)


def tokenizer_rows(
    tokenizer: SpeechTokenizer, offline_s: float = _OFFLINE_S, n_runs: int = _N_RUNS
) -> list[Row]:
    """Time a whole recording of ``offline_s``, a block, and the end of the user's speech.

    Each kind of work runs ``n_runs`` times after one run that warms up.
    """
    noise = np.random.default_rng(0).standard_normal(math.ceil(offline_s * RATE_HZ))
    recording = (0.1 * noise).astype(np.float32)
    block = np.resize(recording, tokenizer.config.block_samples)
    speaking, pausing = tokenizer.open_stream(), tokenizer.open_stream()
    pausing.hear(np.concatenate((block, np.resize(recording, round(_OPEN_S * RATE_HZ)))))

    def end_speech() -> None:
        pausing.hear(recording[:1])  # else the codes of the last pause are still good
        pausing.finish()

    return [
        _timed("offline", offline_s, n_runs, lambda: tokenizer.encode(recording)),
        _timed("block", len(block) / RATE_HZ, n_runs, lambda: speaking.hear(block)),
        _timed("end of speech", _OPEN_S, n_runs, end_speech),
    ]


def _timed(mode: str, audio_s: float, n_runs: int, work: Callable[[], object]) -> Row:
    work()
    times_ms: list[float] = []
    for _ in range(n_runs):
        start = time.perf_counter()
        work()  # codes are read back as numbers, so a device has finished by then
        times_ms.append(1e3 * (time.perf_counter() - start))
    mean_ms = float(np.mean(times_ms))
    return {
        "mode": f"speech encoder, {mode} ({audio_s:g} s)",
        "step_mean_ms": mean_ms,
        "step_p95_ms": float(np.percentile(times_ms, 95)),
        "realtime_factor": mean_ms / 1e3 / audio_s,
    }


def decoder_rows(
    decoder: SpeechDecoder, steps: Sequence[int] = _FLOW_STEPS, n_codes: int = _N_CODES
) -> list[Row]:
    """Time the decoding of one reply of random codes for each number of flow steps."""
    decoder.warm_up()
    rng = np.random.default_rng(0)
    codes = [int(code) for code in rng.integers(0, decoder.config.flow.n_codes, n_codes)]
    return [_decoder_row(decoder, codes, n_steps) for n_steps in steps]


def _decoder_row(decoder: SpeechDecoder, codes: list[int], n_steps: int) -> Row:
    stream = decoder.open_stream(seed=0, first_steps=n_steps, steps=n_steps)
    steps_s: list[float] = []
    pieces_s: list[float] = []
    n_samples, first_s = 0, 0.0
    since = time.perf_counter()
    for piece in chain(stream.push(codes), stream.finish()):
        if decoder.device.type == "cuda":
            torch.cuda.synchronize(decoder.device)
        took_s = time.perf_counter() - since
        if piece is None:
            steps_s.append(took_s)
        else:
            pieces_s.append(took_s)
            n_samples += len(piece)
            first_s = first_s or sum(steps_s) + took_s
        since = time.perf_counter()
    return {
        "mode": f"speech decoder, flow steps: {n_steps}",
        "step_mean_ms": 1e3 * float(np.mean(steps_s)),
        "step_p95_ms": 1e3 * float(np.percentile(steps_s, 95)),
        "realtime_factor": (sum(steps_s) + sum(pieces_s)) * decoder.rate_hz / n_samples,
        "first_piece_ms": 1e3 * first_s,
    }
