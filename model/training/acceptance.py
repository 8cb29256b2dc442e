"""How often each MCTP module chooses the token that the backbone chooses.

Teacher-forced over held-out samples, at every place that is a training target. Agreement decides
how many drafts verified decoding accepts, and how far the unverified patterns depart from the
backbone. In a reply of its own the drafts follow each other's mistakes; that is not measured here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from model.training.data.packing import PackedRow
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.language_model.packed_losses import IGNORED

_TOKENS_PER_HEAD_CALL = 1024
_UNKNOWN = -1  # no choice at this place


@dataclass(frozen=True, slots=True)
class ModuleAcceptance:
    """How often one module chooses what others choose; parts of 1.

    Attributes:
        n_places: places where the module has a target.
        agrees: it chooses what the backbone chooses there.
        chain: after one backbone step it and all modules before it do: its draft is accepted.
        is_right: it chooses the token of the data.
    """

    n_places: int
    agrees: float
    chain: float
    is_right: float


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What was measured of a model on some samples.

    Attributes:
        backbone_right: part of the targets that the backbone chooses as the data has them.
    """

    backbone_right: float
    modules: tuple[ModuleAcceptance, ...]

    @property
    def agreement(self) -> float:
        """Return the mean over the modules; 0.0 where there are none."""
        return sum(one.agrees for one in self.modules) / max(1, len(self.modules))

    @property
    def accepted_drafts(self) -> float:
        """Return how many drafts verified decoding would keep after a backbone step here."""
        return sum(one.chain for one in self.modules)

    def as_record(self) -> dict[str, Any]:
        """Return the numbers as they stand in the journal."""
        return {"agreement": self.agreement, "accepted": self.accepted_drafts} | asdict(self)


@torch.no_grad()
def measure_acceptance(model: VitaAudioForCausalLM, rows: Iterable[PackedRow]) -> Acceptance:
    """Run every sample of ``rows`` alone; ``model`` keeps its mode."""
    was_training = model.training
    model.eval()
    of_backbone = torch.zeros(2, dtype=torch.int64)  # targets, right ones
    # Of each module: places, agreeing, right, places of the chain, whole chains.
    of_modules = torch.zeros(model.num_mctp_modules, 5, dtype=torch.int64)
    for row in rows:
        embeddings = model.embed(row.input_ids, row.audios, row.audio_indices)
        for begin, end in pairwise(row.borders):
            ids, labels = row.input_ids[0, begin:end], row.labels[0, begin:end]
            choices = _choices(model, ids, embeddings[0, begin:end], labels != IGNORED)
            _count(labels, choices, of_backbone, of_modules)
    model.train(was_training)
    modules = tuple(
        ModuleAcceptance(n, agrees / max(1, n), chain / max(1, n_chain), right / max(1, n))
        for n, agrees, right, n_chain, chain in of_modules.tolist()
    )
    n_targets, n_right = of_backbone.tolist()
    return Acceptance(n_right / max(1, n_targets), modules)


def _count(
    labels: Tensor, choices: Iterator[Tensor], of_backbone: Tensor, of_modules: Tensor
) -> None:
    """Add one sample; ``choices`` (n,) of each level, the backbone's first."""
    backbone = next(choices)
    is_target = (labels != IGNORED) & (backbone != _UNKNOWN)
    right = is_target & (backbone == labels)
    of_backbone += torch.stack((is_target.sum(), right.sum())).cpu()
    whole = in_chain = None
    for k, chosen in enumerate(choices):
        counted = is_target & (chosen != _UNKNOWN)
        agrees = counted & (chosen == backbone)
        right = counted & (chosen == labels)
        # A chain starts at one backbone state p, whose draft k is for the token at p + k + 2.
        at_p, agrees_at_p = counted[k + 2 :], agrees[k + 2 :]
        in_chain = at_p if in_chain is None else in_chain[: len(at_p)] & at_p
        whole = agrees_at_p if whole is None else whole[: len(at_p)] & agrees_at_p
        sums = [mask.sum() for mask in (counted, agrees, right, in_chain, whole & in_chain)]
        of_modules[k] += torch.stack(sums).cpu()


def _choices(
    model: VitaAudioForCausalLM, ids: Tensor, embeddings: Tensor, is_target: Tensor
) -> Iterator[Tensor]:
    """Yield the tokens (n,) that each level chooses for the targets of a sample ``ids`` (n,)."""
    n = ids.shape[0]
    positions = torch.arange(n, device=ids.device)[None]
    hidden = model.run_backbone(embeddings[None], positions)
    yield _chosen(model.lm_head, hidden[0, : n - 1], is_target[1:], n)
    of_ids = model.model.embed_tokens(ids)[None]
    for k in range(model.num_mctp_modules):
        n_left = n - k - 1
        if n_left > 0:
            hidden = hidden[:, :n_left]
            hidden = model.run_module(k, of_ids[:, k + 1 :], hidden, positions[:, k + 1 :])
        yield _chosen(model.lm_head, hidden[0, : max(0, n_left - 1)], is_target[k + 2 :], n)


def _chosen(head: nn.Module, states: Tensor, is_target: Tensor, n: int) -> Tensor:
    """Return the choices (n,); ``states`` predict the last places, of which some count."""
    chosen = torch.full((n,), _UNKNOWN, device=states.device)
    places = is_target.nonzero()[:, 0]
    first = n - is_target.shape[0]
    for part in places.split(_TOKENS_PER_HEAD_CALL):
        chosen[first + part] = head(states[part]).argmax(dim=-1)
    return chosen
