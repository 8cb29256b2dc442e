"""Where the time of an answer goes; the spans and the rest always add up."""

from __future__ import annotations

import pytest

from app.dialogue.latency import AnswerTimes, LatencyMeter, LatencySpans


def answered(decided_s: float = 1.3, first_chunk_s: float = 1.9) -> LatencySpans:
    meter = LatencyMeter()
    meter.answer = AnswerTimes(speech_ended_at_s=1.0)
    meter.answer.asked_at_s = 1.2
    meter.answer.words_s = 0.25
    order = sorted([("decided", decided_s), ("chunk", first_chunk_s)], key=lambda pair: pair[1])
    for what, at_s in order:
        if what == "decided":
            meter.answer.decided_at_s = at_s
        else:
            meter.first_chunk(at_s, {"first_clause": 0.3, "synthesis": 0.05})
    spans = meter.playback_started(2.1)
    assert spans is not None
    return spans


def total(spans: LatencySpans) -> float:
    parts = (
        spans.decide_ms, spans.words_ms, spans.think_ms, spans.voice_ms, spans.device_ms,
        spans.residual_ms,
    )  # fmt: skip
    return sum(part for part in parts if part is not None)


@pytest.mark.parametrize(("decided_s", "first_chunk_s"), [(1.3, 1.9), (2.0, 1.8), (1.3, 1.21)])
def test_the_spans_add_up_to_the_answer(decided_s: float, first_chunk_s: float) -> None:
    spans = answered(decided_s, first_chunk_s)
    assert spans.answer_ms == pytest.approx(1100.0)
    assert total(spans) == pytest.approx(1100.0)


def test_each_span_is_what_its_stage_took() -> None:
    spans = answered()
    assert spans.decide_ms == pytest.approx(200.0)
    assert spans.words_ms == pytest.approx(250.0)
    assert spans.think_ms == pytest.approx(300.0)
    assert spans.voice_ms == pytest.approx(50.0)
    assert spans.device_ms == pytest.approx(200.0)
    assert spans.residual_ms == pytest.approx(100.0)


def test_waiting_for_the_decision_with_a_reply_in_hand_counts_as_deciding() -> None:
    spans = answered(decided_s=2.0, first_chunk_s=1.8)
    assert spans.decide_ms == pytest.approx(400.0)
    assert spans.device_ms == pytest.approx(100.0)


def test_a_reply_that_follows_no_speech_has_no_latency() -> None:
    meter = LatencyMeter()
    meter.answer.decided_at_s = 1.0
    assert meter.playback_started(1.5) is None
    assert meter.last == LatencySpans()


def test_the_next_answer_begins_from_nothing() -> None:
    meter = LatencyMeter()
    meter.answer = AnswerTimes(speech_ended_at_s=1.0)
    meter.playback_started(2.0)
    assert meter.playback_started(3.0) is None


def test_a_stop_is_measured_from_the_onset_to_the_last_sound() -> None:
    meter = LatencyMeter()
    meter.overlap_onset_s = 5.0
    assert meter.playback_cut(5.4) == pytest.approx(400.0)
    assert meter.last.stop_ms == pytest.approx(400.0)
    assert meter.playback_cut(6.0) is None


def test_a_cut_without_a_voice_over_the_reply_is_no_interruption() -> None:
    assert LatencyMeter().playback_cut(5.4) is None
