"""Puts a stage together: the model's precision, its data, optimizer, saves and what is observed.

Distribution is accelerate's own: started with python it is one process, with ``accelerate launch``
as many as that is told to start, under DDP, FSDP2 or DeepSpeed as its configuration says.
"""

import logging
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, set_seed
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM

from model.training.acceptance import measure_acceptance
from model.training.checkpoints import Checkpoints
from model.training.data.loader import PackedRows, RowOptions
from model.training.data.packing import PackedRow
from model.training.data.sample_encoder import SampleEncoder
from model.training.initialisation import grow_modules
from model.training.journal import Journal
from model.training.lora import add_adapters
from model.training.optimizer import make_optimizer
from model.training.recipe import Precision, TrainingError
from model.training.sample_replies import SampleReplies
from model.training.stage_command import StageRun
from model.training.training_loop import Observe, TrainingLoop
from model.vita_audio.checkpoint.directory import SPEECH_DECODER, SPEECH_TOKENIZER
from model.vita_audio.decoding.schedule import VANILLA
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

logger = logging.getLogger(__name__)

_SAMPLES = "samples"
_SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)
_MOST_HELD_OUT = 64  # rows that are measured at every save


def open_accelerator(run: StageRun) -> Accelerator:
    """Return an accelerator for the rows of this stage; only the main process talks.

    Raises:
        TrainingError: the processes cannot share the work.
    """
    accelerator = Accelerator(mixed_precision=run.recipe.precision.compute)
    n_processes = accelerator.num_processes
    n_launched = int(os.environ.get("WORLD_SIZE", "1"))
    if n_launched != n_processes:
        raise TrainingError(
            f"{n_launched} processes were launched and each would train alone: there is no GPU "
            "for them; on a CPU set ACCELERATE_USE_CPU=true"
        )
    accelerator.gradient_accumulation_steps = run.stage.rows // n_processes
    level = logging.INFO if accelerator.is_main_process else logging.ERROR
    logging.basicConfig(format="%(message)s", level=level)
    logging.getLogger("accelerate").setLevel(logging.WARNING)
    set_seed(run.recipe.seed)
    if accelerator.device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32, as upstream
    return accelerator


def train(
    run: StageRun, accelerator: Accelerator, model: VitaAudioForCausalLM, vocabulary: Path
) -> None:
    """Train what of ``model`` requires gradients, and write ``OUT/model``.

    Args:
        vocabulary: folder with config.json and the tokenizer's files.

    Raises:
        ModelError: data, parts or a saved step cannot be used, or the disk is full.
    """
    recipe, stage = run.recipe, run.stage
    if recipe.lora.rank:
        add_adapters(model, recipe.lora)
    apply_precision(model, recipe.precision)
    encoder = open_encoder(run, vocabulary, accelerator)
    with open_rows(run, encoder, accelerator) as rows:
        optimizer = make_optimizer(model, model.num_backbone_layers, stage, recipe.adam)
        prepared, prepared_optimizer = accelerator.prepare(model, optimizer)
        checkpoints = Checkpoints(run, accelerator, model, vocabulary)
        loop = TrainingLoop(run, accelerator, prepared, prepared_optimizer, rows)
        loop.run(checkpoints, _observer(run, accelerator, prepared, encoder))


def train_grown(run: StageRun, freeze: Callable[[VitaAudioForCausalLM], None]) -> None:
    """Grow the model of the stage before to this stage's MCTP modules, and train it.

    Args:
        freeze: decides what learns.
    """
    accelerator = open_accelerator(run)
    model = grow_modules(run.load_start(), run.stage.modules)
    freeze(model)
    train(run, accelerator, model, run.start_folder)


def apply_precision(model: VitaAudioForCausalLM | Qwen2ForCausalLM, precision: Precision) -> None:
    """Make what learns float32; set attention, checkpointing and compilation."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    model.set_attn_implementation(precision.attention)
    if precision.gradient_checkpointing:
        model.activation_checkpointing_enable()
    if precision.compile and torch.cuda.is_available() and find_spec("triton") is not None:
        for layer in model.model.layers:
            layer.compile(dynamic=True)


def open_encoder(run: StageRun, vocabulary: Path, accelerator: Accelerator) -> SampleEncoder:
    """Return an encoder with the vocabulary in its folder, and the run's speech tokenizer."""
    return SampleEncoder.from_directory(
        vocabulary,
        run.recipe.pattern,
        speech_tokenizer=run.parts / SPEECH_TOKENIZER if run.parts is not None else None,
        device=str(accelerator.device),
    )


def open_rows(run: StageRun, encoder: SampleEncoder, accelerator: Accelerator) -> PackedRows:
    """Return this process's share of the rows. Raises DataError."""
    options = RowOptions(
        row_tokens=run.stage.row_length,
        n_streams=run.stage.rows,
        rank=accelerator.process_index,
        n_processes=accelerator.num_processes,
        n_workers=run.recipe.workers,
        is_padded=run.recipe.precision.compile,
    )
    return PackedRows(run.data, encoder, options)


def read_held_out(path: Path, encoder: SampleEncoder, row_length: int) -> list[PackedRow]:
    """Return the first rows of ``path``, each sample once. Raises ModelError."""
    with PackedRows(path, encoder, RowOptions(row_tokens=row_length, n_epochs=1)) as rows:
        return list(islice(rows, _MOST_HELD_OUT))


def _observer(
    run: StageRun, accelerator: Accelerator, prepared: torch.nn.Module, encoder: SampleEncoder
) -> Observe:
    """Measure agreement and make speech where one process has the whole model."""
    held_out: list[PackedRow] = []
    samples: SampleReplies | None = None
    model: VitaAudioForCausalLM = accelerator.unwrap_model(prepared)
    if accelerator.distributed_type in _SHARDED:
        logger.info(
            "the model is shared by several processes: measure its saved steps with python -m "
            "model.training.measure"
        )
    elif accelerator.is_main_process:
        if run.held_out is not None:
            rows = read_held_out(run.held_out, encoder, run.stage.row_length)
            held_out = [row.to(accelerator.device) for row in rows]
        if run.parts is not None and (run.parts / SPEECH_DECODER).is_dir():
            pattern = run.recipe.pattern if model.num_mctp_modules else VANILLA.pattern
            folder, device = run.out / _SAMPLES, accelerator.device
            samples = SampleReplies(folder, encoder.tokenizer, pattern, run.parts, device)

    def observe(step: int, journal: Journal) -> Mapping[str, Any]:
        if samples is not None:
            samples.make(model, step, journal, accelerator.autocast)
        if not held_out:
            return {}
        with accelerator.autocast():
            return {"held_out": measure_acceptance(model, held_out).as_record()}

    return observe
