"""Speed of the speech decoder at full size on random weights; what it says is noise.

Knows no table: it returns rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.vita_audio.speech_decoder.block_plan import BlockPlan
from model.vita_audio.speech_decoder.configuration import DecoderConfig
from model.vita_audio.speech_decoder.decoder import SpeechDecoder, networks
from model.vita_audio.speech_decoder.stream import SpeechDecodeStream
from model.vita_audio.speech_decoder.tiny import random_state

STEPS = (1, 3, 10)
N_CODES = 83  # three blocks of every plan: 6.6 s of speech


@dataclass(frozen=True, slots=True)
class DecoderRow:
    """One way to decode, measured.

    Attributes:
        steps: flow steps of every block, the first one included.
        dtype: number format of the estimator and the vocoder's filter.
        n_threads: threads of one operation; 0 on an accelerator.
        realtime_factor: seconds of work per second of speech, over the whole reply.
        flow_factor: the part of it that is the flow model.
        vocoder_factor: the part of it that is the vocoder.
        step_ms: mean time of one flow step.
        step_p95_ms: likewise, 95th percentile.
        first_piece_ms: from the first block's codes to its samples.
        first_piece_s: speech in that first piece.
    """

    mode: str
    steps: int
    device: str
    dtype: str
    n_threads: int
    speech_s: float
    realtime_factor: float
    flow_factor: float
    vocoder_factor: float
    step_ms: float
    step_p95_ms: float
    first_piece_ms: float
    first_piece_s: float


def random_decoder(
    device: torch.device | str,
    dtype: torch.dtype | None = None,
    config: DecoderConfig | None = None,
    seed: int = 0,
) -> SpeechDecoder:
    """A decoder of the published size without its weights."""
    config = config or DecoderConfig()
    generator = torch.Generator().manual_seed(seed)
    flow, hift = networks(config)
    for network in (flow, hift):
        state = random_state(network, generator)
        on_device = {name: tensor.to(device) for name, tensor in state.items()}
        network.load_state_dict(on_device, assign=True)
        network.requires_grad_(requires_grad=False).eval()
    return SpeechDecoder(flow, hift, config, dtype)


def measure(
    decoder: SpeechDecoder,
    steps: Sequence[int] = STEPS,
    n_codes: int = N_CODES,
    plan: BlockPlan | None = None,
) -> tuple[DecoderRow, ...]:
    """Decodes one reply of random codes for each number of flow steps."""
    decoder.warm_up()
    rng = np.random.default_rng(0)
    codes = [int(code) for code in rng.integers(0, decoder.config.flow.n_codes, n_codes)]
    return tuple(_row(decoder, codes, n_steps, plan) for n_steps in steps)


def _row(
    decoder: SpeechDecoder, codes: list[int], n_steps: int, plan: BlockPlan | None
) -> DecoderRow:
    stream = decoder.open_stream(seed=0, first_steps=n_steps, steps=n_steps, plan=plan)
    steps_s: list[float] = []
    pieces_s: list[float] = []
    n_samples: list[int] = []
    first_s = 0.0
    for took, piece in _timed(_everything(stream, codes), decoder.device):
        if piece is None:
            steps_s.append(took)
            continue
        pieces_s.append(took)
        n_samples.append(len(piece))
        first_s = first_s or sum(steps_s) + took
    speech_s = sum(n_samples) / decoder.rate_hz
    return DecoderRow(
        mode=f"speech decoder, flow steps: {n_steps}",
        steps=n_steps,
        device=decoder.device.type,
        dtype=str(decoder.dtype).removeprefix("torch."),
        n_threads=torch.get_num_threads() if decoder.device.type == "cpu" else 0,
        speech_s=speech_s,
        realtime_factor=(sum(steps_s) + sum(pieces_s)) / speech_s,
        flow_factor=sum(steps_s) / speech_s,
        vocoder_factor=sum(pieces_s) / speech_s,
        step_ms=1e3 * float(np.mean(steps_s)),
        step_p95_ms=1e3 * float(np.percentile(steps_s, 95)),
        first_piece_ms=1e3 * first_s,
        first_piece_s=n_samples[0] / decoder.rate_hz,
    )


def _everything(
    stream: SpeechDecodeStream, codes: list[int]
) -> Iterator[NDArray[np.float32] | None]:
    yield from stream.push(codes)
    yield from stream.finish()


def _timed(
    results: Iterator[NDArray[np.float32] | None], device: torch.device
) -> Iterator[tuple[float, NDArray[np.float32] | None]]:
    """Each result with the seconds that it took; an accelerator is waited for."""
    since = time.perf_counter()
    for result in results:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        yield time.perf_counter() - since, result
        since = time.perf_counter()
