"""Where the time of an answer goes: spans on the critical path, and what no span explains.

All times are on the microphone's clock; stage times inside the model come with its events. Knows no
threads and no audio.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatencySpans:
    """The last answer, in milliseconds measured at the audio boundary; None where unknown."""

    answer_ms: float | None = None
    decide_ms: float | None = None
    words_ms: float | None = None
    think_ms: float | None = None
    voice_ms: float | None = None
    device_ms: float | None = None
    residual_ms: float | None = None
    stop_ms: float | None = None


@dataclass(slots=True)
class _Answer:
    """Instants of the turn that is being answered, in seconds."""

    speech_ended_s: float | None = None
    asked_s: float | None = None
    transcribed_s: float | None = None
    words_s: float = 0.0
    think_s: float = 0.0
    voice_s: float = 0.0
    first_chunk_s: float | None = None
    decided_s: float | None = None
    released_s: float | None = None


class LatencyMeter:
    """Follows one answer at a time, from the end of speech to the first audible sample."""

    def __init__(self) -> None:
        self._answer = _Answer()
        self._overlap_onset_s: float | None = None
        self.last = LatencySpans()

    def speech_started(self, onset_s: float, *, is_overlap: bool) -> None:
        self._overlap_onset_s = onset_s if is_overlap else None

    def speech_ended(self, offset_s: float) -> None:
        self._answer = _Answer(speech_ended_s=offset_s)

    def words_asked(self, at_s: float) -> None:
        self._answer.asked_s = at_s

    def transcribed(self, at_s: float, compute_s: float) -> None:
        self._answer.transcribed_s = at_s
        self._answer.words_s = compute_s

    def first_chunk(self, at_s: float, spans: dict[str, float]) -> None:
        self._answer.first_chunk_s = at_s
        self._answer.think_s = spans.get("first_clause", 0.0)
        self._answer.voice_s = spans.get("synthesis", 0.0)

    def decided(self, at_s: float) -> None:
        self._answer.decided_s = at_s

    def playback_started(self, at_s: float) -> LatencySpans | None:
        """Closes the answer; None when it did not follow speech (typed, or a preview)."""
        answer, self._answer = self._answer, _Answer()
        if answer.speech_ended_s is None:
            return None
        total_s = at_s - answer.speech_ended_s
        ready = [t for t in (answer.first_chunk_s, answer.decided_s) if t is not None]
        device_s = at_s - max(ready) if ready else 0.0
        decide_s = self._decide_span(answer)
        known_s = decide_s + answer.words_s + answer.think_s + answer.voice_s + device_s
        self.last = LatencySpans(
            answer_ms=1000.0 * total_s,
            decide_ms=1000.0 * decide_s,
            words_ms=1000.0 * answer.words_s,
            think_ms=1000.0 * answer.think_s,
            voice_ms=1000.0 * answer.voice_s,
            device_ms=1000.0 * device_s,
            residual_ms=1000.0 * (total_s - known_s),
            stop_ms=self.last.stop_ms,
        )
        return self.last

    def playback_cut(self, last_audible_s: float) -> float | None:
        """Returns the stop latency in ms when an overlap caused the cut."""
        if self._overlap_onset_s is None:
            return None
        stop_ms = 1000.0 * max(0.0, last_audible_s - self._overlap_onset_s)
        self._overlap_onset_s = None
        spans = self.last
        self.last = LatencySpans(
            spans.answer_ms, spans.decide_ms, spans.words_ms, spans.think_ms, spans.voice_ms,
            spans.device_ms, spans.residual_ms, stop_ms,
        )  # fmt: skip
        return stop_ms

    @staticmethod
    def _decide_span(answer: _Answer) -> float:
        """Noticing the silence, plus waiting for the decision with a reply in hand."""
        if answer.speech_ended_s is None or answer.asked_s is None:
            return 0.0
        notice_s = answer.asked_s - answer.speech_ended_s
        if answer.decided_s is None:
            return notice_s
        ready_s = answer.first_chunk_s if answer.first_chunk_s is not None else answer.decided_s
        return notice_s + max(0.0, answer.decided_s - ready_s)
