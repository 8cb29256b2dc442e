"""A small speech tokenizer in float64, and the same computed in one pass with an explicit mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def small_config() -> Any:
    """Blocks of 0.16 s and segments of three and a half blocks, so that tests reach all borders."""
    pytest.importorskip("transformers", reason="the speech-lm extra is not installed")
    from model.vita_audio.speech_tokenizer.tokenizer_config import (  # noqa: PLC0415
        SpeechTokenizerConfig,
    )

    return SpeechTokenizerConfig(
        n_bands=8,
        width=16,
        n_heads=2,
        n_inner=24,
        n_layers=2,
        n_positions=28,
        n_block=8,
        n_codes=512,
    )


@pytest.fixture(scope="session")
def small_network(small_config: Any) -> Any:
    torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    from tests.fakes.vita_checkpoints.tiny_speech_tokenizer import random_network  # noqa: PLC0415

    return random_network(small_config, seed=1, dtype=torch.float64)


@pytest.fixture(scope="session")
def small_tokenizer(small_network: Any) -> Any:
    from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer  # noqa: PLC0415

    return SpeechTokenizer(small_network)


@pytest.fixture(scope="session")
def one_pass(small_network: Any) -> Callable[..., list[int]]:
    """Codes of a recording as upstream computes them; ``running``: by the stream's maximum."""
    torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    from transformers import WhisperFeatureExtractor  # noqa: PLC0415

    config = small_network.config
    filters = torch.tensor(WhisperFeatureExtractor(config.n_bands).mel_filters)
    window = torch.hann_window(400, dtype=torch.float64)
    n_block, n_segment = config.n_block, config.n_positions * 320

    def features(samples: Any, running: bool) -> Any:
        spectrum = torch.stft(samples, 400, 160, window=window, return_complex=True)[:, :-1]
        log_mel = (filters.T @ spectrum.abs().square()).clamp_min(1e-10).log10()
        loudest = log_mel.max()
        if running:
            # A block's own mel frames end with 2i for its last frame i.
            ends = (torch.arange(log_mel.shape[1]) + 1) // (2 * n_block) * 2 * n_block
            so_far = log_mel.amax(0).cummax(0).values
            loudest = so_far[(ends + 2 * n_block - 2).clamp_max(len(so_far) - 2)]
        return (torch.maximum(log_mel, loudest - 8) + 4) / 4

    def segment_codes(samples: Any, n_padded: int, running: bool) -> list[int]:
        n_codes = -(-len(samples) // 1280)
        padded = torch.nn.functional.pad(samples, (0, n_padded - len(samples)))
        mel = torch.nn.functional.pad(features(padded, running)[None], (2, 0))
        halved = torch.nn.functional.gelu(small_network.conv1(mel))
        halved = torch.nn.functional.pad(halved, (2, 0))
        hidden = torch.nn.functional.gelu(small_network.conv2(halved)).transpose(1, 2)
        hidden = hidden + small_network.embed_positions.weight[: hidden.shape[1]]
        place = torch.arange(hidden.shape[1])
        sees = place[None] // n_block <= place[:, None] // n_block
        sees = sees & (320 * place[None] < len(samples))
        for layer in small_network.layers:
            hidden = layer(hidden, sees[None, None])
        groups = torch.nn.functional.avg_pool1d(hidden.transpose(1, 2), config.n_pooled)[0].T
        distances = torch.cdist(groups, small_network.codebook.weight)
        return distances.argmin(1)[:n_codes].tolist()

    def codes(samples: np.ndarray, running: bool = False) -> list[int]:
        whole = torch.tensor(samples, dtype=torch.float64)
        found: list[int] = []
        with torch.no_grad():
            for segment in whole.split(n_segment) if len(whole) else ():
                alone = running or len(whole) <= n_segment
                n_padded = -(-len(segment) // 1280) * 1280 if alone else n_segment
                found += segment_codes(segment, n_padded, running)
        return found

    return codes


@pytest.fixture(scope="session")
def voice() -> Callable[..., np.ndarray]:
    """Syllables of harmonics with pauses of faint noise, (n,) float32 at 16 kHz."""

    def make(n_samples: int, seed: int = 0) -> np.ndarray:
        random = np.random.default_rng(seed)
        time = np.arange(n_samples) / 16_000
        pitch = 2 * np.pi * (120 + 40 * random.random()) * time
        tone = sum(random.random() * np.sin(k * pitch + 6 * random.random()) for k in range(1, 20))
        syllables = np.maximum(0, np.sin(2 * np.pi * 4 * time + 6 * random.random())) ** 2
        # Quiet and loud stretches a hundred decibels apart: the clipping must show.
        level = 10.0 ** -random.uniform(0, 5, n_samples // 3000 + 1).repeat(3000)[:n_samples]
        noise = 1e-7 * random.standard_normal(n_samples)
        return (0.1 * level * syllables * tone + noise).astype(np.float32)

    return make
