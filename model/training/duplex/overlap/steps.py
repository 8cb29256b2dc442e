"""What is known of every voice over a reply, step by step, and what it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from audio_io.aec import FRAME
from audio_io.frames import Samples
from model.duplex.duplex_network import Array
from model.duplex.labels import OverlapScene
from model.duplex.listening_cache import Hears
from model.duplex.outcomes import N_OUTCOMES, Outcome
from model.duplex.overlap_classifier import FEATURES, OverlapCard, OverlapClassifier
from model.duplex.policy import OverlapPoint, is_word_begun
from model.duplex.predictor_factory import PredictorFactory
from model.duplex.scoring import Span
from model.duplex.spotter.vocabulary import CLASSES, OTHER_SPEECH, Group
from model.training.duplex.data.utterance import runs
from model.training.duplex.spotter.sessions import Said, Session
from model.types import AgentState

STEP_S = 0.08
_AFTER_S = 1.0  # what follows a voice is still about it
_ONSET_S = 0.3  # labels and ears agree within this
_GAP_FRAMES = 60  # a reply's own pauses
_FAR_ACTIVE_DBFS = -50.0
_GROUP_OF = {one.name: one.group for one in CLASSES}


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice over the reply that is labelled, and how much it counts."""

    span: Span
    outcome: Outcome
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One look at a voice over the reply; ``seen``: float32 (n_features,)."""

    seen: Array
    outcome: Outcome
    weight: float
    voice: tuple[int, float]
    """Number of the recording, and where the voice began."""


class _Recorder(OverlapClassifier):
    """Decides nothing and keeps what it is shown."""

    def __init__(self) -> None:
        none = (tuple(0.0 for _ in FEATURES),) * 3
        super().__init__(OverlapCard(FEATURES, none, OverlapPoint(0.4, 0.6, 0.6)))
        self.seen: Array | None = None

    def probabilities(self, features: Array) -> Array:
        self.seen = features
        return np.full(N_OUTCOMES, 1.0 / 3.0, np.float32)


def steps_of(
    number: int,
    recording: tuple[Samples, Samples],
    voices: Sequence[Voice],
    hears: Hears,
    kit: PredictorFactory,
) -> Iterator[Step]:
    """Yield a step every 80 ms of every voice that the predictor heard over the reply.

    Left out are those in which the policy waits: the words of a voice are not over.
    """
    recorder = _Recorder()
    predictor = kit.predictor(overlap_classifier=recorder)
    speaking = speaking_spans(recording[1])
    next_s = 0.0
    for heard in hears.hear(*recording, one_turn=False).frames:
        now_s, recorder.seen = heard.user.clean.end_s, None
        is_speaking = any(span.start_s <= now_s <= span.end_s for span in speaking)
        predictor.step(heard.user, AgentState(is_speaking))
        overlap = predictor.overlap
        if recorder.seen is None or overlap is None or now_s < next_s - 1e-6:
            continue
        next_s = now_s + STEP_S
        voice = _voice_at(voices, overlap.onset_s, now_s)
        quiet_ms = overlap.silence_ms(now_s)
        if voice.weight and not is_word_begun(quiet_ms, overlap.span_ms):
            began_s = round(overlap.onset_s, 2)
            yield Step(recorder.seen, voice.outcome, voice.weight, (number, began_s))


_NOBODY = Voice(Span(0.0, 0.0), Outcome.NOISE)
_ANYBODY = Voice(Span(0.0, 0.0), Outcome.NOISE, weight=0.0)


def _voice_at(voices: Sequence[Voice], onset_s: float, now_s: float) -> Voice:
    """Return whose it is; nobody's counts, what the labels cannot tell does not."""
    for voice in voices:
        if voice.span.start_s - _ONSET_S <= onset_s <= voice.span.end_s + _ONSET_S:
            return voice if now_s <= voice.span.end_s + _AFTER_S else _ANYBODY
    near = (v.span.start_s - _ONSET_S <= now_s <= v.span.end_s + _AFTER_S for v in voices)
    return _ANYBODY if any(near) else _NOBODY


def of_scene(scene: OverlapScene) -> list[Voice]:
    """Return who speaks in a recorded scene; what its label is not sure of does not count."""
    kinds = {
        "user_interruption": Outcome.INTERRUPTION,
        "user_backchannel": Outcome.BACKCHANNEL,
        "user_turn": Outcome.INTERRUPTION,
    }
    return [
        Voice(Span(event.onset, event.end), kinds[event.event], float(scene.expect_sure))
        for event in scene.events
        if event.event in kinds
    ]


def of_session(session: Session) -> list[Voice]:
    """Return who speaks in a made session; "yes" is either, so it is left out."""
    return [Voice(Span(said.start_s, said.end_s), *_meaning(said)) for said in session.said]


def _meaning(said: Said) -> tuple[Outcome, float]:
    if said.name != OTHER_SPEECH and _GROUP_OF[said.name] is Group.ACKNOWLEDGEMENT:
        return Outcome.BACKCHANNEL, 1.0
    return Outcome.INTERRUPTION, 0.0 if said.name == "yes" else 1.0


def speaking_spans(far: Samples) -> list[Span]:
    """Return when a reply sounds; its own short pauses belong to it."""
    power = np.square(far[: len(far) // FRAME * FRAME].reshape(-1, FRAME), dtype=np.float64)
    is_active = power.mean(axis=1) > 10.0 ** (_FAR_ACTIVE_DBFS / 10.0)
    for gap in runs(~is_active):
        if gap.stop - gap.start <= _GAP_FRAMES:
            is_active[gap] = True
    return [Span(run.start / 100.0, run.stop / 100.0 + 0.3) for run in runs(is_active)]
