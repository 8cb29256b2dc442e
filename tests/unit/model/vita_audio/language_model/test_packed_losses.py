from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402
from transformers import AttentionInterface  # noqa: E402

from model.errors import ModelError  # noqa: E402
from model.vita_audio.language_model.packed_losses import IGNORED  # noqa: E402
from tests.fakes.vita_reference import teacher_forced_logits  # noqa: E402

TOLERANCE = 1e-10
# The library makes its rotations and norms in float32, whatever the type of the model.
FLOAT32_TOLERANCE = 1e-4
SAMPLE_LENGTHS = (7, 1, 12, 2, 5)


def random_ids(n: int, seed: int = 1) -> Tensor:
    return torch.randint(0, 64, (n,), generator=torch.Generator().manual_seed(seed))


def packed(lengths: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    ids = random_ids(sum(lengths))[None]
    positions = torch.cat([torch.arange(n) for n in lengths])[None]
    labels = ids.clone()
    labels[:, 3:5] = IGNORED
    return ids, positions, labels


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def reference_losses(
    model: Any, ids: Tensor, positions: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Main loss and level losses of the samples, each one run alone."""
    sums = torch.zeros(model.num_mctp_modules + 1, dtype=torch.float64)
    counts = torch.zeros_like(sums)
    begins = [i for i, position in enumerate(positions[0].tolist()) if position == 0]
    for begin, end in zip(begins, [*begins[1:], ids.shape[1]], strict=True):
        alone, wanted = ids[0, begin:end], labels[0, begin:end]
        for level, logits in enumerate(teacher_forced_logits(model, alone)):
            targets = wanted[level + 1 :]
            n = targets.shape[0]
            if n > 0:
                sums[level] += functional.cross_entropy(logits[:n], targets, reduction="sum")
                counts[level] += (targets != IGNORED).sum()
    means = sums / counts.clamp(min=1)
    return means[0], means[1:]


@pytest.mark.parametrize(
    ("attention", "tolerance"), [("sdpa", TOLERANCE), ("eager", FLOAT32_TOLERANCE)]
)
@pytest.mark.parametrize("k", [0, 1, 4])
def test_packed_samples_lose_what_they_lose_alone(small_language_model, k, attention, tolerance):
    model = small_language_model(k=k)
    model.set_attn_implementation(attention)
    ids, positions, labels = packed(SAMPLE_LENGTHS)
    with torch.no_grad():
        losses = model.losses(ids, positions, labels)
        main, levels = reference_losses(model, ids, positions, labels)
    torch.testing.assert_close(losses.main_loss, main, rtol=0, atol=tolerance)
    torch.testing.assert_close(losses.level_losses, levels, rtol=0, atol=tolerance)
    weighted = main + (levels.mean() if k else 0.0)
    torch.testing.assert_close(losses.loss, weighted, rtol=0, atol=tolerance)


def attend_by_lengths(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    cu_seq_lens_q: Tensor,
    max_length_q: int,
    **rest: Any,
) -> tuple[Tensor, None]:
    """Attention without a mask, told of the samples as FlashAttention is."""
    assert attention_mask is None
    lengths = cu_seq_lens_q.diff().tolist()
    assert max(lengths) == max_length_q
    assert torch.equal(rest["cu_seq_lens_k"], cu_seq_lens_q)
    samples = zip(*(x.split(lengths, dim=2) for x in (query, key, value)), strict=True)
    attended = [
        functional.scaled_dot_product_attention(
            *sample, is_causal=True, scale=scaling, enable_gqa=True
        )
        for sample in samples
    ]
    return torch.cat(attended, dim=2).transpose(1, 2), None


@pytest.mark.parametrize("lengths", [SAMPLE_LENGTHS, (9,)])
def test_attention_without_masks_is_told_where_samples_begin(small_language_model, lengths):
    AttentionInterface.register("by_lengths", attend_by_lengths)
    model = small_language_model(k=3)
    row = packed(lengths)
    with torch.no_grad():
        expected = model.losses(*row)
        model.set_attn_implementation("by_lengths")
        losses = model.losses(*row)
    torch.testing.assert_close(losses.loss, expected.loss, rtol=0, atol=TOLERANCE)


def test_mean_of_the_levels_is_weighted_by_the_configuration(small_language_model):
    model = small_language_model(k=2, mtp_loss_weight=0.25)
    with torch.no_grad():
        losses = model.losses(*packed(SAMPLE_LENGTHS))
    expected = losses.main_loss + 0.25 * losses.level_losses.mean()
    torch.testing.assert_close(losses.loss, expected)


def test_rows_of_a_batch_count_as_one_long_row(small_language_model):
    model = small_language_model(k=3)
    ids, positions, labels = packed((6, 4, 9, 1))
    as_rows = [tensor.reshape(2, 10) for tensor in (ids, positions, labels)]
    with torch.no_grad():
        one = model.losses(ids, positions, labels)
        two = model.losses(*as_rows)
    torch.testing.assert_close(two.loss, one.loss, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("position", "learning"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2])])
def test_no_level_is_trained_to_predict_where_a_sample_begins(
    small_language_model, position, learning
):
    model = small_language_model(k=2)
    ids, positions, labels = packed((6, 6))
    changed = labels.clone()
    changed[0, 6 + position] = (changed[0, 6 + position] + 1) % 64
    with torch.no_grad():
        before = model.losses(ids, positions, labels)
        after = model.losses(ids, positions, changed)
    differs = [before.main_loss != after.main_loss, *(before.level_losses != after.level_losses)]
    assert [level for level, does in enumerate(differs) if does] == learning


def test_other_samples_of_the_row_change_nothing(small_language_model):
    model = small_language_model(k=3)
    ids, positions, labels = packed((8, 8))
    labels[0, :8] = IGNORED
    other = ids.clone()
    other[0, :8] = random_ids(8, seed=5)
    with torch.no_grad():
        one = model.losses(ids, positions, labels)
        two = model.losses(other, positions, labels)
    torch.testing.assert_close(two.loss, one.loss, rtol=0, atol=TOLERANCE)


def test_frozen_head_replaces_the_main_loss_by_nothing(small_language_model):
    model = small_language_model(k=2)
    model.lm_head.weight.requires_grad_(False)
    losses = model.losses(*packed(SAMPLE_LENGTHS))
    assert losses.main_loss == 0
    torch.testing.assert_close(losses.loss, losses.level_losses.mean())


def trained_parts(model: Any, loss: Tensor) -> set[str]:
    loss.backward()
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }


def test_plain_backbone_learns_from_the_modules(small_language_model):
    model = small_language_model(k=2)
    losses = model.losses(*packed(SAMPLE_LENGTHS))
    parts = trained_parts(model, losses.level_losses.sum())
    assert parts == {name for name, _ in model.named_parameters()}


def test_plus_backbone_learns_from_the_main_loss_only(small_language_model):
    model = small_language_model(k=2, plus=True)
    losses = model.losses(*packed(SAMPLE_LENGTHS))
    parts = trained_parts(model, losses.level_losses.sum())
    own = ("mtp_", "model.layers.3.", "model.layers.4.", "model.norm.", "lm_head.")
    assert parts == {name for name, _ in model.named_parameters() if name.startswith(own)}


def test_each_module_learns_from_the_levels_behind_it(small_language_model):
    model = small_language_model(k=3, plus=True)
    losses = model.losses(*packed(SAMPLE_LENGTHS))
    assert "mtp_projs.0.weight" in trained_parts(model, losses.level_losses[2])


def test_row_without_labels_loses_nothing_and_has_gradients_of_nothing(small_language_model):
    model = small_language_model(k=2)
    ids, positions, labels = packed((2, 2))
    losses = model.losses(ids, positions, torch.full_like(labels, IGNORED))
    assert losses.loss == 0
    losses.loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_accumulated_batches_divide_the_main_loss_by_all_their_labels(small_language_model):
    model = small_language_model(k=1)
    ids, positions, labels = packed((9,))
    n_targets = int((labels[0, 1:] != IGNORED).sum())
    with torch.no_grad():
        one = model.losses(ids, positions, labels)
        two = model.losses(ids, positions, labels, num_items_in_batch=2 * n_targets)
    torch.testing.assert_close(two.main_loss, one.main_loss / 2)
    torch.testing.assert_close(two.level_losses, one.level_losses)


def test_long_rows_lose_the_same_part_by_part(small_language_model, monkeypatch):
    model = small_language_model(k=2)
    row = packed(SAMPLE_LENGTHS)
    whole = model.losses(*row)
    whole.loss.backward()
    gradient = model.lm_head.weight.grad.clone()
    model.zero_grad()
    monkeypatch.setattr("model.vita_audio.language_model.packed_losses._TOKENS_PER_HEAD_CALL", 4)
    parts = model.losses(*row)
    parts.loss.backward()
    torch.testing.assert_close(parts.loss, whole.loss, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(model.lm_head.weight.grad, gradient, rtol=0, atol=TOLERANCE)


def test_recomputed_activations_give_the_same_gradients(small_language_model):
    model = small_language_model(k=2).train()
    row = packed(SAMPLE_LENGTHS)
    model.losses(*row).loss.backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    model.activation_checkpointing_enable()
    model.losses(*row).loss.backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("positions", [[1, 2, 3, 4], [0, 1, 3, 4], [0, 1, 1, 2]])
def test_positions_that_belong_to_no_sample_are_refused(small_language_model, positions):
    ids = random_ids(4)[None]
    with pytest.raises(ModelError, match="restart at 0"):
        small_language_model().losses(ids, torch.tensor([positions]), ids)
