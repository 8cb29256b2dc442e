"""One conversation on a model: its tokens and what every level has computed of them.

The model object stays untouched, so any number of conversations share one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.errors import ModelError
from model.vita_audio.decoding.cached_attention import StateTail
from model.vita_audio.decoding.step_runner import StepRunner

PREFILL_CHUNK = 512  # tokens; bounds the memory of a mask, and how late a cancel is seen
N_TRACED = 2048  # tokens; two minutes of audio codes and the words around them

_ID_GROWTH = 1024


@dataclass(frozen=True, slots=True)
class HeardSpan:
    """Continuous user audio in place of the embeddings of its placeholder tokens (Plus variants).

    Attributes:
        start: place of the first placeholder, counted from the first token given with it.
        features: (n, width) projected frames.
    """

    start: int
    features: Tensor

    @property
    def end(self) -> int:
        """Place behind the last placeholder."""
        return self.start + self.features.shape[0]


class DecodingState:
    """Tokens, caches and pending states of one conversation.

    Level 0 is the backbone, level k + 1 is MCTP module k. Entry p of a level belongs to the token
    at p; module k reads the token at p + k + 1 with it. Of the states h_k those that module k has
    not consumed are kept, and a margin of as many as there are modules. Modules from ``n_modules``
    on are never run, and nothing is collected for them.

    Args:
        n_modules: MCTP modules that may run; default: all that the model has.
        n_traced: tokens whose states h_0 are kept for ``traced``, the newest ones.
    """

    def __init__(self, runner: StepRunner, n_modules: int | None = None, n_traced: int = 0) -> None:
        wanted = runner.n_modules if n_modules is None else n_modules
        if not 0 <= wanted <= runner.n_modules:
            raise ModelError(
                f"{wanted} MCTP modules are asked for and the model has {runner.n_modules}"
            )
        self.runner = runner
        self.n_modules = wanted
        self.spans: list[HeardSpan] = []
        self._tokens: list[int] = []
        shape = runner.cache_shape
        with torch.inference_mode():
            self._levels = [runner.new_level(index) for index in range(wanted + 1)]
            self._tails = [StateTail(runner.width, shape) for _ in range(wanted)]
            self._trace = StateTail(runner.width, shape) if n_traced else None
            self._ids = torch.zeros(0, dtype=torch.int64, device=runner.device)
        self._n_traced = n_traced

    @property
    def n_tokens(self) -> int:
        """Number of tokens of the conversation."""
        return len(self._tokens)

    @property
    def n_pending(self) -> int:
        """Number of tokens that the backbone has not seen."""
        return self.n_tokens - self._levels[0].cache.n_entries

    @property
    def ids(self) -> tuple[int, ...]:
        """All tokens of the conversation."""
        return tuple(self._tokens)

    @property
    def room(self) -> int:
        """Number of tokens that still fit into the model's positions."""
        return self.runner.longest - self.n_tokens

    def known_ids(self) -> Tensor:
        """Return all tokens as (n,) int64 on the model's device."""
        return self._ids[: self.n_tokens]

    @torch.inference_mode()
    def extend(self, ids: Sequence[int], spans: Sequence[HeardSpan] = ()) -> None:
        """Append tokens; they are computed by the next backbone step.

        Raises:
            ModelError: the conversation is longer than the model's positions, or a span lies
                outside ``ids``.
        """
        n_old, n_new = self.n_tokens, len(ids)
        for span in spans:
            if not 0 <= span.start <= span.end <= n_new:
                raise ModelError(
                    f"user audio of {span.end - span.start} frames at token {span.start} does not "
                    f"fit into {n_new} tokens"
                )
        if n_new > self.room:
            raise ModelError(
                f"the conversation would be {n_old + n_new} tokens long and the model holds "
                f"{self.runner.longest}; forget the oldest turns"
            )
        if n_old + n_new > len(self._ids):
            grown = self._ids.new_zeros(n_old + n_new + _ID_GROWTH)
            grown[:n_old] = self._ids[:n_old]
            self._ids = grown
        if n_new == 1:
            self._ids[n_old] = ids[0]
        else:
            self._ids[n_old : n_old + n_new] = torch.tensor(ids, dtype=torch.int64)
        self._tokens.extend(ids)
        self.spans.extend(HeardSpan(n_old + span.start, span.features) for span in spans)

    @torch.inference_mode()
    def backbone_step(self) -> Tensor:
        """Run all pending tokens, the newest again if there is none.

        Returns:
            (n, width) states h_0 of the last tokens run; a view until the next step.
        """
        if self.n_tokens == 0:
            raise ModelError("nothing was said yet: the conversation holds no token")
        if self.n_pending == 0:
            self._rewind_backbone(self.n_tokens - 1)
        states = self._run_backbone(self.n_tokens)
        self._trim()
        return states

    @torch.inference_mode()
    def module_step(self, k: int) -> Tensor:
        """Run module ``k`` on every entry whose token is known and whose state h_k is pending.

        Returns:
            (n, width) states h_{k+1}; a view until the next step.
        """
        level = self._levels[k + 1]
        tail = self._tails[k]
        start = level.cache.n_entries
        end = min(tail.end, self.n_tokens - k - 1)
        if end <= start:
            raise ModelError(f"MCTP module {k} has nothing to read; run the level before it first")
        ids = self._ids[start + k + 1 : end + k + 1]
        states = tail.since(start)[: end - start]
        made = self.runner.module_step(level, self.runner.embed(ids), states)
        if k + 1 < self.n_modules:
            self._tails[k + 1].append(made)
        self._trim()
        return made

    @torch.inference_mode()
    def prefill(self, ids: Sequence[int], spans: Sequence[HeardSpan] = ()) -> None:
        """Append tokens and compute ahead all but the newest, on every level.

        The newest one stays pending: its step gives the first logits.
        """
        self.extend(ids, spans)
        if self.n_pending > 1:
            self._run_backbone(self.n_tokens - 1)
        for k, tail in enumerate(self._tails):
            if min(tail.end, self.n_tokens - k - 1) > self._levels[k + 1].cache.n_entries:
                self.module_step(k)

    def traced(self, start: int, end: int) -> Tensor | None:
        """Return the states h_0 (end - start, width) of tokens, or None if they are not at hand."""
        trace = self._trace
        if trace is None or start >= end or start < trace.first or end > trace.end:
            return None
        return trace.since(start)[: end - start].clone()

    @torch.inference_mode()
    def crop(self, n_tokens: int) -> None:
        """Forget every token from ``n_tokens`` on; decoding goes on as if they had never been.

        The backbone keeps min(current, T) entries and module k min(current, T - k - 1), for its
        entry p holds the token at p + k + 1. Where a state that is needed again was consumed and
        dropped, up to K more entries go; the next steps compute them again.
        """
        if n_tokens >= self.n_tokens:
            return
        n_tokens = max(n_tokens, 0)
        del self._tokens[n_tokens:]
        self.spans = [
            HeardSpan(span.start, span.features[: n_tokens - span.start])
            for span in self.spans
            if span.start < n_tokens
        ]
        self._keep_levels(n_tokens)

    def reuse(self, ids: Sequence[int], spans: Sequence[HeardSpan] = ()) -> int:
        """Crop to the longest beginning that is shared with ``ids``; return its length."""
        n_same = 0
        for mine, wanted in zip(self._tokens, ids, strict=False):
            if mine != wanted:
                break
            n_same += 1
        n_same = min(n_same, _first_difference(self.spans, spans))
        self.crop(n_same)
        return n_same

    def _run_backbone(self, end: int) -> Tensor:
        level = self._levels[0]
        states: Tensor | None = None
        while states is None or level.cache.n_entries < end:
            start = level.cache.n_entries
            stop = min(end, start + PREFILL_CHUNK)
            states = self.runner.backbone_step(level, self._embedded(start, stop))
            if self._trace is not None:
                self._trace.crop(start)
                self._trace.append(states)
                self._trace.forget_before(stop - self._n_traced)
            if self._tails:
                self._tails[0].append(states)
        return states

    def _embedded(self, start: int, stop: int) -> Tensor:
        """Backbone input; MCTP modules embed the placeholders themselves instead."""
        embedded = self.runner.embed(self._ids[start:stop])
        for span in self.spans:
            first, last = max(start, span.start), min(stop, span.end)
            if first < last:
                heard = span.features[first - span.start : last - span.start]
                embedded[first - start : last - start] = heard.to(embedded)
        return embedded

    def _trim(self) -> None:
        for k, tail in enumerate(self._tails):
            tail.forget_before(self._levels[k + 1].cache.n_entries - self.n_modules)

    def _rewind_backbone(self, n_entries: int) -> None:
        # What the modules made of the dropped entries stays right: no token has changed.
        self._levels[0].cache.crop(n_entries)
        if self._tails:
            self._tails[0].crop(n_entries)

    def _keep_levels(self, n_tokens: int) -> None:
        if self._trace is not None:
            self._trace.crop(n_tokens)
        caches = [level.cache for level in self._levels]
        kept = [
            max(0, min(cache.n_entries, n_tokens - index)) for index, cache in enumerate(caches)
        ]
        # From the last level down: where states to go on from are gone, their makers go back too.
        for k in reversed(range(self.n_modules)):
            if kept[k + 1] < self._tails[k].first:
                kept[k] = min(kept[k], kept[k + 1])
        for cache, n_entries in zip(caches, kept, strict=True):
            cache.crop(n_entries)
        for tail, n_entries in zip(self._tails, kept, strict=False):
            tail.crop(n_entries)


def _first_difference(mine: Sequence[HeardSpan], wanted: Sequence[HeardSpan]) -> int:
    """Place of the first user audio that one side has not, or has otherwise."""
    for own, other in zip(mine, wanted, strict=False):
        is_same = own.start == other.start and (
            own.features is other.features or torch.equal(own.features, other.features)
        )
        if not is_same:
            return min(own.start, other.start)
    longer = mine if len(mine) > len(wanted) else wanted
    n_shared = min(len(mine), len(wanted))
    return longer[n_shared].start if n_shared < len(longer) else 2**62
