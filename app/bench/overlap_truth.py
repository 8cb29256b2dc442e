"""What is true of a recorded overlap: who speaks when, and when nobody should stop the assistant.

Knows no detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.bench.event_rules import BEFORE_S
from app.bench.label_file import Span
from app.bench.labels import OverlapScene

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
