"""Speed of decoding with random weights of a published shape: every mode in one run.

Random weights do not follow the rhythm of text and audio, so the tokens of the training data's
rhythm are forced after every choice; the choice is computed all the same. Verified decoding is not
forced: its acceptance is what random weights give.
"""

import resource
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM

from model.errors import ModelError
from model.vita_audio.benchmark.random_models import (
    BYTES_PER_GB,
    SIZES,
    device_named,
    library_model,
    random_model,
    require_memory,
)
from model.vita_audio.benchmark.speech_speed import Row, speech_rows
from model.vita_audio.decoding.generator import DecodeOptions, decode
from model.vita_audio.decoding.output_head import (
    AllowedTokens,
    FullHead,
    OutputHead,
    Sampler,
    SamplingSettings,
)
from model.vita_audio.decoding.schedule import BALANCE, BOOST, TURBO, VANILLA, Policy, Schedule
from model.vita_audio.decoding.shortlist import ShortlistHead
from model.vita_audio.decoding.state import DecodingState
from model.vita_audio.decoding.step_runner import Level, StepRunner
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.language_model.tokens import N_CODES, TokenTable
from model.vita_audio.number_format import decoding_dtype

N_PROMPT = 32  # tokens, as in the published measurement (VITA-Audio, Table E7)
N_FIRST = 10  # tokens up to the eighth code: one of text, the begin tag, eight codes
N_TOKENS = 11 + 4 * 14  # the first segment, then four rounds of the steady rhythm
N_ROUNDS = 3

# Ids of the plain variant; a measurement has no tokenizer to ask.
_TABLE = TokenTable(
    im_start=151_644,
    im_end=151_645,
    audio=151_684,
    begin_of_audio=151_674,
    end_of_audio=151_675,
    context_of_audio=None,
    first_code=151_685,
    n_codes=N_CODES,
    end_ids=frozenset({151_645, 151_643}),
    n_used=168_069,
)
_N_TEXT_IDS = 151_000

_NOTES = (
    "the rhythm of the training data is forced on every mode but verified, for random weights do "
    "not follow it; every choice is computed all the same; verified gives Vanilla's own tokens and "
    "hardly a draft of random weights is accepted\n"
    "ratio_to_vanilla: against the row vanilla, which reads the whole head for every token as "
    "upstream does; ratio_with_same_head: against Vanilla with the same head as the row\n"
    "head: full reads every row; shortlist draws the same tokens from a 4-bit scan and exact "
    "scores of the few rows that can win; strict is shortlist, and inside an open audio segment "
    "only codes and its end may follow (a deviation from upstream)\n"
    "first_codes_ms: an unread prompt, then 1 text token, the begin tag and 8 codes\n"
    "first_piece_ms: of the decoder, 8 codes to sound with 1, 3 or 10 flow steps; of first sound, "
    "the encoder at the end of speech, the first codes and the decoder with 1 step, one after the "
    "other"
)

_EMPTY: Row = dict.fromkeys(
    (
        *("mode", "head", "tokens_per_s", "ratio_to_vanilla", "ratio_with_same_head"),
        *("ratio_to_generate", "first_codes_ms", "step_mean_ms", "step_p50_ms", "step_p95_ms"),
        *("backbone_percent", "modules_percent", "head_percent", "other_percent"),
        *("accepted_percent", "realtime_factor", "first_piece_ms"),
    )
)

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Rows of one table and what a reader must know about them."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Setting:
    """One line of the table.

    Attributes:
        head: "full" reads all rows of the head; "shortlist" gives the same tokens from a 4-bit
            scan; "strict" is the shortlist, and codes only inside an open audio segment.
    """

    mode: str
    schedule: Schedule
    head: str
    is_forced: bool = True

    @property
    def n_tokens(self) -> int:
        """Fewer where nearly every token takes a backbone step and ten drafts."""
        return N_TOKENS if self.is_forced else N_TOKENS // 4


@dataclass(slots=True)
class _Times:
    """Seconds of one setting over all rounds."""

    runs: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    parts: dict[str, float] = field(
        default_factory=lambda: {"backbone": 0.0, "modules": 0.0, "head": 0.0}
    )
    n_confirmed: int = 0  # drafts among the tokens made


def rhythm(n: int) -> list[int]:
    """Return ids in the rhythm of the Boost training data: 1 text, segment of 10, then 4 and 10."""
    drawn = np.random.default_rng(0)
    ids: list[int] = []
    n_text = 1
    while len(ids) < n:
        ids += [int(drawn.integers(_N_TEXT_IDS)) for _ in range(n_text)]
        codes = [_TABLE.id_of(int(drawn.integers(N_CODES))) for _ in range(8)]
        ids += [_TABLE.begin_of_audio, *codes, _TABLE.end_of_audio]
        n_text = 4
    return ids[:n]


class _MeasuredHead:
    """A head that keeps the time of ``inner``; a forced token then takes the choice's place."""

    def __init__(self, inner: OutputHead, times: _Times, forced: list[int] | None) -> None:
        self._inner = inner
        self._times = times
        self._forced: Iterator[int] | None = None if forced is None else iter(forced)

    def choose(
        self, state: Tensor, seen: Tensor, sampler: Sampler, allowed: AllowedTokens | None
    ) -> int:
        """See ``OutputHead``."""
        start = time.perf_counter()
        chosen = self._inner.choose(state, seen, sampler, allowed)
        self._times.parts["head"] += time.perf_counter() - start
        return chosen if self._forced is None else next(self._forced)


class _MeasuredRunner(StepRunner):
    """A runner that keeps the time of its steps."""

    def __init__(self, model: VitaAudioForCausalLM) -> None:
        super().__init__(model)
        self.times = _Times()

    def backbone_step(self, level: Level, embedded: Tensor) -> Tensor:
        with self._timed("backbone"):
            return super().backbone_step(level, embedded)

    def module_step(self, level: Level, embedded: Tensor, states: Tensor) -> Tensor:
        with self._timed("modules"):
            return super().module_step(level, embedded, states)

    @contextmanager
    def _timed(self, part: str) -> Generator[None]:
        start = time.perf_counter()
        yield
        _settle(self.device)
        self.times.parts[part] += time.perf_counter() - start


def measure(size: str, device: str, report: Report, n_rounds: int = N_ROUNDS) -> BenchResult:
    """Measure every mode in alternation.

    Args:
        size: a key of ``SIZES``.
        device: "cpu", "cuda", …; "" chooses.
        report: told what is being done.

    Raises:
        ModelError: an unknown size or device, or too little memory.
    """
    if size not in SIZES:
        raise ModelError(f"there is no size {size!r}; choose one of {', '.join(SIZES)}")
    place = device_named(device)
    dtype = decoding_dtype(place)
    require_memory(size, place, dtype)
    report(f"making a random model of size {size} in {dtype}".replace("torch.", ""))
    model = random_model(SIZES[size], dtype, place)
    runner = _MeasuredRunner(model)
    heads: dict[str, OutputHead] = {"full": FullHead(model.lm_head.weight.detach())}
    if ShortlistHead.fits(model.lm_head.weight):
        report("quantizing a copy of the output head")
        heads["shortlist"] = heads["strict"] = ShortlistHead(model.lm_head.weight.detach())
    settings = _settings(tuple(heads))
    library = library_model(model)
    all_times = {setting: _Times() for setting in settings}
    generate_runs: list[float] = []
    for number in range(n_rounds + 1):
        report(f"round {number} of {n_rounds}" if number else "warming up")
        generated = _generate(library)
        if number:
            generate_runs.append(generated)
        for setting, times in all_times.items():
            _run(runner, heads[setting.head], setting, times if number else _Times())
    rows = _rows(all_times, generate_runs)
    report("measuring the speech encoder and decoder")
    firsts = {
        setting.mode: 1e3 * _median(all_times[setting].firsts)
        for setting in settings
        if setting.mode in ("vanilla", "boost")
    }
    rows += speech_rows(place, firsts, _EMPTY, is_tiny=size == "tiny")
    return BenchResult(rows, _notes(size, place, dtype, model, n_rounds))


def _settings(heads: tuple[str, ...]) -> tuple[_Setting, ...]:
    """As upstream runs Vanilla and as we run the others; then every other pair of mode and head."""
    modes = {"vanilla": VANILLA, "boost": BOOST, "balance": BALANCE, "turbo": TURBO}
    best = "shortlist" if "shortlist" in heads else "full"
    chosen = {mode: "full" if mode == "vanilla" else best for mode in modes}
    settings = [_Setting(mode, modes[mode], head) for mode, head in chosen.items()]
    gated = BOOST.with_policy(Policy.GATED)
    settings.append(_Setting("gated", gated, "strict" if "strict" in heads else "full"))
    verified = TURBO.with_policy(Policy.VERIFIED)
    settings.append(_Setting("verified", verified, best, is_forced=False))
    settings += [
        _Setting(f"{mode}, {head} head", schedule, head)
        for head in reversed(heads)
        for mode, schedule in modes.items()
        if head != chosen[mode]
    ]
    return tuple(settings)


def _run(runner: _MeasuredRunner, head: OutputHead, setting: _Setting, times: _Times) -> None:
    options = DecodeOptions(
        setting.schedule,
        SamplingSettings(),
        is_audio_strict=setting.head == "strict",
        max_new_tokens=setting.n_tokens,
    )
    prompt = [*rhythm(N_PROMPT - 1), _TABLE.end_of_audio]
    forced = rhythm(N_TOKENS) if setting.is_forced else None
    n_modules = setting.schedule.n_modules(runner.n_modules)
    # Random choices must not end the reply.
    table = replace(_TABLE, end_ids=frozenset())

    runner.times, runner.head = _Times(), _MeasuredHead(head, _Times(), forced)
    state = DecodingState(runner, n_modules)
    state.extend(prompt)
    start = time.perf_counter()
    for _ in decode(state, table, replace(options, max_new_tokens=N_FIRST)):
        pass
    times.firsts.append(time.perf_counter() - start)

    state = DecodingState(runner, n_modules)
    state.prefill(prompt)
    runner.times, runner.head = times, _MeasuredHead(head, times, forced)
    began = before = time.perf_counter()
    for token in decode(state, table, options):
        now = time.perf_counter()
        times.steps.append(now - before)
        before = now
        times.n_confirmed += setting.schedule.policy is Policy.VERIFIED and token.level > 0
    times.runs.append(before - began)


def _generate(library: Qwen2ForCausalLM) -> float:
    """Seconds of transformers' own loop for the same number of tokens, prompt read before."""
    prompt = torch.tensor([rhythm(N_PROMPT)], device=library.device)
    options = {
        "do_sample": False,
        "repetition_penalty": SamplingSettings().repetition_penalty,
        "eos_token_id": None,
        "pad_token_id": 0,
    }
    mask = torch.ones_like(prompt)
    seconds: list[float] = []
    # The difference leaves the prompt and the set-up out, as for our own modes.
    for n_new in (1, N_TOKENS + 1):
        start = time.perf_counter()
        with torch.inference_mode():
            library.generate(  # pyright: ignore[reportAttributeAccessIssue]
                prompt, attention_mask=mask, max_new_tokens=n_new, **options
            )
        _settle(library.device)
        seconds.append(time.perf_counter() - start)
    return seconds[1] - seconds[0]


def _rows(all_times: dict[_Setting, _Times], generate_runs: list[float]) -> tuple[Row, ...]:
    speeds = {
        setting: setting.n_tokens / _median(times.runs) for setting, times in all_times.items()
    }
    vanilla = {s.head: speed for s, speed in speeds.items() if s.schedule is VANILLA}
    generate = N_TOKENS / _median(generate_runs)
    first = _row("transformers generate", "full", generate, vanilla, generate)
    rows: list[Row] = [first]
    for setting, times in all_times.items():
        row = _row(setting.mode, setting.head, speeds[setting], vanilla, generate)
        whole = sum(times.runs)
        row |= {
            "first_codes_ms": 1e3 * _median(times.firsts) if setting.is_forced else None,
            "step_mean_ms": 1e3 * float(np.mean(times.steps)),
            "step_p50_ms": 1e3 * float(np.percentile(times.steps, 50)),
            "step_p95_ms": 1e3 * float(np.percentile(times.steps, 95)),
            **{f"{part}_percent": 100.0 * s / whole for part, s in times.parts.items()},
            "other_percent": 100.0 * (whole - sum(times.parts.values())) / whole,
        }
        if not setting.is_forced:
            row["accepted_percent"] = (
                100.0 * times.n_confirmed / (setting.n_tokens * len(times.runs))
            )
        rows.append(row)
    return tuple(rows)


def _row(mode: str, head: str, speed: float, vanilla: dict[str, float], generate: float) -> Row:
    return _EMPTY | {
        "mode": mode,
        "head": head,
        "tokens_per_s": speed,
        "ratio_to_vanilla": speed / vanilla["full"],
        "ratio_with_same_head": speed / vanilla[head],
        "ratio_to_generate": speed / generate,
    }


def _notes(
    size: str, device: torch.device, dtype: torch.dtype, model: VitaAudioForCausalLM, n_rounds: int
) -> tuple[str, ...]:
    weights_gb = sum(one.nbytes for one in model.parameters()) / BYTES_PER_GB
    measured = (
        f"size {size}, random weights {weights_gb:.2f} GB in {str(dtype).removeprefix('torch.')}, "
        f"device {device}, {torch.get_num_threads()} threads, greedy, repetition penalty "
        f"{SamplingSettings().repetition_penalty}; median of {n_rounds} alternating rounds of "
        f"{N_TOKENS} tokens after a prompt of {N_PROMPT} that was read before"
    )
    # The library's layout and ours are both held, to be measured in turns.
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held = f"memory held by the whole run, both layouts of the layers: {peak_mb:.0f} MB"
    return (measured, held, *_NOTES.splitlines())


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
