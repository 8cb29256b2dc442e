"""The duplex network in torch: the same parameters and names, whole batches at a time."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from model.duplex.duplex_network import FEATURE_LIMIT, Array, weight_shapes
from model.duplex.outcomes import N_OUTCOMES, OVERLAP, USER_FLOOR
from model.duplex.predictor_card import NetworkShape

_LAYER = "_l0"  # torch numbers the layers of a GRU, there is one
IMPOSSIBLE = -1e9
"""The logit of an outcome that does not compete now."""


class TorchDuplexNetwork(nn.Module):
    """Twin of ``DuplexNetwork``; ``dropout`` is of what the recurrent layer and the head see."""

    def __init__(self, shape: NetworkShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        encoded = shape.sound_width + shape.evidence_width
        sound, evidence = shape.columns(of_sound=True), shape.columns(of_sound=False)
        self.register_buffer("mean", torch.zeros(shape.n_features))
        self.register_buffer("std", torch.ones(shape.n_features))
        self.register_buffer("sound_columns", torch.tensor(sound), persistent=False)
        self.register_buffer("evidence_columns", torch.tensor(evidence), persistent=False)
        self.sound = nn.Linear(len(sound), shape.sound_width)
        self.evidence = nn.Linear(len(evidence), shape.evidence_width)
        self.recurrent = nn.GRU(encoded, shape.hidden, batch_first=True)
        self.head = nn.Linear(shape.hidden + encoded, shape.head_width)
        self.output = nn.Linear(shape.head_width, N_OUTCOMES)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (b, t, 5) of features float32 (b, t, n_features)."""
        normal = ((features - self.mean) / self.std).clamp(-FEATURE_LIMIT, FEATURE_LIMIT)
        sound = self.sound(normal[..., self.sound_columns])
        evidence = self.evidence(normal[..., self.evidence_columns])
        encoded = self.dropout(torch.relu(torch.cat([sound, evidence], -1)))
        hidden, _ = self.recurrent(encoded)
        seen = torch.cat([self.dropout(hidden), encoded], -1)
        return self.output(torch.relu(self.head(seen)))

    def normalise_by(self, mean: Array, std: Array) -> None:
        """Set mean and standard deviation of every feature, float32 (n_features,)."""
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(std))

    def weights(self) -> dict[str, Array]:
        """Return the weights as the numpy network reads them."""
        return {
            name.removesuffix(_LAYER): np.array(tensor.detach().cpu().numpy())
            for name, tensor in self.state_dict().items()
        }

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Take what ``weights`` gave."""
        assert set(weights) == set(weight_shapes(self.shape))
        state = {
            name + _LAYER if name.startswith("recurrent.") else name: torch.from_numpy(weight)
            for name, weight in weights.items()
        }
        self.load_state_dict(state)


def masked(logits: Tensor, is_overlap: Tensor) -> Tensor:
    """Make the outcomes of ``logits`` (..., 5) that do not compete impossible.

    ``is_overlap``: bool (...).
    """
    competes = torch.zeros(2, N_OUTCOMES, dtype=torch.bool, device=logits.device)
    competes[0, list(USER_FLOOR)] = True
    competes[1, list(OVERLAP)] = True
    return logits.masked_fill(~competes[is_overlap.long()], IMPOSSIBLE)
