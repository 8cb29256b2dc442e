"""What the speech tokenizer costs: a whole recording, a block, and the end of the user's speech.

Random weights of the published size cost what the published ones do. Prints nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from model.vita_audio.speech_tokenizer.configuration import RATE_HZ, SpeechTokenizerConfig
from model.vita_audio.speech_tokenizer.network import BlockCausalEncoder
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

_OPEN_S = 2.0  # of a block of 4 s: the middle case


@dataclass(frozen=True, slots=True)
class TokenizerCost:
    """One row.

    Attributes:
        mode: "offline", "block" or "end of speech".
        audio_s: sound that the work was for.
        realtime_factor: seconds of work for a second of that sound.
    """

    mode: str
    audio_s: float
    mean_ms: float
    p95_ms: float
    realtime_factor: float


def random_tokenizer(
    config: SpeechTokenizerConfig,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> SpeechTokenizer:
    """A tokenizer of any size in memory only; what it returns means nothing."""
    with torch.device("meta"):
        network = BlockCausalEncoder(config)
    network = network.to(dtype).to_empty(device=device)
    random = torch.Generator(device).manual_seed(0)
    for parameter in network.parameters():
        parameter.data.normal_(0.0, 0.02, generator=random)
    return SpeechTokenizer(network)


def measure(tokenizer: SpeechTokenizer, offline_s: float, n_runs: int) -> list[TokenizerCost]:
    """Times ``n_runs`` of each after one that warms up.

    Args:
        offline_s: length of the recording that is encoded as a whole.
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


def _timed(mode: str, audio_s: float, n_runs: int, work: Callable[[], object]) -> TokenizerCost:
    work()
    times_ms: list[float] = []
    for _ in range(n_runs):
        start = time.perf_counter()
        work()  # codes are read back as numbers, so a device has finished by then
        times_ms.append(1e3 * (time.perf_counter() - start))
    mean_ms = float(np.mean(times_ms))
    return TokenizerCost(
        mode, audio_s, mean_ms, float(np.percentile(times_ms, 95)), mean_ms / 1e3 / audio_s
    )
