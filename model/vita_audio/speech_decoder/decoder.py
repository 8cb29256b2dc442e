"""The speech decoder as a whole: loads both networks and opens a stream for each reply."""

from pathlib import Path
from typing import Self

import torch

from model.errors import ModelError
from model.vita_audio.checkpoint.directory import DECODER_FILES
from model.vita_audio.checkpoint.pickled_weights import load_into
from model.vita_audio.number_format import best_dtype
from model.vita_audio.speech_decoder.decode_stream import (
    ACCELERATOR_PLAN,
    CPU_PLAN,
    BlockPlan,
    SpeechDecodeStream,
    StreamOptions,
)
from model.vita_audio.speech_decoder.decoder_config import DecoderConfig, read_config
from model.vita_audio.speech_decoder.flow import Flow
from model.vita_audio.speech_decoder.hift import Hift

FIRST_STEPS = 2
STEPS = 10  # of the published decoder
# Ten would take longer on two cores than the speech lasts.
CPU_FIRST_STEPS = 1
CPU_STEPS = 3


class SpeechDecoder:
    """The networks from codes of the GLM-4-Voice tokenizer to 22 050 Hz speech.

    Holds weights only: any number of streams may be open at once.
    """

    def __init__(
        self, flow: Flow, hift: Hift, config: DecoderConfig, dtype: torch.dtype | None = None
    ) -> None:
        """Take loaded float32 networks; the estimator and the vocoder's filter run in ``dtype``.

        The encoder, the pitch and the source's weights stay float32. Without a ``dtype`` the
        device decides.
        """
        self.device = flow.input_embedding.weight.device
        dtype = dtype or best_dtype(self.device)
        flow.estimator.to(dtype)
        pitch, merge = hift.f0_predictor, hift.merge_harmonics
        hift.to(dtype)
        pitch.float()
        merge.float()
        self.config = config
        self.dtype = dtype
        self._flow = flow
        self._hift = hift

    @classmethod
    def from_directory(
        cls, directory: Path, device: torch.device | str, dtype: torch.dtype | None = None
    ) -> Self:
        """Load ``config.yaml``, ``flow.pt`` and ``hift.pt``.

        The two weight files are converted once, to safetensors beside them.

        Raises:
            WeightsError: a file is missing, damaged or another model's.
        """
        device = torch.device(device)
        config_file, flow_file, hift_file = (directory / name for name in DECODER_FILES)
        config = read_config(config_file)
        flow, hift = networks(config)
        load_into(flow, flow_file, device)
        load_into(hift, hift_file, device)
        return cls(flow, hift, config, dtype)

    @property
    def rate_hz(self) -> int:
        """Rate of the speech it makes."""
        return self.config.hift.rate_hz

    def open_stream(
        self,
        seed: int,
        first_steps: int | None = None,
        steps: int | None = None,
        plan: BlockPlan | None = None,
    ) -> SpeechDecodeStream:
        """Return the stream of one reply; the same seed, plan and codes give the same samples.

        Args:
            first_steps: flow steps of the first block; by default 1 on a CPU, else 2.
            steps: flow steps of the others; by default 3 on a CPU, else 10.
            plan: by default the one for the device.

        Raises:
            ModelError: a number of steps is below one.
        """
        on_cpu = self.device.type == "cpu"
        if first_steps is None:
            first_steps = CPU_FIRST_STEPS if on_cpu else FIRST_STEPS
        if steps is None:
            steps = CPU_STEPS if on_cpu else STEPS
        if min(first_steps, steps) < 1:
            raise ModelError(f"flow steps must be 1 or more, not {first_steps} and {steps}")
        plan = plan or (CPU_PLAN if on_cpu else ACCELERATOR_PLAN)
        options = StreamOptions(seed, first_steps, steps, plan)
        return SpeechDecodeStream(self._flow, self._hift, self.config, options)

    def warm_up(self) -> None:
        """Decode a first block, so that the first reply does not pay for what is set up once."""
        stream = self.open_stream(seed=0, first_steps=1, steps=1)
        for _ in stream.push([0] * CPU_PLAN.first_codes):
            pass


def networks(config: DecoderConfig) -> tuple[Flow, Hift]:
    """Return both networks on the meta device: shapes without memory."""
    with torch.device("meta"):
        return Flow(config.flow), Hift(config.hift)
