"""An exact output head at a fraction of the memory traffic: scan a 4-bit copy, rescore the few.

Every row's score is bounded by its scan plus the error that its 4 bits can make; rows whose bound
reaches the best exact score are scored again with the real weights. Greedy and top-k draws are
those of the full head.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.vita_audio.decoding.output_head import (
    AllowedTokens,
    FullHead,
    OutputHead,
    Sampler,
    places_in,
)

GROUP = 32  # weights that share a scale: the smallest the kernel takes, for the tightest bound

_ROW_BLOCK = 64  # rows that the packed layout keeps together
_ROWS_AT_ONCE = 8192  # quantized in parts: the kernel's packer wants 4 bytes per weight
_STEPS = 15  # of 4 bits
_ZERO = 8  # the kernel subtracts it from every 4-bit number
_MOST_RESCORED = 1 / 8  # of all rows; beyond, the full product is cheaper
# The kernel rounds weights, state and score to 8 significant bits each: half a step is 2^-9. The
# rest covers its float32 sums.
_ROUNDING = 2.0**-9 + 2.0**-12
_CLIPS = (1.0, 0.94, 0.88)  # parts of a group's range tried: an outlier need not cost all others


@dataclass(frozen=True, slots=True)
class _Scan:
    """A 4-bit copy of some rows.

    Attributes:
        scales: (groups, padded rows, 2) bfloat16, steps and middles.
        errors: (rows,) float32, most by which a score can be off for a state of length 1.
        lengths: (rows,) float32, of the 4-bit rows.
    """

    first: int
    n_rows: int
    packed: Tensor
    scales: Tensor
    errors: Tensor
    lengths: Tensor

    def scores(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return approximate scores (rows,) and the most (rows,) that the exact ones can be."""
        approximate = torch.ops.aten._weight_int4pack_mm_for_cpu(  # noqa: SLF001
            state.bfloat16()[None], self.packed, GROUP, self.scales
        )[0, : self.n_rows].float()
        length = torch.linalg.vector_norm(state.float())
        is_rounded = state.dtype is not torch.bfloat16
        errors = self.errors + _ROUNDING * self.lengths if is_rounded else self.errors
        most = torch.addcmul(approximate, errors, length)
        return approximate, most.add_(approximate.abs(), alpha=_ROUNDING)


class ShortlistHead:
    """A head that draws as ``FullHead`` does, up to the rounding of one dot product.

    For weights on a CPU. The copy takes a quarter of the memory of bfloat16 weights and an eighth
    more for its scales.

    Args:
        weight: (vocabulary, width), not copied.
    """

    def __init__(self, weight: Tensor) -> None:
        self._full = FullHead(weight)
        self._weight = weight
        self._scans = {(0, weight.shape[0]): _quantized(weight, 0, weight.shape[0])}
        self._is_seen = torch.zeros(weight.shape[0], dtype=torch.bool)  # all false between calls
        self.n_full = 0  # choices that were left to the full head

    @staticmethod
    def fits(weight: Tensor) -> bool:
        """Return whether there is a kernel for ``weight`` and something to gain."""
        is_small = weight.shape[0] < _ROWS_AT_ONCE
        return weight.device.type == "cpu" and weight.shape[1] % GROUP == 0 and not is_small

    @torch.inference_mode()
    def choose(
        self, state: Tensor, seen: Tensor, sampler: Sampler, allowed: AllowedTokens | None
    ) -> int:
        """See ``OutputHead``."""
        n_best = sampler.n_best
        # A penalty below 1 raises scores above their bounds.
        if n_best is None or sampler.settings.repetition_penalty < 1.0:
            return self._by_full(state, seen, sampler, allowed)
        span = allowed or AllowedTokens(0, self._weight.shape[0])
        scan = self._scan_of(span)
        approximate, most = scan.scores(state)
        if span.excluded:
            gone = [token_id - span.first for token_id in span.excluded]
            approximate[gone] = most[gone] = -torch.inf
        places = places_in(seen, span)
        n_best = min(n_best, scan.n_rows)
        # The best of the scan, scored exactly, are what every other row must beat.
        seeds = approximate.argmax()[None] if n_best == 1 else approximate.topk(n_best).indices
        reached = self._exact(state, seeds, scan, places, sampler).min()
        shortlist = (most >= reached).nonzero()[:, 0]
        if shortlist.numel() > _MOST_RESCORED * scan.n_rows:
            return self._by_full(state, seen, sampler, allowed)
        scores = self._exact(state, shortlist, scan, places, sampler)
        return span.first + int(shortlist[sampler.pick(scores)])

    def _by_full(
        self, state: Tensor, seen: Tensor, sampler: Sampler, allowed: AllowedTokens | None
    ) -> int:
        self.n_full += 1
        return self._full.choose(state, seen, sampler, allowed)

    def _exact(
        self, state: Tensor, rows: Tensor, scan: _Scan, seen: Tensor, sampler: Sampler
    ) -> Tensor:
        """Penalised scores (n,) of ``rows`` (n,) with the real weights."""
        weight = self._weight.index_select(0, rows + scan.first)
        scores = functional.linear(state[None], weight)[0]
        scores = scores.float() if scores.itemsize < torch.float32.itemsize else scores
        if sampler.settings.repetition_penalty == 1.0:
            return scores
        self._is_seen[seen] = True
        among = self._is_seen.index_select(0, rows).nonzero()[:, 0]
        self._is_seen[seen] = False
        return sampler.penalised(scores, among)

    def _scan_of(self, span: AllowedTokens) -> _Scan:
        scan = self._scans.get((span.first, span.end))
        if scan is None:
            scan = _quantized(self._weight, span.first, span.end)
            self._scans[span.first, span.end] = scan
        return scan


def head_for(weight: Tensor) -> OutputHead:
    """Return the fastest head that draws what the full one draws; takes seconds."""
    return ShortlistHead(weight) if ShortlistHead.fits(weight) else FullHead(weight)


def _quantized(weight: Tensor, first: int, end: int) -> _Scan:
    parts = [
        _quantized_part(weight[at : min(at + _ROWS_AT_ONCE, end)])
        for at in range(first, end, _ROWS_AT_ONCE)
    ]
    packed, scales, errors, lengths = zip(*parts, strict=True)
    return _Scan(
        first,
        end - first,
        torch.cat(packed),
        torch.cat(scales, dim=1),
        torch.cat(errors),
        torch.cat(lengths),
    )


def _quantized_part(weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Packed 4-bit numbers, scales, errors and lengths of up to ``_ROWS_AT_ONCE`` rows."""
    n_rows, width = weight.shape
    exact = weight.float()
    padded = functional.pad(exact, (0, 0, 0, -n_rows % _ROW_BLOCK))
    groups = padded.view(padded.shape[0], width // GROUP, GROUP)
    best = _rounded(groups, _CLIPS[0])
    for clip in _CLIPS[1:]:
        other = _rounded(groups, clip)
        is_closer = (other.errors < best.errors)[..., None]
        best = _Rounded(
            torch.where(is_closer, other.numbers, best.numbers),
            torch.where(is_closer, other.scales, best.scales),
            torch.minimum(other.errors, best.errors),
        )
    step, middle = best.scales.float().unbind(-1)
    restored = (best.numbers - _ZERO) * step[..., None] + middle[..., None]
    restored = restored.view_as(padded)[:n_rows]
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(  # noqa: SLF001
        best.numbers.view_as(padded).int(), 1
    )
    length = torch.linalg.vector_norm(restored, dim=1)
    error = torch.linalg.vector_norm(exact - restored, dim=1) + _ROUNDING * length
    return packed, best.scales.transpose(0, 1).contiguous(), error, length


@dataclass(frozen=True, slots=True)
class _Rounded:
    """Groups in 4 bits: numbers (rows, groups, n), scales (…, 2), squared errors (rows, groups)."""

    numbers: Tensor
    scales: Tensor
    errors: Tensor


def _rounded(groups: Tensor, clip: float) -> _Rounded:
    low, high = groups.aminmax(dim=-1)
    centre, half = (low + high) / 2, (high - low) / 2 * clip
    step = (2 * half / _STEPS).bfloat16()
    middle = (centre - half + _ZERO * step.float()).bfloat16()
    # Rounded against the scales as they are stored, so that their own rounding costs nothing.
    step_of, middle_of = step.float()[..., None], middle.float()[..., None]
    numbers = ((groups - middle_of) / step_of.clamp(min=1e-30)).round_().add_(_ZERO)
    numbers = numbers.clamp_(0, _STEPS)
    restored = (numbers - _ZERO) * step_of + middle_of
    errors = (restored - groups).square_().sum(dim=-1)
    return _Rounded(numbers, torch.stack((step, middle), dim=-1), errors)
