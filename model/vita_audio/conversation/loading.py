"""Loads all that one VITA-Audio model is made of, in the form that the free memory allows."""

import logging
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
import torch
from torch import nn

from model.errors import ModelError
from model.events import LoadProgress
from model.vita_audio.checkpoint.directory import (
    GenerationDefaults,
    ModelDirectory,
    read_generation_defaults,
    resolve,
)
from model.vita_audio.checkpoint.precision import (
    ModelSize,
    PrecisionChoice,
    Quantization,
    choose_precision,
)
from model.vita_audio.conversation.prompt_cache import PromptCache
from model.vita_audio.conversation.transcription import Recognizer, Transcription
from model.vita_audio.conversation.user_audio import CodeListener, FeatureListener
from model.vita_audio.decoding.generator import DecodeOptions
from model.vita_audio.decoding.layer_weights import Packing
from model.vita_audio.decoding.output_head import SamplingSettings
from model.vita_audio.decoding.schedule import NAMED, VANILLA, Policy, Schedule
from model.vita_audio.decoding.shortlist import head_for
from model.vita_audio.decoding.state import N_TRACED, DecodingState
from model.vita_audio.decoding.step_runner import StepRunner
from model.vita_audio.language_model.duplex_head import FILE as DUPLEX_HEAD
from model.vita_audio.language_model.duplex_head import EndOfTurnDetector, read_head
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM, load_language_model
from model.vita_audio.language_model.quantization import quantize_layer
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.sense_voice.kaldi_features import SpeechFeatures
from model.vita_audio.sense_voice.tags import TaggingEncoder, TagReader
from model.vita_audio.speech_decoder.decode_stream import SpeechDecodeStream
from model.vita_audio.speech_decoder.decoder import SpeechDecoder
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

logger = logging.getLogger(__name__)

Report = Callable[[LoadProgress], None]
LoadModel = Callable[[Report], "LoadedModel"]

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
        notes_mood: the prompt says how the user sounds; the model was not trained on that.
        threads: of the CPU; 0: all cores but one, which sound and recogniser need.
        decoder_steps: flow steps of the first piece and of the others; None: the decoder's own.
    """

    schedule: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    notes_mood: bool = False
    threads: int = 0
    seed: int = 0
    most_tokens: int = _MOST_TOKENS
    decoder_steps: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A loaded model.

    Attributes:
        spoken: how replies are decoded; ``read_aloud``: how given texts are.
        tagging: tells how the user's last turn was said; None in the discrete variants.
        notes_mood: whether prompts say so.
        end_of_turn: tells whether a turn is over; None where the folder has no such head.
    """

    tokenizer: TextTokenizer
    listener: CodeListener | FeatureListener
    cache: PromptCache
    spoken: DecodeOptions
    read_aloud: DecodeOptions
    open_speech: Callable[[], SpeechDecodeStream]
    rate_hz: int
    transcription: Transcription
    tagging: TaggingEncoder | None
    notes_mood: bool
    end_of_turn: EndOfTurnDetector | None
    close: Callable[[], None] = field(repr=False)


def load_model(
    folder: Path,
    options: VitaAudioOptions,
    open_recognizer: Callable[[], Recognizer | None],
    report: Report,
) -> LoadedModel:
    """Read the model in ``folder``.

    Raises:
        OutOfMemory: it does not fit into the memory that is free.
        ModelError: a file is missing, damaged or another model's, or an option does not exist.
    """
    found = resolve(folder)
    device = _device(options.device)
    torch.set_num_threads(options.threads or max(1, (os.cpu_count() or 1) - 1))
    size = ModelSize.from_config(found.config)
    n_free = psutil.virtual_memory().available
    if device.type == "cuda":
        n_free = torch.cuda.mem_get_info(device)[0]
    choice = choose_precision(n_free, size, device.type, options.precision)
    logger.info("%s: %s", found.variant, choice.reason)
    report(LoadProgress("language model", 0.0, choice.reason))
    defaults = read_generation_defaults(found.language_model)
    schedule = _schedule(options.schedule, defaults.pattern, has_modules=choice.uses_mctp)
    network = _language_model(found, choice, device, report, schedule.n_modules(found.n_mctp))
    tokenizer = TextTokenizer.from_directory(found.language_model)
    tagging = _tagging(found, network)
    listener = _listener(found, device)
    report(LoadProgress("speech encoder", 0.9))
    decoder = SpeechDecoder.from_directory(found.speech_decoder, device)
    decoder.warm_up()
    report(LoadProgress("speech decoder", 0.95))
    end_of_turn = _end_of_turn(found, network)
    # Nothing else runs this network: a packed copy of its layers may take their place.
    head = head_for(network.lm_head.weight.detach())
    runner = StepRunner(network, head, packing=Packing.RELEASE)
    state = DecodingState(runner, n_traced=N_TRACED if end_of_turn is not None else 0)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="transcription")
    return LoadedModel(
        tokenizer=tokenizer,
        listener=listener,
        cache=PromptCache(state, tokenizer.table, tagging.encode if tagging else None),
        # Upstream answers greedily and samples where it reads aloud.
        spoken=_decode_options(schedule, defaults, options, temperature=0.0),
        read_aloud=_decode_options(schedule, defaults, options, temperature=_SYNTHESIS_TEMPERATURE),
        open_speech=partial(decoder.open_stream, options.seed, *(options.decoder_steps or ())),
        rate_hz=decoder.rate_hz,
        transcription=Transcription(open_recognizer(), pool, time.perf_counter),
        tagging=tagging,
        notes_mood=options.notes_mood,
        end_of_turn=end_of_turn,
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


def _end_of_turn(found: ModelDirectory, network: VitaAudioForCausalLM) -> EndOfTurnDetector | None:
    """The head reads one state every 80 ms of sound; frames of the Plus variants are others."""
    path = found.language_model / DUPLEX_HEAD
    if found.is_plus or not path.is_file():
        return None
    return read_head(path, network.config.hidden_size, network.device)


def _tagging(found: ModelDirectory, network: VitaAudioForCausalLM) -> TaggingEncoder | None:
    if found.statistics is None:
        return None
    encoder = network.model.audio_model.model
    reader = TagReader.from_directory(found.statistics.parent, encoder.config.n_tokens)
    return TaggingEncoder(encoder, network.model.audio_projection, reader)


def _listener(found: ModelDirectory, device: torch.device) -> CodeListener | FeatureListener:
    if found.statistics is not None:
        return FeatureListener(SpeechFeatures.from_directory(found.statistics.parent).extract)
    assert found.speech_tokenizer is not None, "a discrete variant has a speech tokenizer"
    return CodeListener(SpeechTokenizer.from_directory(found.speech_tokenizer, device).open_stream)


def _decode_options(
    schedule: Schedule, defaults: GenerationDefaults, options: VitaAudioOptions, temperature: float
) -> DecodeOptions:
    sampling = SamplingSettings(temperature, repetition_penalty=defaults.repetition_penalty)
    return DecodeOptions(schedule, sampling, seed=options.seed, max_new_tokens=options.most_tokens)


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
