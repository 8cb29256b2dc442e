"""Codes to mel: the flow-matching model and its Euler sampler, one step at a time.

Source: CosyVoice (flow matching with optimal-transport paths, classifier-free guidance). The
contents of the published file are not verified. A call is given all its codes, the mel that is
already fixed, and the noise.
"""

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.vita_audio.speech_decoder.decoder_config import FlowConfig
from model.vita_audio.speech_decoder.estimator import Estimator
from model.vita_audio.speech_decoder.flow_encoder import FlowEncoder

_SMOOTHING_KERNEL = 3


class LengthRegulator(nn.Module):
    """The stretch of encoded codes to the frame rate: nearest neighbour, then convolutions.

    Its group normalisation runs over all frames of a call: the output of a frame depends on how
    many others are there, so nothing of it can be reused in a later call.
    """

    def __init__(self, n_mels: int, n_layers: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(n_layers):
            convolution = nn.Conv1d(n_mels, n_mels, _SMOOTHING_KERNEL, padding="same")
            layers += [convolution, nn.GroupNorm(1, n_mels), nn.Mish()]
        layers.append(nn.Conv1d(n_mels, n_mels, 1))
        self.model = nn.Sequential(*layers)

    def forward(self, encoded: Tensor, n_frames: int) -> Tensor:
        """Return (1, 80, ``n_frames``) of ``encoded`` (1, codes, 80)."""
        stretched = functional.interpolate(encoded.transpose(1, 2), size=n_frames, mode="nearest")
        return self.model(stretched)


class Flow(nn.Module):
    """The published model: ``conditions`` of the codes, then ``sample``."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.input_embedding = nn.Embedding(config.n_codes, config.width)
        self.spk_embed_affine_layer = nn.Linear(config.speaker_width, config.n_mels)
        self.encoder = FlowEncoder(config.width, config.encoder)
        self.encoder_proj = nn.Linear(config.encoder.width, config.n_mels)
        self.length_regulator = LengthRegulator(config.n_mels, len(config.stretches))
        self.decoder = nn.ModuleDict({"estimator": Estimator(config.n_mels, config.estimator)})

    @property
    def estimator(self) -> Estimator:
        """The velocity network."""
        estimator = self.decoder["estimator"]
        assert isinstance(estimator, Estimator)
        return estimator

    @torch.inference_mode()
    def conditions(self, codes: Tensor, n_frames: int, fixed_mel: Tensor) -> Tensor:
        """Return μ, speaker and condition of a mel of ``n_frames``: (1, 240, frames).

        Args:
            codes: (1, codes) int64, the first one at the start of an encoder block.
            fixed_mel: (1, 80, fixed frames): what the first frames are.
        """
        encoded = self.encoder_proj(self.encoder(self.input_embedding(codes)))
        mu = self.length_regulator(encoded, n_frames)
        # A zero speaker vector stays zero when it is normalised: the bias is all that is left.
        speaker = self.spk_embed_affine_layer.bias[None, :, None].expand(-1, -1, n_frames)
        condition = torch.zeros_like(mu)
        condition[..., : fixed_mel.shape[-1]] = fixed_mel
        return torch.cat((mu, speaker, condition), dim=1)

    def sample(self, conditions: Tensor, noise: Tensor, n_steps: int) -> Iterator[Tensor]:
        """Yield the state after each of ``n_steps`` Euler steps from ``noise`` (1, 80, frames).

        The last one is the mel.
        """
        times = [1 - math.cos(math.pi / 2 * i / n_steps) for i in range(n_steps + 1)]
        state = noise
        for start, stop in itertools.pairwise(times):
            state = state + (stop - start) * self.velocity(state, conditions, start)
            yield state

    @torch.inference_mode()
    def velocity(self, x: Tensor, conditions: Tensor, t: float) -> Tensor:
        """Return the guided velocity (1, 80, frames) float32 of ``x`` at time ``t`` in [0, 1].

        The call without conditions is the second row of one batch. The estimator runs in the number
        format of its weights.
        """
        guidance = self.config.guidance
        estimator = self.estimator
        dtype = estimator.final_proj.weight.dtype
        rest = functional.pad(conditions, (0, 0, 0, 0, 0, 1))  # the second row is all zero
        stacked = torch.cat((x.expand(2, -1, -1), rest), dim=1).to(dtype)
        guided, free = estimator(stacked, estimator.time_offsets(t)).float().split(1)
        return (1 + guidance) * guided - guidance * free
