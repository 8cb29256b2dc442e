"""Opens everything that one VITA-Audio model is made of, in the form that the free memory allows.

Knows files and devices; no turn, no prompt, no reply.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from model.errors import ModelError
from model.events import LoadProgress
from model.memory import free_memory
from model.vita_audio.checkpoint.directory import ModelDirectory, resolve
from model.vita_audio.checkpoint.generation_defaults import (
    GenerationDefaults,
    read_generation_defaults,
)
from model.vita_audio.checkpoint.precision import (
    ModelSize,
    PrecisionChoice,
    Quantization,
    choose_precision,
)
from model.vita_audio.conversation.manner import Manner
from model.vita_audio.conversation.prompt_cache import PromptMemory
from model.vita_audio.conversation.spoken_reply import SpeechStream
from model.vita_audio.conversation.transcription import Recognizer, Transcription
from model.vita_audio.conversation.user_audio import CodeEar, Ear, FrameEar
from model.vita_audio.decoding.generator import DecodeOptions
from model.vita_audio.decoding.layer_weights import Packing
from model.vita_audio.decoding.sampler import SamplingSettings
from model.vita_audio.decoding.schedule import NAMED, VANILLA, Policy, Schedule
from model.vita_audio.decoding.shortlist import head_for
from model.vita_audio.decoding.state import DecodingState
from model.vita_audio.decoding.state_trace import StateTrace
from model.vita_audio.decoding.step_runner import StepRunner
from model.vita_audio.language_model.duplex_head import FILE as DUPLEX_HEAD
from model.vita_audio.language_model.duplex_head import TurnJudge, read_head
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM, load_language_model
from model.vita_audio.language_model.quantization import quantize_layer
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.sense_voice.kaldi_features import SpeechFeatures
from model.vita_audio.speech_decoder.decoder import SpeechDecoder
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

logger = logging.getLogger(__name__)

Report = Callable[[LoadProgress], None]
LoadParts = Callable[[Report], "VitaAudioParts"]
RecognizerMaker = Callable[[], Recognizer | None]
_SYNTHESIS_TEMPERATURE = 1.0  # of the upstream script, which answers greedily
_MOST_TOKENS = 1024  # of a reply, as in the upstream evaluation: 45 seconds in the usual rhythm
_LAYER = re.compile(r"model\.layers\.(\d+)")
_LANGUAGE_MODEL_SHARE = 0.85  # of the time that loading takes


@dataclass(frozen=True, slots=True)
class VitaAudioOptions:
    """What a person may choose.

    Attributes:
        schedule: "auto" is that of generation_config.json; else a name, or an emission pattern
            such as "1 10 4 10"; "gated" and "verified" before it choose the policy.
        device: "auto": the GPU where there is one, or a torch device such as "cuda:1", "cpu".
        precision: "auto", "bf16", "int8", "int4".
        notes_manner: the prompt says how the user sounds; the model was not trained on that.
        threads: of the CPU; 0: all cores but one, which sound and recogniser need.
        decoder_steps: flow steps of the first piece and of the others; None: the decoder's own.
    """

    schedule: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    notes_manner: bool = False
    threads: int = 0
    seed: int = 0
    most_tokens: int = _MOST_TOKENS
    decoder_steps: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class VitaAudioParts:
    """A loaded model.

    Attributes:
        spoken: how replies are decoded; ``read_aloud``: how given texts are.
        transcription: None where no recogniser is installed: the user's words are not shown.
        manner: how the user's last turn was said; None in the discrete variants.
        notes_manner: whether prompts say so.
        judge: tells whether a turn is over; None where the folder has no such head.
        reason: why it was loaded the way it was; one sentence.
    """

    tokenizer: TextTokenizer
    ear: Ear
    memory: PromptMemory
    spoken: DecodeOptions
    read_aloud: DecodeOptions
    open_speech: Callable[[], SpeechStream]
    rate_hz: int
    transcription: Transcription | None
    manner: Manner | None
    notes_manner: bool
    judge: TurnJudge | None
    reason: str
    close: Callable[[], None] = field(repr=False)


def load_parts(
    folder: Path, options: VitaAudioOptions, open_recognizer: RecognizerMaker, report: Report
) -> VitaAudioParts:
    """Reads the model in ``folder``.

    Raises:
        OutOfMemory: it does not fit into the memory that is free.
        ModelError: a file is missing, damaged or another model's, or an option does not exist.
    """
    found = resolve(folder)
    device = _device(options.device)
    torch.set_num_threads(options.threads or max(1, (os.cpu_count() or 1) - 1))
    choice = _choice(found, device, options.precision)
    logger.info("%s: %s", found.variant, choice.reason)
    report(LoadProgress("language model", 0.0, choice.reason))
    defaults = read_generation_defaults(found.language_model)
    schedule = _schedule(options.schedule, defaults.pattern, has_modules=choice.uses_mctp)
    n_modules = schedule.n_modules(found.n_mctp)
    model = _language_model(found, choice, device, report, n_modules)
    tokenizer = TextTokenizer.from_directory(found.language_model)
    manner = Manner.from_directory(found.statistics.parent, model) if found.statistics else None
    ear = _ear(found, device)
    report(LoadProgress("speech encoder", 0.9))
    decoder = SpeechDecoder.from_directory(found.speech_decoder, device)
    decoder.warm_up()
    report(LoadProgress("speech decoder", 0.95))
    spoken, read_aloud = _decode_options(schedule, defaults, options)
    judge = _judge(found, model)
    trace = StateTrace() if judge is not None else None
    state = DecodingState(_runner(model), trace=trace)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="transcription")
    return VitaAudioParts(
        tokenizer=tokenizer,
        ear=ear,
        memory=PromptMemory(state, tokenizer.table, manner.encode if manner else None, trace),
        spoken=spoken,
        read_aloud=read_aloud,
        open_speech=_speech_opener(decoder, options),
        rate_hz=decoder.rate_hz,
        transcription=_transcription(open_recognizer(), pool),
        manner=manner,
        notes_manner=options.notes_manner,
        judge=judge,
        reason=choice.reason,
        close=lambda: pool.shutdown(wait=True, cancel_futures=True),
    )


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ModelError(f"device {wanted!r} is unknown; choose auto, cuda or cpu") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device {wanted!r} is not here; choose auto or cpu")
    return device


def _choice(found: ModelDirectory, device: torch.device, wanted: str) -> PrecisionChoice:
    size = ModelSize.from_config(found.config)
    n_free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory().ram
    return choose_precision(n_free, size, device.type, wanted)


def _language_model(
    found: ModelDirectory,
    choice: PrecisionChoice,
    device: torch.device,
    report: Report,
    n_modules: int,
) -> VitaAudioForCausalLM:
    """A layer of the backbone is quantised once it is there: the whole is never held in full."""
    n_backbone = int(str(found.config["num_hidden_layers"])) - found.n_mctp

    def finish(name: str, block: nn.Module) -> None:
        layer = _LAYER.fullmatch(name)
        if layer is not None and int(layer[1]) < n_backbone:
            quantize_layer(block, choice.quantization)

    def tell(fraction: float) -> None:
        report(LoadProgress("language model", _LANGUAGE_MODEL_SHARE * fraction))

    return load_language_model(
        found.language_model,
        getattr(torch, choice.dtype),
        device,
        n_modules=n_modules,
        finish_block=None if choice.quantization is Quantization.NONE else finish,
        on_progress=tell,
    )


def _runner(model: VitaAudioForCausalLM) -> StepRunner:
    """Nothing else runs this network: a packed copy of its layers may take their place."""
    head = head_for(model.lm_head.weight.detach())
    return StepRunner(model, head, packing=Packing.RELEASE)


def _judge(found: ModelDirectory, model: VitaAudioForCausalLM) -> TurnJudge | None:
    """The head reads one state every 80 ms of sound; frames of the Plus variants are others."""
    path = found.language_model / DUPLEX_HEAD
    if found.is_plus or not path.is_file():
        return None
    return read_head(path, model.config.hidden_size, model.device)


def _ear(found: ModelDirectory, device: torch.device) -> Ear:
    if found.statistics is not None:
        return FrameEar(SpeechFeatures.from_directory(found.statistics.parent).extract)
    assert found.speech_tokenizer is not None, "a discrete variant has a speech tokenizer"
    return CodeEar(SpeechTokenizer.from_directory(found.speech_tokenizer, device).open_stream)


def _decode_options(
    schedule: Schedule, defaults: GenerationDefaults, options: VitaAudioOptions
) -> tuple[DecodeOptions, DecodeOptions]:
    """For answers, which upstream decodes greedily, and for reading aloud, which it samples."""
    spoken, read_aloud = (
        DecodeOptions(
            schedule,
            SamplingSettings(temperature, repetition_penalty=defaults.repetition_penalty),
            seed=options.seed,
            max_new_tokens=options.most_tokens,
        )
        for temperature in (0.0, _SYNTHESIS_TEMPERATURE)
    )
    return spoken, read_aloud


def _schedule(wanted: str, default: tuple[int, ...] | None, *, has_modules: bool) -> Schedule:
    if not has_modules:
        return VANILLA
    if wanted == "auto":
        return Schedule(default) if default else VANILLA
    policy, _, pattern = wanted.partition(" ")
    if policy in (Policy.GATED, Policy.VERIFIED):
        base = _schedule(pattern or "auto", default, has_modules=True)
        return base.with_policy(Policy(policy))
    return NAMED.get(wanted) or Schedule.parse(wanted)


def _transcription(recognizer: Recognizer | None, pool: Executor) -> Transcription | None:
    if recognizer is None:
        return None
    return Transcription(recognizer, pool, time.perf_counter)


def _speech_opener(decoder: SpeechDecoder, options: VitaAudioOptions) -> Callable[[], SpeechStream]:
    if options.decoder_steps is None:
        return lambda: decoder.open_stream(options.seed)
    first, others = options.decoder_steps
    return lambda: decoder.open_stream(options.seed, first_steps=first, steps=others)
