"""Small language models that tests of several modules start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

# Wide enough that the encoder's two widths differ as in the real one.
SMALL_ENCODER = {
    "width": 16,
    "n_heads": 2,
    "n_inner": 24,
    "n_layers": 3,
    "n_tp_layers": 2,
    "n_tokens": 7,
}


@pytest.fixture
def small_language_model() -> Callable[..., Any]:
    """Makes a random float64 model: 3 backbone layers, hidden 32, 64 ids, K modules."""
    torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    pytest.importorskip("transformers", reason="the speech-lm extra is not installed")
    # Only here: the tests of this folder that need no torch are collected without it.
    from model.vita_audio.language_model.model_config import BackboneSize, make_config  # noqa: PLC0415
    from model.vita_audio.language_model.modeling import VitaAudioForCausalLM  # noqa: PLC0415

    def make(k: int = 3, plus: bool = False, seed: int = 0, **fields: Any) -> VitaAudioForCausalLM:
        size = BackboneSize(hidden=32, mlp=48, layers=3, heads=4, kv_heads=2, max_positions=512)
        if plus:
            fields["audio_encoder"] = SMALL_ENCODER
        torch.manual_seed(seed)
        # Wider than in training: attention must matter for a wrong mask to show.
        config = make_config(
            size, k=k, plus=plus, vocabulary_rows=64, initializer_range=0.3, **fields
        )
        return VitaAudioForCausalLM(config).to(torch.float64)

    return make
