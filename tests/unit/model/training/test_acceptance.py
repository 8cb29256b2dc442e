from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.training.acceptance import measure_acceptance  # noqa: E402
from model.training.data.packing import pack  # noqa: E402
from model.training.data.sample_encoder import EncodedSample  # noqa: E402
from model.vita_audio.language_model.model_config import BackboneSize, make_config  # noqa: E402
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM  # noqa: E402
from model.vita_audio.language_model.packed_losses import IGNORED  # noqa: E402
from tests.fakes.vita_reference import teacher_forced_logits  # noqa: E402

N_IDS = 12  # few, so that levels agree by chance now and then


@pytest.fixture
def model():
    torch.set_num_threads(1)
    torch.manual_seed(3)
    size = BackboneSize(hidden=16, mlp=24, layers=2, heads=2, kv_heads=1, max_positions=64)
    return VitaAudioForCausalLM(
        make_config(size, k=3, vocabulary_rows=N_IDS, initializer_range=0.4)
    )


def samples(*lengths):
    draw = np.random.default_rng(1)
    made = []
    for n in lengths:
        ids = draw.integers(0, N_IDS, n)
        labels = ids.copy()
        labels[: n // 3] = IGNORED
        made.append(EncodedSample(ids, labels))
    return made


def row_of(parts, padded_to=None):
    return pack(parts, 0, padded_to)


def counted(model, parts):
    """Places, agreeing ones and whole chains of each module, from logits, sample by sample."""
    n_modules = model.num_mctp_modules
    places, agrees, chains, starts = (np.zeros(n_modules, int) for _ in range(4))
    for sample in parts:
        labels = sample.labels.copy()
        labels[0] = IGNORED
        with torch.no_grad():
            logits = teacher_forced_logits(model, torch.from_numpy(sample.ids))
        choices = [level.argmax(-1).tolist() for level in logits]
        n = len(labels)
        for p in range(n):
            whole = True
            for k in range(n_modules):
                target = p + k + 2
                if target >= n or labels[target] == IGNORED:
                    break
                same = choices[k + 1][p] == choices[0][target - 1]
                whole = whole and same
                starts[k] += 1
                chains[k] += whole
        for k in range(n_modules):
            for target in range(k + 2, n):
                if labels[target] != IGNORED:
                    places[k] += 1
                    agrees[k] += choices[k + 1][target - k - 2] == choices[0][target - 1]
    return places, agrees / places, chains / starts


def test_agreement_is_that_of_the_logits(model):
    parts = samples(9, 14, 5, 2)
    found = measure_acceptance(model, [row_of(parts)])
    places, agrees, chains = counted(model, parts)
    assert [one.n_places for one in found.modules] == places.tolist()
    assert [one.agrees for one in found.modules] == pytest.approx(agrees)
    assert [one.chain for one in found.modules] == pytest.approx(chains)
    assert found.agreement == pytest.approx(agrees.mean())
    assert found.accepted_drafts == pytest.approx(chains.sum())
    assert 0.0 < agrees.min() < agrees.max() < 1.0


def test_packing_and_padding_change_nothing(model):
    parts = samples(9, 14, 5)
    alone = measure_acceptance(model, [row_of([one]) for one in parts])
    assert measure_acceptance(model, [row_of(parts, padded_to=40)]) == alone


def test_model_without_modules_has_a_backbone_only(model):
    model.keep_modules(0)
    found = measure_acceptance(model, [row_of(samples(9))])
    assert found.modules == ()
    assert (found.agreement, found.accepted_drafts) == (0.0, 0.0)
    assert 0.0 <= found.backbone_right <= 1.0


def test_training_goes_on_in_its_mode(model):
    model.train()
    measure_acceptance(model, [row_of(samples(9))])
    assert model.training
