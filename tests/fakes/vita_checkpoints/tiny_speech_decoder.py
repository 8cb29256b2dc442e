"""Writes a small random decoder in the published layout: file names, key names, weight norm, tags.

What it says is noise; sizes of the mel frames, rates and frame counts are the published ones.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from model.vita_audio.checkpoint.directory import DECODER_FILES
from model.vita_audio.speech_decoder.decoder import networks
from model.vita_audio.speech_decoder.decoder_config import TINY_DECODER, DecoderConfig
from model.vita_audio.speech_decoder.hift import Hift

_F0_HZ = 180.0  # random weights alone give a few hertz
_LOG_MAGNITUDE = -3.0  # keeps the noise well below the clamp


def write_tiny_speech_decoder(
    directory: Path, seed: int, config: DecoderConfig = TINY_DECODER
) -> None:
    """Writes config.yaml, flow.pt and hift.pt; the same seed gives the same weights."""
    directory.mkdir(parents=True, exist_ok=True)
    flow, hift = networks(config)
    generator = torch.Generator().manual_seed(seed)
    config_file, flow_file, hift_file = DECODER_FILES
    (directory / config_file).write_text(_config_text(config), encoding="utf-8")
    torch.save(random_state(flow, generator), directory / flow_file)
    torch.save(with_weight_norm(hift, random_state(hift, generator)), directory / hift_file)


def random_state(network: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """Values of a size that keeps signals of order one through every layer."""
    state: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if tensor.dim() > 1:
            fan_in = tensor[0].numel()
            state[name] = torch.randn(tensor.shape, generator=generator) / fan_in**0.5
        elif name.endswith(".bias"):
            state[name] = 0.1 * torch.randn(tensor.shape, generator=generator)
        else:
            state[name] = torch.ones(tensor.shape)
    if "conv_post.bias" in state:
        state["f0_predictor.classifier.bias"] += _F0_HZ
        state["conv_post.bias"] += _LOG_MAGNITUDE
    return state


def with_weight_norm(hift: Hift, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Splits each convolution that the published file stores with weight norm."""
    split = dict(state)
    for name, module in hift.named_modules():
        is_plain = name.startswith("source_downs.")
        if is_plain or not isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            continue
        weight = split.pop(f"{name}.weight")
        gain = torch.linalg.vector_norm(weight.flatten(1), dim=1).view(-1, 1, 1)
        split[f"{name}.weight_g"] = gain
        split[f"{name}.weight_v"] = weight * 2.0  # the length of the direction means nothing
    return split


def _config_text(config: DecoderConfig) -> str:
    flow, hift = config.flow, config.hift
    encoder, estimator = flow.encoder, flow.estimator
    return f"""\
__set_seed1: !apply:random.seed [1986]
sample_rate: {hift.rate_hz}
spk_embed_dim: {flow.speaker_width}

flow: !new:cosyvoice.flow.flow.MaskedDiffWithXvec
    input_size: {flow.width}
    output_size: {flow.n_mels}
    spk_embed_dim: !ref <spk_embed_dim>
    vocab_size: {flow.n_codes}
    input_frame_rate: {flow.code_rate_hz}
    encoder: !new:cosyvoice.transformer.encoder.BlockConformerEncoder
        output_size: {encoder.width}
        attention_heads: {encoder.n_heads}
        linear_units: {encoder.feed_forward_width}
        num_blocks: {encoder.n_layers}
        block_size: {encoder.block_codes}
    length_regulator: !new:cosyvoice.flow.length_regulator.InterpolateRegulator
        channels: {flow.n_mels}
        sampling_ratios: {list(flow.stretches)}
    decoder: !new:cosyvoice.flow.flow_matching.ConditionalCFM
        in_channels: {3 * flow.n_mels}
        cfm_params: !new:omegaconf.DictConfig
            content:
                sigma_min: 1e-06
                inference_cfg_rate: {flow.guidance}
        estimator: !new:cosyvoice.flow.decoder.ConditionalDecoder
            in_channels: {4 * flow.n_mels}
            out_channels: {flow.n_mels}
            channels: {list(estimator.channels)}
            attention_head_dim: {estimator.head_width}
            n_blocks: {estimator.n_blocks}
            num_mid_blocks: {estimator.n_mid_blocks}
            num_heads: {estimator.n_heads}

hift: !new:cosyvoice.hifigan.generator.HiFTGenerator
    in_channels: {hift.n_mels}
    base_channels: {hift.width}
    nb_harmonics: {hift.n_harmonics}
    sampling_rate: !ref <sample_rate>
    nsf_alpha: {hift.sine_amplitude}
    nsf_sigma: {hift.noise_std}
    nsf_voiced_threshold: {hift.voiced_hz}
    upsample_rates: {list(hift.upsample_rates)}
    upsample_kernel_sizes: {list(hift.upsample_kernels)}
    istft_params:
        n_fft: {hift.n_fft}
        hop_len: {hift.hop}
    f0_predictor: !new:cosyvoice.hifigan.f0_predictor.ConvRNNF0Predictor
        in_channels: {hift.n_mels}
        cond_channels: {hift.f0_width}
"""
