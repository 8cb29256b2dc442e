"""One step of the backbone or of one MCTP module, on caches that the caller owns.

Holds weights only and may serve many conversations, one step at a time.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from model.vita_audio.decoding.cached_attention import (
    GROWTH,
    CacheShape,
    FixedAttention,
    LevelCache,
    SlicedAttention,
)
from model.vita_audio.decoding.layer_weights import (
    LayerWeights,
    Packing,
    backbone_weights,
    can_pack,
    module_weights,
)
from model.vita_audio.decoding.output_head import FullHead, OutputHead
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

Step = Callable[..., Tensor]
Recording = Callable[[], None]  # repeats the step on the same memory
Recorder = Callable[[Step, tuple[Tensor, ...]], tuple[Recording, Tensor]]

LONGEST_RECORDED = 16  # tokens; a pattern's steps have at most 15, a prompt is run as it is
_WARM_UPS = 2  # libraries allocate their workspaces on the first calls


@dataclass(frozen=True, slots=True)
class _Captured:
    replay: Recording
    inputs: tuple[Tensor, ...]
    output: Tensor


class CapturedSteps:
    """Recordings by key, valid as long as the memory that a step reads stays where it is.

    Args:
        record: records a step on fixed inputs; returns what repeats it, and its output's memory.
    """

    def __init__(self, record: Recorder) -> None:
        self._record = record
        self._captured: dict[Hashable, _Captured] = {}

    def run(self, key: Hashable, step: Step, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the output of ``step(*inputs)``, which the next run of ``key`` overwrites.

        Args:
            key: must stand for the step and for the shapes of ``inputs``.
        """
        captured = self._captured.get(key)
        if captured is None:
            own = tuple(tensor.clone() for tensor in inputs)
            replay, output = self._record(step, own)
            captured = self._captured[key] = _Captured(replay, own, output)
        else:
            for mine, given in zip(captured.inputs, inputs, strict=True):
                mine.copy_(given, non_blocking=True)
        captured.replay()
        return captured.output

    def forget(self) -> None:
        """Drop every recording: the memory moved."""
        self._captured.clear()


def record_cuda_graph(step: Step, inputs: tuple[Tensor, ...]) -> tuple[Recording, Tensor]:
    """Record ``step`` on the current CUDA device. Not verified on a GPU by this project's tests."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_WARM_UPS):
            step(*inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = step(*inputs)
    return graph.replay, output


@dataclass(slots=True)
class Level:
    """What a conversation keeps of one level.

    Attributes:
        index: 0 is the backbone, k + 1 is module k.
        recorded: steps recorded on this cache; None where steps are not recorded.
    """

    index: int
    cache: LevelCache
    recorded: CapturedSteps | None

    def reserve(self, n_more: int) -> None:
        """Make room for ``n_more`` entries; recordings on a block that moves are void."""
        before = self.cache.keys.data_ptr()
        self.cache.reserve(n_more)
        if self.recorded is not None and self.cache.keys.data_ptr() != before:
            self.recorded.forget()


class StepRunner:
    """The network, ready for decoding.

    Args:
        model: where nothing is packed, its parameters become views of fused tensors.
        head: how tokens are chosen from states; default: the whole vocabulary.
        record: records steps of fixed shape; default: CUDA graphs on a GPU, else nothing.
        growth: entries by which a cache grows.
        packing: default: a packed copy where that is faster; pass RELEASE where ``model`` is not
            run in any other way, so that its layers are not held twice.
    """

    def __init__(
        self,
        model: VitaAudioForCausalLM,
        head: OutputHead | None = None,
        record: Recorder | None = None,
        growth: int = GROWTH,
        packing: Packing | None = None,
    ) -> None:
        config = model.config
        self.longest = config.max_position_embeddings  # tokens that a conversation can hold
        self.embeddings = model.model.embed_tokens.weight.detach()
        self.head: OutputHead = head or FullHead(model.lm_head.weight.detach())
        if not can_pack(self.embeddings):
            packing = Packing.NONE
        self._backbone = backbone_weights(model, packing or Packing.COPY)
        self._modules = module_weights(model, packing or Packing.COPY)
        self._norm = model.model.norm.weight.detach()
        self._epsilon: float = config.rms_norm_eps
        self._rotary = model.model.rotary_emb
        self._n_heads = config.num_attention_heads
        self._n_shared = cast(int, config.num_key_value_heads)
        self._head_size = config.hidden_size // config.num_attention_heads
        self._growth = growth
        self._record = record or (record_cuda_graph if self.device.type == "cuda" else None)
        self._turns = self._turned(torch.arange(config.max_position_embeddings))

    @property
    def n_modules(self) -> int:
        """Number of MCTP modules."""
        return len(self._modules)

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        return self.embeddings.shape[1]

    @property
    def device(self) -> torch.device:
        """Device of the weights and of all caches."""
        return self.embeddings.device

    @property
    def cache_shape(self) -> CacheShape:
        """Shape of one layer's keys."""
        return CacheShape(self._n_shared, self._head_size, self.embeddings.dtype, self.device)

    def new_level(self, index: int) -> Level:
        """Return an empty level: 0 is the backbone, k + 1 is module k."""
        n_layers = len(self._backbone) if index == 0 else 1
        recorded = CapturedSteps(self._record) if self._record is not None else None
        return Level(index, LevelCache(n_layers, self.cache_shape, self._growth), recorded)

    @torch.inference_mode()
    def embed(self, ids: Tensor) -> Tensor:
        """Return the embeddings (n, width) of ``ids`` (n,) int64."""
        return functional.embedding(ids, self.embeddings)

    @torch.inference_mode()
    def backbone_step(self, level: Level, embedded: Tensor) -> Tensor:
        """Append ``embedded`` (n, width); return their states behind the final norm."""
        return self._step(level, (embedded,))

    @torch.inference_mode()
    def module_step(self, level: Level, embedded: Tensor, states: Tensor) -> Tensor:
        """Append entries of module ``level.index - 1``; return their states (n, width).

        Args:
            embedded: (n, width) embeddings of the tokens at p + k + 1.
            states: (n, width) states of the level before at p.
        """
        return self._step(level, (embedded, states))

    def _step(self, level: Level, inputs: tuple[Tensor, ...]) -> Tensor:
        n_new = len(inputs[0])
        level.reserve(n_new)
        start = level.cache.n_entries
        if level.recorded is not None and n_new <= LONGEST_RECORDED:
            places = torch.arange(start, start + n_new, device=self.device)

            def fixed(places: Tensor, *tensors: Tensor) -> Tensor:
                attention = FixedAttention(level.cache, places)
                return self._layers(level, attention, places, tensors)

            states = level.recorded.run(n_new, fixed, (places, *inputs))
        else:
            attention = SlicedAttention(level.cache, n_new)
            places = slice(start, start + n_new)
            states = self._layers(level, attention, places, inputs)
        level.cache.n_entries = start + n_new
        return states

    def _layers(
        self,
        level: Level,
        attention: SlicedAttention | FixedAttention,
        places: Tensor | slice,
        inputs: Sequence[Tensor],
    ) -> Tensor:
        # Entry p of module k embeds the token at p + k + 1.
        if isinstance(places, slice):
            positions = slice(places.start + level.index, places.stop + level.index)
        else:
            positions = places + level.index
        cos, sin = self._turns
        turns = (cos[positions], sin[positions])
        if level.index == 0:
            states = inputs[0]
            for layer, weights in enumerate(self._backbone):
                states = self._layer(layer, weights, attention, turns, states)
        else:
            module = self._modules[level.index - 1]
            both = (
                self._normed(inputs[0], module.embed_norm),
                self._normed(inputs[1], module.hidden_norm),
            )
            states = module.projection(torch.cat(both, dim=-1))
            states = self._layer(0, module.layer, attention, turns, states)
        return self._normed(states, self._norm)

    def _layer(
        self,
        index: int,
        weights: LayerWeights,
        attention: SlicedAttention | FixedAttention,
        turns: tuple[Tensor, Tensor],
        states: Tensor,
    ) -> Tensor:
        cos, sin = turns
        n_turned = self._n_heads + self._n_shared
        qkv = weights.qkv(self._normed(states, weights.input_norm))
        heads = qkv.view(len(states), n_turned + self._n_shared, self._head_size)
        turned = heads[:, :n_turned]
        turned = turned * cos + turned.roll(self._head_size // 2, -1) * sin
        attended = attention.attend(
            index,
            turned[:, : self._n_heads],
            turned[:, self._n_heads :],
            heads[:, n_turned:],
        )
        states = states + weights.output(attended)
        gate, up = weights.gate_up(self._normed(states, weights.mlp_norm)).chunk(2, dim=-1)
        return states + weights.down(functional.silu(gate).mul_(up))

    def _normed(self, states: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(states, weight.shape, weight, self._epsilon)

    @torch.inference_mode()
    def _turned(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """(positions, 1, head_size) cosines, and sines with the sign of a half turn folded in."""
        like = self.embeddings[:1, None]
        cos, sin = self._rotary(like, positions[None].to(self.device))
        half = self._head_size // 2
        sign = torch.ones(self._head_size, dtype=sin.dtype, device=sin.device)
        sign[:half] = -1.0
        return cos[0, :, None], (sin * sign)[0, :, None]
