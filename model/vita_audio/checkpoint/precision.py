"""Which number format, context length and modules fit into the memory that is free.

Needs no torch and no device: whoever loads a model measures the free bytes and obeys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from model.errors import ModelError, OutOfMemory
from model.files.records import as_record

SENSE_VOICE_PARAMETERS = 233_999_167  # SenseVoiceSmall, as part of the Plus checkpoints
SPEECH_TOKENIZER_PARAMETERS = 343_600_000  # GLM-4-Voice tokenizer, rounded as published
SPEECH_DECODER_PARAMETERS = 111_166_000 + 20_461_000  # flow and HiFT, rounded as published

DEFAULT_CONTEXT = 8192  # tokens; about eight minutes of talk at 12.5 codes and 4 words a second
LEAST_CONTEXT = 2048  # tokens; below that a conversation forgets its last reply
_CONTEXT_STEP = 256
_GIGABYTE = 1e9
_FLOAT_BYTES = 4
# Driver context, kernel workspaces and the activations of the flow decoder: an estimate.
_RESERVE_BYTES = {"cuda": 1_500_000_000, "mps": 1_500_000_000, "cpu": 1_000_000_000}


class Quantization(StrEnum):
    """How the backbone's linear layers are stored; everything else keeps the dtype."""

    NONE = "none"
    INT8 = "int8"
    INT4 = "int4"


# 8-bit: one float32 scale a row of 3584 and more; 4-bit: one float32 scale a block of 64 weights.
_BYTES_PER_WEIGHT = {Quantization.INT8: 1.002, Quantization.INT4: 0.5625}
_NAMES = {
    Quantization.NONE: "16-bit",
    Quantization.INT8: "8-bit backbone",
    Quantization.INT4: "4-bit backbone",
}


class NotEnoughMemory(OutOfMemory):
    """Not even the smallest form of the model fits."""


class _Sizes(msgspec.Struct):
    """The entries of config.json that a size is made of."""

    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    num_nextn_predict_layers: int
    num_hidden_layers: int
    vocab_size: int
    max_position_embeddings: int
    model_type: str = ""
    tie_word_embeddings: bool = False


@dataclass(frozen=True, slots=True)
class ModelSize:
    """The parameters of a model by what may be done to them, and what a token costs.

    Attributes:
        backbone: of the decoder layers without the MCTP blocks; the only part to be quantised.
        vocabulary: embeddings and output head.
        mctp: of one MCTP module, its block included.
        n_mctp: K.
        audio: encoder and projection of the Plus variants.
        speech: tokenizer, flow and vocoder, always float32.
        token_values: cached numbers a token of the backbone, and of one MCTP level.
        max_context: positions the model knows.
    """

    backbone: int
    vocabulary: int
    mctp: int
    n_mctp: int
    audio: int
    speech: int
    token_values: tuple[int, int]
    max_context: int

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> ModelSize:
        """Return the size that the entries of a checkpoint's config.json tell.

        Raises:
            ModelError: an entry is missing or no whole number.
        """
        sizes = as_record(dict(config), _Sizes, _misfit)
        hidden, k = sizes.hidden_size, sizes.num_nextn_predict_layers
        n_layers = sizes.num_hidden_layers - k
        head = hidden // sizes.num_attention_heads
        wide, narrow = sizes.num_attention_heads * head, sizes.num_key_value_heads * head
        attention = 2 * hidden * wide + wide + 2 * (hidden * narrow + narrow)
        layer = attention + 3 * hidden * sizes.intermediate_size + 2 * hidden
        is_plus = sizes.model_type == "qwen2_mtp_sensevoice"
        projection = 2 * 512 + 512 * hidden + hidden * hidden
        tokenizer = 0 if is_plus else SPEECH_TOKENIZER_PARAMETERS
        n_tables = 1 if sizes.tie_word_embeddings else 2
        return cls(
            backbone=n_layers * layer,
            vocabulary=n_tables * sizes.vocab_size * hidden + hidden,
            mctp=layer + 2 * hidden + 2 * hidden * hidden,
            n_mctp=k,
            audio=SENSE_VOICE_PARAMETERS + projection if is_plus else 0,
            speech=tokenizer + SPEECH_DECODER_PARAMETERS,
            # Keys and values of every layer; a level also keeps the hidden states it reads.
            token_values=(2 * n_layers * narrow, 2 * narrow + hidden),
            max_context=sizes.max_position_embeddings,
        )

    @property
    def n_parameters(self) -> int:
        """Parameters of the language model's checkpoint, without the speech parts."""
        return self.backbone + self.vocabulary + self.n_mctp * self.mctp + self.audio


@dataclass(frozen=True, slots=True)
class PrecisionChoice:
    """What to load and how.

    Attributes:
        dtype: "bfloat16" or "float32"; MCTP, embeddings and head keep it in any case.
        uses_mctp: False: the MCTP modules are left out and the model runs in Vanilla mode.
        context_tokens: for the caches.
        needed_bytes: weights, caches and reserve together; an estimate.
        reason: one sentence for a person.
    """

    dtype: str
    quantization: Quantization
    uses_mctp: bool
    context_tokens: int
    needed_bytes: int
    reason: str


def choose_precision(
    free_bytes: int,
    size: ModelSize,
    device_kind: str,
    wanted: str = "auto",
    context_tokens: int = DEFAULT_CONTEXT,
) -> PrecisionChoice:
    """Return the best form that fits: more bits first, then MCTP modules, then a longer context.

    Args:
        device_kind: "cuda", "mps" or "cpu".
        wanted: "auto", or "bf16", "int8", "int4" to try that form alone.

    Raises:
        NotEnoughMemory: names what would be needed.
        ModelError: ``wanted`` is not available on the device.
    """
    reserve = _reserve(device_kind)
    longest = min(context_tokens, size.max_context)
    shortest = min(LEAST_CONTEXT, longest)
    forms = _forms(size, device_kind, wanted)
    refused: _Form | None = None
    for form in forms:
        left = free_bytes - reserve - form.weight_bytes(size)
        fits = int(left // form.token_bytes(size))
        if fits >= shortest:
            context = min(longest, max(shortest, fits // _CONTEXT_STEP * _CONTEXT_STEP))
            needed = form.needed_bytes(size, reserve, context)
            reason = _reason(form, needed, free_bytes, device_kind, context)
            if refused is not None:
                needs = refused.needed_bytes(size, reserve, shortest)
                reason += f"; {refused.name} would need {_gb(needs)}"
            return PrecisionChoice(
                form.dtype, form.quantization, form.n_mctp > 0, context, needed, reason
            )
        refused = refused or form
    least = min(form.needed_bytes(size, reserve, shortest) for form in forms)
    raise NotEnoughMemory(
        f"not enough memory: {_gb(free_bytes)} are free on the {_place(device_kind)}, the model "
        f"needs {_gb(least)} at least; close other programs or choose a smaller model"
    )


def memory_span(size: ModelSize, device_kind: str = "cuda") -> tuple[int, int]:
    """Return the bytes needed by the smallest form, and by 16-bit weights with all modules."""
    reserve = _reserve(device_kind)
    forms = _forms(size, device_kind, "auto")
    least = min(form.needed_bytes(size, reserve, LEAST_CONTEXT) for form in forms)
    full = _Form("bfloat16", Quantization.NONE, size.n_mctp)
    return least, full.needed_bytes(size, reserve, DEFAULT_CONTEXT)


@dataclass(frozen=True, slots=True)
class _Form:
    dtype: str
    quantization: Quantization
    n_mctp: int

    @property
    def name(self) -> str:
        bits = "32-bit" if self.dtype == "float32" else _NAMES[self.quantization]
        return bits if self.n_mctp else f"{bits} without MCTP"

    @property
    def value_bytes(self) -> int:
        return _FLOAT_BYTES if self.dtype == "float32" else 2

    def weight_bytes(self, size: ModelSize) -> int:
        kept = size.vocabulary + size.audio + self.n_mctp * size.mctp
        each = _BYTES_PER_WEIGHT.get(self.quantization, self.value_bytes)
        return int(kept * self.value_bytes + size.backbone * each + size.speech * _FLOAT_BYTES)

    def token_bytes(self, size: ModelSize) -> int:
        backbone, level = size.token_values
        return self.value_bytes * (backbone + self.n_mctp * level)

    def needed_bytes(self, size: ModelSize, reserve: int, context: int) -> int:
        return self.weight_bytes(size) + reserve + context * self.token_bytes(size)


def _forms(size: ModelSize, device_kind: str, wanted: str) -> tuple[_Form, ...]:
    """In the order they are tried.

    Quantised layers run on CUDA and, 8-bit only, on the CPU; MPS has no kernels for them.
    """
    none, int8, int4 = Quantization.NONE, Quantization.INT8, Quantization.INT4
    k = size.n_mctp
    available = {"cuda": (none, int8, int4), "cpu": (none, int8)}.get(device_kind, (none,))
    if wanted != "auto":
        asked = none if wanted == "bf16" else Quantization(wanted)
        if asked not in available:
            raise ModelError(
                f"{_NAMES[asked]} is not available on the {_place(device_kind)}; "
                "choose another precision in the settings, or automatic"
            )
        available = (asked,)
    forms = [_Form("bfloat16", quantization, k) for quantization in available]
    if device_kind == "cpu" and wanted == "auto":
        # Most processors compute bfloat16 by way of float32: the wider weights are faster.
        forms.insert(0, _Form("float32", none, k))
    if k:
        forms.append(_Form("bfloat16", available[-1], 0))
    return tuple(forms)


def _reserve(device_kind: str) -> int:
    if device_kind not in _RESERVE_BYTES:
        known = ", ".join(_RESERVE_BYTES)
        raise ModelError(f"device kind {device_kind!r} is unknown; known: {known}")
    return _RESERVE_BYTES[device_kind]


def _reason(form: _Form, needed: int, free_bytes: int, device_kind: str, context: int) -> str:
    name = form.name[:1].upper() + form.name[1:]
    free = f"{_gb(free_bytes)} are free on the {_place(device_kind)}"
    return f"{name}, context of {context} tokens: {free}, {_gb(needed)} are needed"


def _place(device_kind: str) -> str:
    return {"cuda": "GPU", "mps": "GPU"}.get(device_kind, "CPU")


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / _GIGABYTE:.1f} GB"


def _misfit(problem: object) -> ModelError:
    return ModelError(f"config.json: {problem}")
