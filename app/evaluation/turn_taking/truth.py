"""What is true of a turn's recording, and what a decision at some moment is worth.

Knows no detector.

What is true of a recorded overlap: who speaks when, and when nobody should stop the assistant.

Knows no detector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.evaluation.turn_taking.event_rates import BEFORE_S
from app.evaluation.turn_taking.labels import OverlapScene, Span, TurnClip

AFTER_S = 0.7  # a decision on a short sound comes this much after its end at the latest
ECHO_TAIL_S = 0.3  # the far end is heard this much longer than it plays
INTERRUPTION, BACKCHANNEL, NOISE = "user_interruption", "user_backchannel", "noise_event"


@dataclass(frozen=True, slots=True)
class OverlapTruth:
    """One recording in which the assistant speaks.

    Attributes:
        speaking: when it is audible.
        interruptions: ordered by onset; likewise the others.
        alone: nobody wants the floor: own echo, and ``noises`` where there are any.
        is_noisy: household noise is in ``alone``.
    """

    name: str
    speaking: Span
    interruptions: tuple[Span, ...]
    backchannels: tuple[Span, ...]
    noises: tuple[Span, ...]
    alone: tuple[Span, ...]
    is_noisy: bool

    def is_speaking(self, at_s: float) -> bool:
        return self.speaking.start_s <= at_s <= self.speaking.end_s

    def is_alone(self, at_s: float) -> bool:
        return any(span.start_s <= at_s <= span.end_s for span in self.alone)

    @property
    def alone_s(self) -> float:
        return sum(span.end_s - span.start_s for span in self.alone)


def truth_of_scene(scene: OverlapScene, seconds: float) -> OverlapTruth:
    """Without a far end it is scored as if a reply were being played on headphones."""
    far = scene.far
    speaking = Span(0.0, seconds) if far is None else Span(far.start_s, far.end_s + ECHO_TAIL_S)
    speaking = Span(speaking.start_s, min(speaking.end_s, seconds))
    interruptions = _spans(scene, INTERRUPTION)
    backchannels = _spans(scene, BACKCHANNEL)
    noises = _spans(scene, NOISE)
    return OverlapTruth(
        name=scene.name,
        speaking=speaking,
        interruptions=interruptions,
        backchannels=backchannels,
        noises=noises,
        alone=_alone(speaking, interruptions, backchannels),
        is_noisy=bool(noises) or scene.category == "noise_only",
    )


def _spans(scene: OverlapScene, kind: str) -> tuple[Span, ...]:
    spans = [Span(event.onset_s, event.end_s) for event in scene.events if event.kind == kind]
    return tuple(sorted(spans, key=_start))


def _start(span: Span) -> float:
    return span.start_s


def _alone(
    speaking: Span, interruptions: Sequence[Span], backchannels: Sequence[Span]
) -> tuple[Span, ...]:
    """``speaking`` up to the first interruption (the reply ends there), less the backchannels."""
    end_s = min([speaking.end_s, *(span.start_s - BEFORE_S for span in interruptions)])
    at_s = speaking.start_s
    alone: list[Span] = []
    for span in backchannels:
        before_s = min(span.start_s - BEFORE_S, end_s)
        if before_s > at_s:
            alone.append(Span(at_s, before_s))
        at_s = max(at_s, span.end_s + AFTER_S)
    if end_s > at_s:
        alone.append(Span(at_s, end_s))
    return tuple(alone)


EARLY_S = 0.2  # a detector may call the end of a voice this much before its label...
LATE_S = 0.25  # ...and notices its return this much after; 95 % of both on labelled speech
SHORTEST_HOLD_S, LONGEST_HOLD_S = 0.2, 5.0  # pauses that eot-bench scores


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause in which the turn goes on; ``is_inserted``: cut into fluent speech."""

    start_s: float
    end_s: float
    is_inserted: bool

    def has(self, at_s: float) -> bool:
        return self.start_s - EARLY_S <= at_s <= self.end_s + LATE_S

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class TurnTruth:
    """One user turn.

    Attributes:
        end_s: where it ends; None: the user stops in mid-phrase, so no decision is right.
        stop_s: where the voice stops for good.
        clip_s: length of the recording.
    """

    language: str
    holds: tuple[Hold, ...]
    end_s: float | None
    stop_s: float
    clip_s: float

    def is_after(self, at_s: float) -> bool:
        """The user had stopped for good."""
        return at_s >= self.stop_s - EARLY_S


@dataclass(frozen=True, slots=True)
class Judged:
    """Decisions of one clip, each where it belongs.

    Attributes:
        cut_holds: holds in which the turn was taken.
        n_elsewhere: decisions before the end and outside labelled pauses.
        after: decisions once the user had stopped, in order.
    """

    cut_holds: tuple[Hold, ...]
    n_elsewhere: int
    after: tuple[float, ...]


def truth_of(clip: TurnClip, clip_s: float) -> TurnTruth:
    """Pauses shorter or longer than eot-bench scores are left out."""
    holds = [
        Hold(pause.start_s, pause.end_s, is_inserted)
        for pause, is_inserted in zip(clip.pauses, clip.is_inserted, strict=True)
    ]
    scored = tuple(h for h in holds if SHORTEST_HOLD_S <= h.seconds <= LONGEST_HOLD_S)
    return TurnTruth(clip.language, scored, clip.end_s, clip.stop_s, clip_s)


def judged(truth: TurnTruth, decisions: Iterable[float]) -> Judged:
    """Every decision belongs to a hold, to the end, or to neither."""
    cut: list[Hold] = []
    after: list[float] = []
    n_elsewhere = 0
    for at_s in sorted(decisions):
        hold = next((hold for hold in truth.holds if hold.has(at_s)), None)
        if truth.is_after(at_s):
            after.append(at_s)
        elif hold is None:
            n_elsewhere += 1
        elif hold not in cut:
            cut.append(hold)
    return Judged(tuple(cut), n_elsewhere, tuple(after))
