"""Has the user finished? A small head on the backbone's states of what it heard.

One causal transformer layer and a linear layer over the outcomes (MinMo, full-duplex predictor),
trained alone on frozen states.
"""

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.duplex.outcomes import N_OUTCOMES, USER_FLOOR, Outcome
from model.errors import WeightsError
from model.files.records import one_line
from model.files.whole_file import replacing
from model.vita_audio.checkpoint.weight_files import read_tensors

FILE = "duplex_head.safetensors"
_AGAIN = "restore the file or train it again"
_DIGITS = 6  # of the temperature in the file


@dataclass(frozen=True, slots=True)
class HeadShape:
    """Sizes of a head.

    Attributes:
        backbone: width of the states.
        width: of the layer.
    """

    backbone: int
    width: int = 128
    n_heads: int = 4
    inner: int = 256


class DuplexHead(nn.Module):
    """The states of one turn's audio codes to scores of the five outcomes, at every code."""

    def __init__(self, shape: HeadShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.state_norm = nn.LayerNorm(shape.backbone)
        self.reduce = nn.Linear(shape.backbone, shape.width)
        self.attention_norm = nn.LayerNorm(shape.width)
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.attended = nn.Linear(shape.width, shape.width)
        self.inner_norm = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, shape.inner)
        self.down = nn.Linear(shape.inner, shape.width)
        self.output_norm = nn.LayerNorm(shape.width)
        self.output = nn.Linear(shape.width, N_OUTCOMES)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        """Return logits (b, n, 5) of ``states`` (b, n, backbone); a code sees those before it."""
        reduced = self.dropout(self.reduce(self.state_norm(states)))
        reduced = reduced + self.dropout(self._attend(self.attention_norm(reduced)))
        inner = functional.gelu(self.up(self.inner_norm(reduced)))
        reduced = reduced + self.dropout(self.down(inner))
        return self.output(self.output_norm(reduced))

    def _attend(self, reduced: Tensor) -> Tensor:
        n_rows, n, width = reduced.shape
        heads = self.qkv(reduced).view(n_rows, n, 3, self.shape.n_heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*heads, is_causal=True)
        return self.attended(attended.transpose(1, 2).reshape(n_rows, n, width))


class EndOfTurnDetector:
    """A trained head, asked in the pauses of a turn; ``temperature`` calibrates it."""

    def __init__(self, head: DuplexHead, temperature: float) -> None:
        self.head = head.eval().requires_grad_(requires_grad=False)
        self.temperature = temperature

    @torch.inference_mode()
    def p_end_of_turn(self, states: Tensor) -> float:
        """Return the probability after ``states`` (n, backbone) of all codes up to the pause."""
        logits = self.head(states[None].float())[0, -1, list(USER_FLOOR)] / self.temperature
        return float(logits.softmax(dim=-1)[USER_FLOOR.index(Outcome.END_OF_TURN)])


def write_head(path: Path, head: DuplexHead, temperature: float) -> None:
    """Write ``path``, whole or not at all."""
    notes = {
        "n_heads": str(head.shape.n_heads),
        "temperature": f"{temperature:.{_DIGITS}g}",
    }
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in head.state_dict().items()}
    with replacing(path) as partial:
        partial.write_bytes(safetensors.torch.save(state, notes))


def read_head(path: Path, backbone: int, device: torch.device | str = "cpu") -> EndOfTurnDetector:
    """Read a head for states of width ``backbone``.

    Raises:
        WeightsError: one line: the file is damaged, or belongs to another model.
    """
    try:
        state, notes = read_tensors(path, remedy=_AGAIN)
        n_heads, temperature = int(notes["n_heads"]), float(notes["temperature"])
        width, found = state["reduce.weight"].shape
        inner = state["up.weight"].shape[0]
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path} is no head ({one_line(str(error))}); {_AGAIN}") from error
    if found != backbone:
        raise WeightsError(
            f"{path}: reduce.weight: reads states of width {found} and the model's have "
            f"{backbone}; {_AGAIN} on this model"
        )
    if temperature <= 0.0 or n_heads < 1 or width % n_heads:
        raise WeightsError(f"{path}: n_heads {n_heads}, temperature {temperature}: {_AGAIN}")
    head = DuplexHead(HeadShape(backbone, width, n_heads, inner))
    try:
        head.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise WeightsError(f"{path}: {reason}; {_AGAIN}") from error
    return EndOfTurnDetector(head.to(device), temperature)
