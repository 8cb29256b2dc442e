"""Where the time of an answer goes: spans on the critical path, and what no span explains.

All times are seconds on the microphone's clock; stage times inside the model come with its events.
"""

from dataclasses import dataclass, replace


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
class AnswerTimes:
    """Instants (``_at_s``) and stages (``_s``) of the turn that is being answered, in seconds."""

    speech_ended_at_s: float | None = None
    asked_at_s: float | None = None
    decided_at_s: float | None = None
    first_chunk_at_s: float | None = None
    words_s: float = 0.0
    think_s: float = 0.0
    voice_s: float = 0.0


class LatencyMeter:
    """Follows one answer at a time, from the end of speech to the first audible sample.

    Attributes:
        answer: what is known of the present one; whoever sees something happen writes it there.
        overlap_onset_s: where the user began to speak over the reply; None while nobody does.
        last: spans of the last answer, and of the last stop.
    """

    def __init__(self) -> None:
        self.answer = AnswerTimes()
        self.overlap_onset_s: float | None = None
        self.last = LatencySpans()

    def first_chunk(self, at_s: float, spans: dict[str, float]) -> None:
        """Note the first sound of the reply and what the model took for it."""
        self.answer.first_chunk_at_s = at_s
        self.answer.think_s = spans.get("first_clause", 0.0)
        self.answer.voice_s = spans.get("synthesis", 0.0)

    def playback_started(self, at_s: float) -> LatencySpans | None:
        """Close the answer; return None when it did not follow speech (typed, or a preview)."""
        answer, self.answer = self.answer, AnswerTimes()
        if answer.speech_ended_at_s is None:
            return None
        total_s = at_s - answer.speech_ended_at_s
        ready = [t for t in (answer.first_chunk_at_s, answer.decided_at_s) if t is not None]
        device_s = at_s - max(ready) if ready else 0.0
        decide_s = _decide_span(answer, answer.speech_ended_at_s)
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
        """Return the stop latency in ms when an overlap caused the cut, else None."""
        if self.overlap_onset_s is None:
            return None
        stop_ms = 1000.0 * max(0.0, last_audible_s - self.overlap_onset_s)
        self.overlap_onset_s = None
        self.last = replace(self.last, stop_ms=stop_ms)
        return stop_ms


def _decide_span(answer: AnswerTimes, speech_ended_at_s: float) -> float:
    """Noticing the silence, plus waiting for the decision with a reply in hand."""
    if answer.asked_at_s is None:
        return 0.0
    notice_s = answer.asked_at_s - speech_ended_at_s
    if answer.decided_at_s is None or answer.first_chunk_at_s is None:
        return notice_s
    return notice_s + max(0.0, answer.decided_at_s - answer.first_chunk_at_s)
