"""Tokens a second and memory of a stage-1 step, beside a plain Qwen2 of transformers.

    accelerate launch -m model.training.throughput \
        --recipe model/training/configurations/0.5b.toml --data mixture.toml --parts PARTS \
        --out out/throughput --set stages.1.steps=20

Both read the same packed rows from the same weights under the same accelerate, one row a step;
their first losses must agree. With --set stages.1.modules=10 ours has MCTP modules, which the plain
one has not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM

from model.training.optimizer import make_optimizer
from model.training.stage_run import StageRun, run_stage
from model.training.stage_training import apply_precision, open_accelerator, open_parts, open_rows
from model.training.starts import VOCABULARY, begin_from_recipe
from model.vita_audio.language_model.initialisation import freeze_hearing, grow_modules

if TYPE_CHECKING:
    from accelerate import Accelerator

    from model.training.data.batch import PackedBatch
    from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

_WARM_UP = 3  # steps in which kernels are chosen and compiled
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Throughput:
    """Of one model.

    Attributes:
        first_loss: of the backbone, in the first step.
        memory_mib: most that tensors took on the GPU; 0 on a CPU.
    """

    name: str
    first_loss: float
    tokens_per_s: float
    memory_mib: int


def main(arguments: list[str] | None = None) -> int:
    return run_stage(1, __doc__, _compare, arguments)


def _compare(run: StageRun) -> None:
    accelerator = open_accelerator(run)
    accelerator.gradient_accumulation_steps = 1
    model = begin_from_recipe(run)
    plain = plain_twin(model)
    name = f"VITA-Audio, {run.stage.modules} MCTP modules"
    ours = grow_modules(model, run.stage.modules)
    freeze_hearing(ours)
    parts = open_parts(run, run.out / VOCABULARY, accelerator)
    with open_rows(run, parts, accelerator) as rows:
        batches = [next(rows) for _ in range(_WARM_UP + run.stage.steps)]
    found = [
        _timed(run, accelerator, batches, which, one)
        for which, one in (("transformers, Qwen2", plain), (name, ours))
    ]
    if accelerator.is_main_process:
        sys.stdout.write(_table(found))


def plain_twin(model: VitaAudioForCausalLM) -> Qwen2ForCausalLM:
    """The backbone as the library's own model, with weights of its own."""
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
    batches: Sequence[PackedBatch],
    name: str,
    model: VitaAudioForCausalLM | Qwen2ForCausalLM,
) -> Throughput:
    apply_precision(model, run.recipe)
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
    memory = torch.cuda.max_memory_allocated() // _MIB if is_on_gpu else 0
    accelerator.free_memory(prepared, prepared_optimizer)
    return Throughput(name, losses[0], n_tokens / seconds, memory)


def _step(accelerator: Accelerator, model: Any, optimizer: Any, batch: PackedBatch) -> float:  # noqa: ANN401
    """Its number is read, so that the time is that of the finished step."""
    moved = batch.to(accelerator.device)
    if isinstance(accelerator.unwrap_model(model), Qwen2ForCausalLM):
        found = model(
            input_ids=moved.input_ids,
            position_ids=moved.position_ids,
            labels=moved.labels,
            use_cache=False,
        )
        main_loss = found.loss
    else:
        found = model(**moved.inputs())
        main_loss = found.main_loss
    accelerator.backward(found.loss)
    optimizer.step()
    optimizer.zero_grad()
    return float(main_loss.detach())


def _table(found: Sequence[Throughput]) -> str:
    lines = ["| model | tokens/s | memory MiB | first loss |", "|---|---|---|---|"]
    for one in found:
        memory = str(one.memory_mib or "")
        lines.append(f"| {one.name} | {one.tokens_per_s:.0f} | {memory} | {one.first_loss:.4f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
