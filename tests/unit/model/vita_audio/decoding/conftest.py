"""Small models and token tables for decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from model.vita_audio.language_model.tokens import TokenTable


@pytest.fixture
def table() -> TokenTable:
    """64 ids: 40 of text, tags at 40 and 41, others up to 45, 16 codes from 46 on, end 43."""
    return TokenTable(
        im_start=45,
        im_end=43,
        audio=44,
        begin_of_audio=40,
        end_of_audio=41,
        context_of_audio=42,
        first_code=46,
        n_codes=16,
        end_ids=frozenset({43}),
        n_used=62,
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small products lose more to a second thread than they gain."""
    torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def exact_model(small_language_model) -> Callable[..., Any]:
    """A random float64 model whose norms do not pass through float32, as the library's do."""
    torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

    def exact(norm: Any) -> Any:
        new = torch.nn.RMSNorm(norm.weight.shape[0], eps=norm.variance_epsilon, dtype=torch.float64)
        new.weight.data = norm.weight.data
        return new

    @cache
    def make(k: int = 3, seed: int = 0, **fields: Any) -> Any:
        model = small_language_model(k=k, seed=seed, **fields)
        generator = torch.Generator().manual_seed(seed)
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                if type(child).__name__ == "Qwen2RMSNorm":
                    # Norms of a fresh model are all 1: an exchanged one would not show.
                    child.weight.data += 0.3 * torch.randn(
                        child.weight.shape, generator=generator, dtype=torch.float64
                    )
                    setattr(module, name, exact(child))
            if isinstance(module, torch.nn.Linear) and module.bias is not None:
                module.bias.data += torch.randn(
                    module.bias.shape, generator=generator, dtype=torch.float64
                )
        return model.eval()

    return make
