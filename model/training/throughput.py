"""Tokens a second and memory of a stage-1 step, beside a plain Qwen2 of transformers.

    accelerate launch -m model.training.throughput \
        --recipe model/training/configurations/0.5b.toml --data mixture.toml --parts PARTS \
        --out out/throughput --set stages.1.steps=20

Both read the same packed rows from the same weights under the same accelerate, one row a step;
their first losses must agree. With --set stages.1.modules=10 ours has MCTP modules, which the plain
one has not.
"""

import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM

from model.training.data.packing import PackedRow
from model.training.initial_model import VOCABULARY, begin_from_recipe
from model.training.initialisation import freeze_hearing, grow_modules
from model.training.optimizer import make_optimizer
from model.training.stage_command import StageRun, run_stage
from model.training.stage_setup import apply_precision, open_accelerator, open_encoder, open_rows
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

_WARM_UP = 3  # steps in which kernels are chosen and compiled
_MIB = 1 << 20


def compare(run: StageRun) -> None:
    """Print a table of both models."""
    accelerator = open_accelerator(run)
    accelerator.gradient_accumulation_steps = 1
    model = begin_from_recipe(run)
    plain = _plain_twin(model)
    ours = grow_modules(model, run.stage.modules)
    freeze_hearing(ours)
    encoder = open_encoder(run, run.out / VOCABULARY, accelerator)
    with open_rows(run, encoder, accelerator) as rows:
        batches = [next(rows) for _ in range(_WARM_UP + run.stage.steps)]
    lines = ["| model | tokens/s | memory MiB | first loss |", "|---|---|---|---|"]
    for name, one in (
        ("transformers, Qwen2", plain),
        (f"VITA-Audio, {run.stage.modules} MCTP modules", ours),
    ):
        lines.append(f"| {name} | {_timed(run, accelerator, batches, one)} |")
    if accelerator.is_main_process:
        sys.stdout.write("\n".join(lines) + "\n")


def _plain_twin(model: VitaAudioForCausalLM) -> Qwen2ForCausalLM:
    """Return the backbone as the library's own model, with a copy of its weights."""
    known = Qwen2Config.__dataclass_fields__
    n_layers = model.num_backbone_layers
    fields = {name: one for name, one in model.config.to_dict().items() if name in known}
    fields |= {"num_hidden_layers": n_layers, "layer_types": None}
    plain = Qwen2ForCausalLM(Qwen2Config(**fields)).to(model.dtype)
    plain.load_state_dict({name: model.state_dict()[name] for name in plain.state_dict()})
    return plain.train()


def _timed(
    run: StageRun,
    accelerator: Accelerator,
    batches: Sequence[PackedRow],
    model: VitaAudioForCausalLM | Qwen2ForCausalLM,
) -> str:
    """Return the cells: speed, most memory of tensors on a GPU, the backbone's first loss."""
    apply_precision(model, run.recipe.precision)
    n_layers = model.config.num_hidden_layers - getattr(model, "num_mctp_modules", 0)
    optimizer = make_optimizer(model, n_layers, run.stage, run.recipe.adam)
    prepared, prepared_optimizer = accelerator.prepare(model, optimizer)
    is_on_gpu = accelerator.device.type == "cuda"
    if is_on_gpu:
        torch.cuda.reset_peak_memory_stats()
    losses: list[float] = []
    began_s = 0.0
    for number, batch in enumerate(batches):
        if number == _WARM_UP:
            began_s = time.perf_counter()
        losses.append(_step(accelerator, prepared, prepared_optimizer, batch))
    seconds = time.perf_counter() - began_s
    n_tokens = sum(batch.n_tokens for batch in batches[_WARM_UP:]) * accelerator.num_processes
    memory_mib = str(torch.cuda.max_memory_allocated() // _MIB) if is_on_gpu else ""
    accelerator.free_memory(prepared, prepared_optimizer)
    return f"{n_tokens / seconds:.0f} | {memory_mib} | {losses[0]:.4f}"


def _step(accelerator: Accelerator, model: Any, optimizer: Any, batch: PackedRow) -> float:  # noqa: ANN401
    """Return the loss; reading its number makes the time that of the finished step."""
    inputs = batch.to(accelerator.device).inputs()
    if isinstance(accelerator.unwrap_model(model), Qwen2ForCausalLM):
        for name in ("audios", "audio_indices"):
            del inputs[name]
        found = model(**inputs, use_cache=False)
        main_loss = found.loss
    else:
        found = model(**inputs)
        main_loss = found.main_loss
    accelerator.backward(found.loss)
    optimizer.step()
    optimizer.zero_grad()
    return float(main_loss.detach())


main = partial(run_stage, 1, __doc__, compare)

if __name__ == "__main__":
    sys.exit(main())
