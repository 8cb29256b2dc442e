from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("peft", reason="the speech-lm extra is not installed")

from model.training.initialisation import freeze_all_but_modules  # noqa: E402
from model.training.lora import add_adapters, merged  # noqa: E402
from model.training.recipe import Lora, TrainingError  # noqa: E402
from model.vita_audio.language_model.model_config import BackboneSize, make_config  # noqa: E402
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM  # noqa: E402
from tests.fakes.vita_reference import teacher_forced_logits  # noqa: E402

LORA = Lora(rank=2, alpha=4)


def make_model():
    torch.set_num_threads(1)
    torch.manual_seed(3)
    size = BackboneSize(hidden=16, mlp=24, layers=2, heads=2, kv_heads=1, max_positions=64)
    return VitaAudioForCausalLM(make_config(size, k=1, vocabulary_rows=32))


def learning(model):
    return {name for name, one in model.named_parameters() if one.requires_grad}


@pytest.mark.allow_warnings  # importing peft looks for kernels of bitsandbytes
def test_adapters_vocabulary_and_modules_learn_and_nothing_else():
    model = make_model()
    add_adapters(model, LORA)
    kinds = ("lora_", "mtp_", "model.layers.2.", "model.embed_tokens.", "lm_head.")
    assert all(any(kind in name for kind in kinds) for name in learning(model))
    assert len([name for name in learning(model) if "lora_" in name]) == 2 * 7 * 2
    model = make_model()
    add_adapters(model, Lora(rank=2, learns_vocabulary=False))
    assert not any(name.startswith(("model.embed_tokens.", "lm_head.")) for name in learning(model))


def test_published_weights_say_what_the_adapters_learnt():
    model = make_model()
    names = set(model.state_dict())
    add_adapters(model, LORA)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_" in name:
                one.normal_(std=0.3)
    tensors = merged(model.state_dict(), LORA)
    assert set(tensors) == names
    plain = make_model()
    plain.load_state_dict(tensors)
    ids = torch.arange(9)
    with torch.no_grad():
        for ours, theirs in zip(
            teacher_forced_logits(plain, ids), teacher_forced_logits(model, ids), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_stages_of_the_modules_need_no_adapters():
    model = make_model()
    freeze_all_but_modules(model)
    before = learning(model)
    add_adapters(model, LORA)
    assert learning(model) == before


def test_targets_that_do_not_exist_are_named():
    with pytest.raises(TrainingError, match=r"lora: targets: .*no_proj"):
        add_adapters(make_model(), Lora(rank=2, targets=("no_proj",)))
