"""What stage 1 begins from: a stock Qwen2.5, or random weights of a shape.

The later stages begin from the stage before (``StageRun.load_start``).
"""

from dataclasses import fields
from pathlib import Path

from accelerate import PartialState
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM

from model.training.initialisation import (
    ROWS_MULTIPLE,
    begin_from_backbone,
    load_sense_voice,
)
from model.training.published_layout import write_configuration
from model.training.recipe import Shape, TrainingError
from model.training.stage_command import StageRun
from model.training.vocabulary import (
    copy_tokenizer,
    extend_stock_vocabulary,
    write_byte_vocabulary,
)
from model.vita_audio.checkpoint.directory import CONFIG
from model.vita_audio.decoding.schedule import VANILLA
from model.vita_audio.language_model.model_config import BackboneSize, make_config
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

VOCABULARY = "vocabulary"


def begin_from_recipe(run: StageRun) -> VitaAudioForCausalLM:
    """Return the model of stage 1; its vocabulary is written to ``OUT/vocabulary``.

    Raises:
        ModelError: the backbone's folder is none, or SenseVoice is missing.
    """
    start, plus, folder = run.recipe.start, run.recipe.plus, run.out / VOCABULARY
    stock = run.recipe_file.parent / start.backbone  # paths of a recipe are relative to it
    state = PartialState()
    if state.is_main_process and start.shape is not None:
        write_byte_vocabulary(folder, plus=plus, n_base=start.shape.base_tokens)
    elif state.is_main_process:
        extend_stock_vocabulary(stock, folder, plus=plus)
    state.wait_for_everyone()
    tokenizer = TextTokenizer.from_directory(folder)
    if start.shape is not None:
        model = _random_model(start.shape, tokenizer, plus=plus)
    else:
        model = begin_from_backbone(_stock_backbone(stock, run), len(tokenizer), plus=plus)
    if plus:
        _load_hearing(run, model, folder)
    if state.is_main_process:
        write_configuration(folder, model.config, tokenizer, VANILLA.pattern)
    state.wait_for_everyone()
    return model.train()


def _random_model(shape: Shape, tokenizer: TextTokenizer, *, plus: bool) -> VitaAudioForCausalLM:
    size = BackboneSize(**{one.name: getattr(shape, one.name) for one in fields(BackboneSize)})
    config = make_config(
        size,
        k=0,
        plus=plus,
        vocabulary_rows=-(-len(tokenizer) // ROWS_MULTIPLE) * ROWS_MULTIPLE,
        initializer_range=shape.initializer_range,
        bos_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
    )
    return VitaAudioForCausalLM(config)


def _stock_backbone(folder: Path, run: StageRun) -> Qwen2ForCausalLM:
    if not (folder / CONFIG).is_file():
        raise TrainingError(
            f"{folder / CONFIG} is missing; fetch Qwen2.5 to this folder, or name yours in "
            f"{run.recipe_file} with start.backbone"
        )
    try:
        return Qwen2ForCausalLM.from_pretrained(folder, dtype=run.frozen_dtype)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise TrainingError(f"{folder} is no Qwen2.5 that can be loaded: {reason}") from error


def _load_hearing(run: StageRun, model: VitaAudioForCausalLM, folder: Path) -> None:
    """Load SenseVoice's weights, and copy its statistics beside the vocabulary."""
    if not run.recipe.start.sense_voice:
        raise TrainingError(
            f"{run.recipe_file}: start.sense_voice: a Plus model needs the model.pt of "
            "FunAudioLLM/SenseVoiceSmall"
        )
    path = run.recipe_file.parent / run.recipe.start.sense_voice
    load_sense_voice(model, path)
    copy_tokenizer(path.parent, folder)
