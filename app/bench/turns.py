"""``parley bench turns``: does it wait in pauses and answer at ends? Against plain silence timers.

Open loop over labelled recordings. Knows no implementation: models come in as factories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.bench.labels import TurnClip, read_channels, read_turns
from app.bench.predictor_run import Predictor, PredictorCost, PredictorRun
from app.bench.progress import with_progress
from app.bench.scorecard import Row, Scorecard, merged, percentile, share_percent
from model.duplex.listening import HeardFrame, Listener, Listening, RecognizerFactory, VadFactory

TIMERS_S = (0.5, 0.8, 1.2, 1.6)
END_OF_TURN_P = 0.5  # a predictor's decision
EARLY_S = 0.2  # the detector may call the end of a voice this much before its label...
LATE_S = 0.25  # ...and notices its return this much after; 95 % of both on labelled speech
MIN_VOICE_S = 0.096  # less voice opens no turn
VOICE_P, FADE_P = 0.5, 0.35  # as the segmenter's defaults
MIN_LEVEL_DBFS = -60.0
LANGUAGES = ("en", "zh")

PredictorFactory = Callable[[], Predictor]
Endpoints = list[float]  # seconds at which a detector took the turn as over


@dataclass(slots=True)
class _Tally:
    """Counts over some clips."""

    n_inserted: int = 0
    n_inserted_ended: int = 0
    n_natural: int = 0
    n_natural_ended: int = 0
    n_other_ended: int = 0
    n_ends: int = 0
    latencies_s: list[float] = field(default_factory=list[float])
    waits_s: list[float] = field(default_factory=list[float])
    n_never: int = 0  # truncated clips without any endpoint; their wait is the rest of the file

    def add(self, clip: TurnClip, endpoints: Sequence[float], clip_s: float) -> None:
        rest = [t for t in endpoints if t < clip.stop_s - EARLY_S]
        for pause, is_inserted in zip(clip.pauses, clip.is_inserted, strict=True):
            inside = [t for t in rest if pause.start_s - EARLY_S <= t <= pause.end_s + LATE_S]
            rest = [t for t in rest if t not in inside]
            if is_inserted:
                self.n_inserted += 1
                self.n_inserted_ended += bool(inside)
            else:
                self.n_natural += 1
                self.n_natural_ended += bool(inside)
        self.n_other_ended += len(rest)
        after = [t for t in endpoints if t >= clip.stop_s - EARLY_S]
        if clip.end_s is None:
            self.n_never += not after
            self.waits_s.append((after[0] if after else clip_s) - clip.stop_s)
            return
        self.n_ends += 1
        if after:
            self.latencies_s.append(after[0] - clip.end_s)

    def row(self) -> Row:
        return {
            "inserted_pauses": self.n_inserted,
            "premature_in_inserted": self.n_inserted_ended,
            "natural_pauses": self.n_natural,
            "premature_in_natural": self.n_natural_ended,
            "premature_elsewhere": self.n_other_ended,
            "true_ends": self.n_ends,
            "ends_found_percent": share_percent(len(self.latencies_s), self.n_ends),
            "end_latency_p50_ms": _ms(percentile(self.latencies_s, 50)),
            "end_latency_p95_ms": _ms(percentile(self.latencies_s, 95)),
            "truncated": len(self.waits_s),
            "truncated_wait_p50_ms": _ms(percentile(self.waits_s, 50)),
            "truncated_wait_min_ms": _ms(min(self.waits_s, default=None)),
            "truncated_never_ended": self.n_never,
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000.0 * seconds


def silence_timer(frames: Iterable[HeardFrame], silence_s: float) -> Endpoints:
    """Ends a turn after ``silence_s`` without voice."""
    endpoints: Endpoints = []
    voice_s, last_voice_s, is_voice = 0.0, 0.0, False
    for heard in frames:
        user = heard.user
        p = user.p_speech if user.clean_dbfs >= MIN_LEVEL_DBFS else 0.0
        is_fading = is_voice and user.p_speech >= FADE_P
        is_voice = is_fading or p >= VOICE_P
        if is_voice:
            voice_s += user.frame.end_s - user.frame.start_s
            last_voice_s = user.frame.end_s
        elif voice_s >= MIN_VOICE_S and user.frame.end_s - last_voice_s >= silence_s - 1e-6:
            endpoints.append(user.frame.end_s)
            voice_s = 0.0
    return endpoints


def predicted_ends(
    frames: Iterable[HeardFrame], predictor: Predictor, cost: PredictorCost
) -> Endpoints:
    """Where ``predictor`` takes the turn as over; each time it starts over, as the engine does."""
    predictor.reset()
    run = PredictorRun(predictor, cost)
    endpoints: Endpoints = []
    for heard in frames:
        predicted = run.step(heard)
        if predicted is not None and predicted.prediction.p_end_of_turn >= END_OF_TURN_P:
            endpoints.append(predicted.available_s)
            run.reset()
    return endpoints


def run_turns(
    folder: Path,
    *,
    predictor_factories: Mapping[str, PredictorFactory],
    vad_factory: VadFactory,
    recognizer_factory: RecognizerFactory | None,
    command: str,
    is_quiet: bool = False,
) -> Scorecard:
    """Scores every predictor and the timers on ``folder/turns``.

    Args:
        predictor_factories: row name -> maker, e.g. {"balanced": ...}; one serves all clips.
        recognizer_factory: None: no words.

    Raises:
        LabelsError: bad labels or recordings.
    """
    clips = read_turns(folder)
    listener = Listener(vad_factory, recognizer_factory=recognizer_factory)
    predictors = {name: make() for name, make in predictor_factories.items()}
    costs = {name: PredictorCost() for name in predictors}
    tallies: dict[tuple[str, str], _Tally] = {}
    recognizer_s = heard_s = 0.0
    for clip in with_progress(clips, "turns", is_quiet=is_quiet):
        listening = listener.hear(read_channels(clip.path, 1)[0])
        recognizer_s += listening.recognizer_s
        heard_s += listening.seconds
        for name, endpoints in _all_endpoints(listening, predictors, costs).items():
            for group in ("all", clip.language):
                tally = tallies.setdefault((name, group), _Tally())
                tally.add(clip, endpoints, listening.seconds)
    rows = [
        merged(
            {"detector": name, "language": group}, tallies[name, group].row(), _cost(name, costs)
        )
        for group in ("all", *LANGUAGES)
        for name in (*predictors, *_timer_names())
        if (name, group) in tallies
    ]
    core = f"{100.0 * recognizer_s / heard_s:.0f} % of a core" if heard_s else "not run"
    notes = (
        "premature: the turn was taken as over inside a pause (or elsewhere) before its true end",
        f"recogniser: {core}; its words arrive late by what they cost",
    )
    return Scorecard("turns", command, tuple(rows), notes=notes)


def _all_endpoints(
    listening: Listening, predictors: Mapping[str, Predictor], costs: Mapping[str, PredictorCost]
) -> dict[str, Endpoints]:
    found = {
        name: predicted_ends(listening.frames, predictor, costs[name])
        for name, predictor in predictors.items()
    }
    for name, silence_s in _timer_names().items():
        found[name] = silence_timer(listening.frames, silence_s)
    return found


def _timer_names() -> dict[str, float]:
    return {f"silence {silence_s:.1f} s": silence_s for silence_s in TIMERS_S}


def _cost(name: str, costs: Mapping[str, PredictorCost]) -> Row:
    cost = costs.get(name)
    return {
        "step_mean_ms": None if cost is None else cost.mean_step_ms,
        "step_max_ms": None if cost is None else 1000.0 * cost.slowest_step_s,
        "core_percent": None if cost is None else cost.core_percent,
    }
