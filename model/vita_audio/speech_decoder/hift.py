"""The HiFT vocoder: mel and harmonic source to samples.

Source: HiFTNet (arXiv 2309.09493) as CosyVoice sets it up. Weights come fused: the weight norm of
the published file is undone when it is converted. That file's contents are not verified.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.vita_audio.speech_decoder.decoder_config import HiftConfig

_OUTER_KERNEL = 7
_OUTER_LEAK = 0.01
_F0_KERNEL = 3
_N_F0_LAYERS = 5
_MAX_MAGNITUDE = 100.0
_SMALLEST_ALPHA = 1e-9  # keeps the snake finite where alpha is 0


class Hift(nn.Module):
    """The vocoder with its published names; ``forward`` filters a given source."""

    def __init__(self, config: HiftConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width // 2**i for i in range(len(config.upsample_rates) + 1)]
        self.f0_predictor = F0Predictor(config.n_mels, config.f0_width)
        self.m_source = nn.ModuleDict({"l_linear": nn.Linear(config.n_harmonics + 1, 1)})
        self.conv_pre = nn.Conv1d(config.n_mels, config.width, _OUTER_KERNEL, padding=3)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(before, after, kernel, rate, padding=(kernel - rate) // 2)
            for before, after, kernel, rate in zip(
                widths, widths[1:], config.upsample_kernels, config.upsample_rates, strict=False
            )
        )
        self.source_downs = nn.ModuleList(
            _source_down(config.n_fft + 2, width, math.prod(config.upsample_rates[i + 1 :]))
            for i, width in enumerate(widths[1:])
        )
        self.source_resblocks = nn.ModuleList(
            ResidualBlock(width, kernel, dilations)
            for width, kernel, dilations in zip(
                widths[1:], config.source_kernels, config.source_dilations, strict=True
            )
        )
        self.resblocks = nn.ModuleList(
            ResidualBlock(width, kernel, dilations)
            for width in widths[1:]
            for kernel, dilations in zip(config.kernels, config.dilations, strict=True)
        )
        self.conv_post = nn.Conv1d(widths[-1], config.n_fft + 2, _OUTER_KERNEL, padding=3)

    @property
    def merge_harmonics(self) -> nn.Linear:
        """The layer that weighs the sines of the source; a hyperbolic tangent follows."""
        linear = self.m_source["l_linear"]
        assert isinstance(linear, nn.Linear)
        return linear

    @torch.inference_mode()
    def forward(self, mel: Tensor, source: Tensor) -> Tensor:
        """Return the samples (1, frames · 256) float32 of a mel (1, 80, frames).

        Args:
            source: (1, frames · 256) float32.
        """
        config = self.config
        spectrum = self._stft(source).to(mel.dtype)  # (1, 18, frames · 64 + 1)
        n_kernels = len(config.kernels)
        x = self.conv_pre(mel)
        for i, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, config.leak))
            if i == len(self.ups) - 1:
                x = functional.pad(x, (1, 0), mode="reflect")
            x = x + self.source_resblocks[i](self.source_downs[i](spectrum))
            branches = self.resblocks[i * n_kernels : (i + 1) * n_kernels]
            x = torch.stack([branch(x) for branch in branches]).mean(dim=0)
        x = self.conv_post(functional.leaky_relu(x, _OUTER_LEAK)).float()
        return self._istft(x).clamp(-config.sample_limit, config.sample_limit)

    @property
    def reach_frames(self) -> int:
        """How many frames away a mel frame or a source sample can change the output."""
        config = self.config
        inverse_stft = config.n_fft // config.hop // 2
        reach = float(_OUTER_KERNEL // 2 + inverse_stft + 1)  # and the reflected step
        through_source = 0.0
        steps_per_frame = math.prod(config.upsample_rates)
        for i in reversed(range(len(config.upsample_rates))):
            pairs = zip(config.kernels, config.dilations, strict=True)
            reach += max(_residual_reach(kernel, dilations) for kernel, dilations in pairs)
            source = _residual_reach(config.source_kernels[i], config.source_dilations[i])
            forward_stft = inverse_stft + 1
            through_source = max(
                through_source, (reach + source + 1 + forward_stft) / steps_per_frame
            )
            steps_per_frame //= config.upsample_rates[i]
            reach = reach / config.upsample_rates[i] + 1
        return math.ceil(max(through_source, reach + _OUTER_KERNEL // 2))

    def _stft(self, source: Tensor) -> Tensor:
        n_fft, hop = self.config.n_fft, self.config.hop
        window = torch.hann_window(n_fft, device=source.device)
        spectrum = torch.stft(source, n_fft, hop, window=window, return_complex=True)
        return torch.cat((spectrum.real, spectrum.imag), dim=1)

    def _istft(self, x: Tensor) -> Tensor:
        n_fft, hop = self.config.n_fft, self.config.hop
        n_bins = n_fft // 2 + 1
        magnitude = x[:, :n_bins].exp().clamp(max=_MAX_MAGNITUDE)
        spectrum = torch.polar(magnitude, x[:, n_bins:].sin())
        window = torch.hann_window(n_fft, device=x.device)
        return torch.istft(spectrum, n_fft, hop, window=window)


class F0Predictor(nn.Module):
    """The network that tells the fundamental of each frame."""

    reach_frames = _N_F0_LAYERS * (_F0_KERNEL // 2)

    def __init__(self, n_mels: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(_N_F0_LAYERS):
            layers += [nn.Conv1d(n_mels if i == 0 else width, width, _F0_KERNEL, padding=1)]
            layers += [nn.ELU()]
        self.condnet = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, 1)

    @torch.inference_mode()
    def forward(self, mel: Tensor) -> Tensor:
        """Return the fundamental (1, frames) in Hz of ``mel`` (1, 80, frames)."""
        return self.classifier(self.condnet(mel).transpose(1, 2)).squeeze(-1).abs()


class Snake(nn.Module):
    """The activation x + sin²(αx) / α, with one α per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return (1, width, n) of ``x`` alike."""
        alpha = self.alpha[:, None]
        return torch.addcdiv(x, (x * alpha).sin().square(), alpha + _SMALLEST_ALPHA)


class ResidualBlock(nn.Module):
    """Dilated convolutions, each with a shortcut around it."""

    def __init__(self, width: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(width, width, kernel, dilation=each, padding=each * (kernel // 2))
            for each in dilations
        )
        self.convs2 = nn.ModuleList(
            nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in dilations
        )
        self.activations1 = nn.ModuleList(Snake(width) for _ in dilations)
        self.activations2 = nn.ModuleList(Snake(width) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Return (1, width, n) of ``x`` alike."""
        steps = (self.activations1, self.convs1, self.activations2, self.convs2)
        for snake1, conv1, snake2, conv2 in zip(*steps, strict=True):
            x = x + conv2(snake2(conv1(snake1(x))))
        return x


def _source_down(before: int, after: int, rate: int) -> nn.Conv1d:
    if rate == 1:
        return nn.Conv1d(before, after, 1)
    return nn.Conv1d(before, after, 2 * rate, rate, padding=rate // 2)


def _residual_reach(kernel: int, dilations: tuple[int, ...]) -> int:
    return kernel // 2 * (sum(dilations) + len(dilations))
