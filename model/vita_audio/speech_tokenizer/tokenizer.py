"""The GLM-4-Voice speech tokenizer: recordings to codes, and streams of the user's speech.

The architecture and the names of the weights follow upstream's source; the published checkpoint was
not verified.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from audio_io.frames import Samples
from model.vita_audio.checkpoint.weight_files import WeightFiles
from model.vita_audio.number_format import best_dtype
from model.vita_audio.speech_tokenizer.block_encoder import BlockCausalEncoder, Codes, SegmentState
from model.vita_audio.speech_tokenizer.token_stream import SpeechTokenStream, checked
from model.vita_audio.speech_tokenizer.tokenizer_config import FRAME_SAMPLES, SpeechTokenizerConfig
from model.vita_audio.speech_tokenizer.whisper_mel import REACH, LogMel, normalised

# Positions of the quantised frames and statistics of the codebook's training: of no use for codes.
_UNUSED = re.compile(r"embed_positions2\.weight|ema_count|ema_weight|layers\.(?P<layer>\d+)\..+")


def encoder_dtype(device: torch.device) -> torch.dtype:
    """Return float32 as upstream; bfloat16 on a CPU that multiplies it: a third of the time.

    How many codes of the published weights change by that is not verified.
    """
    return best_dtype(device) if device.type == "cpu" else torch.float32


class SpeechTokenizer:
    """The encoder of speech to codes. Holds weights only: any number of streams may be open."""

    def __init__(self, network: BlockCausalEncoder) -> None:
        self._network = network.eval().requires_grad_(requires_grad=False)
        self._codes = Codes(network.codebook.weight, network.config.n_pooled)
        weight = network.conv1.weight
        is_double = weight.dtype is torch.float64
        self._mel = LogMel(
            network.config.n_bands, weight.device, torch.float64 if is_double else torch.float32
        )

    @classmethod
    def from_directory(
        cls,
        directory: Path,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> SpeechTokenizer:
        """Read config.json and model.safetensors.

        Args:
            dtype: of the encoder; None: see ``encoder_dtype``. The codebook stays in float32.

        Raises:
            WeightsError: a file is missing or damaged, or holds other weights.
        """
        dtype = dtype or encoder_dtype(torch.device(device))
        config = SpeechTokenizerConfig.from_directory(directory)
        with torch.device("meta"):
            network = BlockCausalEncoder(config)
        files = WeightFiles.from_directory(directory)
        wanted = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
        files.require(wanted, is_ignored=lambda key: _is_unused(key, config.n_layers))
        wide = torch.promote_types(dtype, torch.float32)
        with files.reading() as tensor:
            weights = {
                key: tensor(key).to(device, wide if key == "codebook.weight" else dtype)
                for key in wanted
            }
        network.load_state_dict(weights, assign=True)
        return cls(network)

    @property
    def config(self) -> SpeechTokenizerConfig:
        """Sizes of the network."""
        return self._network.config

    @torch.inference_mode()
    def encode(self, samples: Samples) -> list[int]:
        """Return the codes of a whole recording (n,) at 16 kHz: ceil(n / 1280) as published.

        As upstream does, each segment of 30 s is normalised by its own maximum, so that late loud
        audio changes early codes; a stream cannot do that.

        Raises:
            ModelError: ``samples`` are no mono float audio.
        """
        whole = self._mel.tensor(torch.tensor(checked(samples)))
        state = self._new_state()
        parts: list[Tensor] = []
        for segment in whole.split(self.config.segment_samples) if len(whole) else ():
            state.restart()
            parts += self._segment_codes(segment, len(whole) > len(segment), state)
        return torch.cat(parts).tolist() if parts else []

    def open_stream(self) -> SpeechTokenStream:
        """Return a stream for speech while it is spoken."""
        return SpeechTokenStream(self._network, self._codes, self._mel, self._new_state())

    def _new_state(self) -> SegmentState:
        weight = self._network.conv1.weight
        return SegmentState(self.config, weight.device, weight.dtype)

    def _segment_codes(
        self, segment: Tensor, is_one_of_many: bool, state: SegmentState
    ) -> list[Tensor]:
        config = self.config
        n_codes = math.ceil(len(segment) / config.code_samples)
        # Upstream pads the last segment of many to the length of the others. Only the maximum can
        # tell the difference: the network does not see the mel frames that the padding reaches.
        n_padded = config.segment_samples if is_one_of_many else n_codes * config.code_samples
        padded = functional.pad(segment, (0, n_padded - len(segment)))
        signal = functional.pad(padded[None], (REACH, REACH), mode="reflect")[0]
        log_mel = self._mel.frames(signal)[:-1]  # Whisper drops the frame around the very end
        features = normalised(log_mel, log_mel.max())
        heard = features[: 2 * n_codes * config.n_pooled - 1]
        codes: list[Tensor] = []
        while state.n_frames < n_codes * config.n_pooled:
            start = max(0, 2 * state.n_frames - 1)
            block = heard[start : 2 * (state.n_frames + config.n_block) - 1]
            n_left = math.ceil(len(segment) / FRAME_SAMPLES) - state.n_frames
            hidden = self._network(block, min(n_left, config.n_block), state, keep=True)
            codes.append(self._codes.nearest(hidden))
        return codes


def _is_unused(key: str, n_layers: int) -> bool:
    match = _UNUSED.fullmatch(key)
    return match is not None and (match["layer"] is None or int(match["layer"]) >= n_layers)
