"""``parley bench overlap``: does it stop for interruptions, and only for them?

Open loop over two-channel echo scenes: the far end goes on whatever is decided. Knows no
implementation: models come in as factories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.bench.labels import OverlapEvent, OverlapScene, read_channels, read_overlaps
from app.bench.predictor_run import Predictor, PredictorCost, PredictorRun
from app.bench.progress import with_progress
from app.bench.scorecard import Row, Scorecard, Value, merged, percentile, share_percent
from model.duplex.listening import (
    SILENT_DBFS,
    CancellerFactory,
    HeardFrame,
    Listener,
    Listening,
    RecognizerFactory,
    VadFactory,
)

HOLD_P = 0.5  # p_interruption from which the reply is held...
CUT_P = 0.8  # ...and from which it is cut
RESUME_P = 0.6  # p_backchannel or p_noise from which a held reply goes on
TRIGGER_P, TRIGGER_S = 0.5, 0.192  # the plain trigger: this voice probability for this long
TRIGGER_DBFS = -60.0
QUIET_S = 0.32  # after so much quiet a trigger is armed again
BEFORE_S, AFTER_S = (
    0.1,
    0.7,
)  # a decision belongs to an event from before its onset to after its end
ECHO_TAIL_S = 0.3  # the far end is heard this much longer than it plays
FAR_ACTIVE_DBFS = -50.0
SECONDS_A_MINUTE = 60.0
INTERRUPTION, BACKCHANNEL = "user_interruption", "user_backchannel"
CATEGORIES = ("echo", "noise", "backchannel")

PredictorFactory = Callable[[], Predictor]


@dataclass(frozen=True, slots=True)
class Stop:
    """The reply went silent at ``stopped_s``; at ``decided_s`` it was cut for good, or went on.

    Attributes:
        was_cut: False: held, then resumed.
    """

    stopped_s: float
    decided_s: float
    was_cut: bool


@dataclass(slots=True)
class _Tally:
    """Counts over the scenes."""

    n_interruptions: int = 0
    stop_latencies_s: list[float] = field(default_factory=list[float])
    cut_latencies_s: list[float] = field(default_factory=list[float])
    n_false: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CATEGORIES, 0))
    n_held: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CATEGORIES, 0))
    held_s: list[float] = field(default_factory=list[float])
    n_backchannels: int = 0
    n_backchannels_cut: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CATEGORIES, 0.0))
    missed: list[str] = field(default_factory=list[str])

    def add(self, scene: OverlapScene, stops: Iterable[Stop], scene_s: float) -> None:
        """Gives every stop to the event it happened in, or to the scene."""
        rest = list(stops)
        for event in scene.events:
            inside = [stop for stop in rest if _belongs(stop, event)]
            if event.kind == INTERRUPTION:
                self._interruption(scene, event, inside)
            elif event.kind == BACKCHANNEL:
                self.n_backchannels += 1
                self.n_backchannels_cut += any(stop.was_cut for stop in inside)
                self._false("backchannel", inside)
            else:
                continue
            rest = [stop for stop in rest if stop not in inside]
        category = "noise" if "noise" in scene.category else "echo"
        self._false(category, rest)
        if not any(event.kind == INTERRUPTION for event in scene.events):
            self.seconds[category] += scene_s

    def _interruption(self, scene: OverlapScene, event: OverlapEvent, inside: list[Stop]) -> None:
        self.n_interruptions += 1
        cuts = [stop for stop in inside if stop.was_cut]
        if not cuts:
            self.missed.append(scene.name)
            return
        self.stop_latencies_s.append(cuts[0].stopped_s - event.onset_s)
        self.cut_latencies_s.append(cuts[0].decided_s - event.onset_s)

    def _false(self, category: str, stops: list[Stop]) -> None:
        self.n_false[category] += sum(stop.was_cut for stop in stops)
        held = [stop for stop in stops if not stop.was_cut]
        self.n_held[category] += len(held)
        self.held_s.extend(stop.decided_s - stop.stopped_s for stop in held)

    def row(self) -> Row:
        found = len(self.stop_latencies_s)
        noise_min = self.seconds["noise"] / SECONDS_A_MINUTE
        return {
            "interruptions": self.n_interruptions,
            "found_percent": share_percent(found, self.n_interruptions),
            "stop_latency_p50_ms": _ms(percentile(self.stop_latencies_s, 50)),
            "stop_latency_p95_ms": _ms(percentile(self.stop_latencies_s, 95)),
            "cut_latency_p50_ms": _ms(percentile(self.cut_latencies_s, 50)),
            "cut_latency_p95_ms": _ms(percentile(self.cut_latencies_s, 95)),
            "backchannels": self.n_backchannels,
            "backchannels_cut": self.n_backchannels_cut,
            **{f"false_stops_{name}": self.n_false[name] for name in CATEGORIES},
            "false_stops_noise_per_min": self.n_false["noise"] / noise_min if noise_min else None,
            **{f"short_holds_{name}": self.n_held[name] for name in CATEGORIES},
            "hold_p50_ms": _ms(percentile(self.held_s, 50)),
        }


def _belongs(stop: Stop, event: OverlapEvent) -> bool:
    return event.onset_s - BEFORE_S <= stop.stopped_s <= event.end_s + AFTER_S


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000.0 * seconds


def bare_trigger(frames: Iterable[HeardFrame]) -> Iterator[Stop]:
    """Cuts as soon as the detector has heard a voice for 192 ms, once per stretch of voice."""
    voice_s = quiet_s = 0.0
    is_armed = True
    for heard in frames:
        user = heard.user
        frame_s = user.frame.end_s - user.frame.start_s
        if user.p_speech >= TRIGGER_P and user.clean_dbfs >= TRIGGER_DBFS:
            voice_s, quiet_s = voice_s + frame_s, 0.0
        elif user.p_speech < TRIGGER_P:
            voice_s, quiet_s = 0.0, quiet_s + frame_s
        is_armed = is_armed or quiet_s >= QUIET_S
        if is_armed and voice_s >= TRIGGER_S - 1e-6:
            is_armed = False
            yield Stop(user.frame.end_s, user.frame.end_s, was_cut=True)


def predicted_stops(
    listening: Listening, scene: OverlapScene, predictor: Predictor, cost: PredictorCost
) -> Iterator[Stop]:
    """The engine's rules: hold, then cut or resume. After a cut the overlap has to end first."""
    predictor.reset()
    run = PredictorRun(predictor, cost)
    held_s: float | None = None
    quiet_s = QUIET_S
    for heard in listening.frames:
        user = heard.user
        quiet_s = (
            0.0 if user.p_speech >= TRIGGER_P else quiet_s + user.frame.end_s - user.frame.start_s
        )
        predicted = run.step(heard, is_agent_speaking=_is_far_active(scene, user.frame.start_s))
        if predicted is None:
            continue
        now_s, prediction = predicted.available_s, predicted.prediction
        if prediction.is_stop_word or prediction.p_interruption >= CUT_P:
            if held_s is None or held_s >= 0.0:
                yield Stop(now_s if held_s is None else held_s, now_s, was_cut=True)
            held_s = -1.0  # cut; nothing more until quiet
        elif held_s is not None and held_s < 0.0:
            held_s = None if quiet_s >= QUIET_S else held_s
        elif max(prediction.p_backchannel, prediction.p_noise) >= RESUME_P:
            if held_s is not None:
                yield Stop(held_s, now_s, was_cut=False)
            held_s = None
        elif prediction.p_interruption >= HOLD_P and held_s is None:
            held_s = now_s
    if held_s is not None and held_s >= 0.0:
        yield Stop(held_s, listening.seconds, was_cut=False)


def _is_far_active(scene: OverlapScene, at_s: float) -> bool:
    """Scenes without a far end are scored as if a reply were being played on headphones."""
    if scene.far is None:
        return True
    return scene.far.start_s <= at_s <= scene.far.end_s + ECHO_TAIL_S


def run_overlap(
    folder: Path,
    *,
    predictor_factory: PredictorFactory,
    canceller_factory: CancellerFactory,
    vad_factory: VadFactory,
    recognizer_factory: RecognizerFactory | None,
    command: str,
    is_quiet: bool = False,
) -> Scorecard:
    """Scores the predictor, and the plain trigger with and without echo cancellation.

    Raises:
        LabelsError: bad labels or recordings.
    """
    scenes = [scene for scene in read_overlaps(folder) if scene.category != "near_only"]
    cancelled = Listener(vad_factory, canceller_factory, recognizer_factory)
    bare = Listener(vad_factory)
    predictor, cost = predictor_factory(), PredictorCost()
    names = ("predictor", "voice 192 ms", "voice 192 ms, no echo cancellation")
    tallies = {name: _Tally() for name in names}
    echo: dict[str, list[float]] = {"mic": [], "clean": []}
    for scene in with_progress(scenes, "overlap", is_quiet=is_quiet):
        mic, far = read_channels(scene.path, 2)
        listening = cancelled.hear(mic, far, one_turn=False)
        stops = {
            names[0]: predicted_stops(listening, scene, predictor, cost),
            names[1]: bare_trigger(listening.frames),
            names[2]: bare_trigger(bare.hear(mic, far).frames),
        }
        for name, found in stops.items():
            tallies[name].add(scene, found, listening.seconds)
        if scene.category == "echo_only":
            _measure_echo(listening, echo)
    return Scorecard(
        "overlap",
        command,
        tuple(
            merged({"trigger": name}, tallies[name].row(), _residual(name, names, echo))
            for name in names
        ),
        notes=_notes(cost, tallies[names[0]]),
    )


def _measure_echo(listening: Listening, echo: dict[str, list[float]]) -> None:
    """Powers while the far end plays and nobody else makes a sound."""
    for heard in listening.frames:
        if heard.far_dbfs > FAR_ACTIVE_DBFS:
            echo["mic"].append(10.0 ** (heard.mic_dbfs / 10.0))
            echo["clean"].append(10.0 ** (heard.user.clean_dbfs / 10.0))


def _residual(name: str, names: tuple[str, ...], echo: dict[str, list[float]]) -> Row:
    powers = echo["mic" if name == names[2] else "clean"]
    return {"residual_echo_dbfs": _power_dbfs(powers)}


def _power_dbfs(powers: list[float]) -> Value:
    if not powers:
        return None
    return max(SILENT_DBFS, 10.0 * float(np.log10(max(np.mean(powers), 1e-12))))


def _notes(cost: PredictorCost, tally: _Tally) -> tuple[str, ...]:
    missed = ", ".join(tally.missed) or "none"
    return (
        "stop: the reply goes silent (held or cut); cut: the decision; both from the true onset",
        "short_holds: held, then resumed at the word; false_stops: cut for good",
        f"predictor: {cost.core_percent or 0.0:.1f} % of a core; missed: {missed}",
    )
