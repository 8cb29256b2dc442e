"""What the window is shown: notices that come and go, loading, marks on the plot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from app.dialogue.events import DeviceLost, DeviceReturned, LoadProgress, ModelReady, WorkerStats
from app.dialogue.state import Phase
from app.engine.bounded_queue import QueueStats
from app.engine.clock import StreamTime
from app.messages import notices
from app.session.snapshot import EngineSnapshot
from app.session.snapshot_builder import SnapshotBuilder
from audio_io.aec import NullEchoCanceller
from audio_io.frames import AudioFrame, UserFrame, frozen
from audio_io.virtual_room import VirtualRoom
from model.types import DuplexPrediction, VoicePreset
from tests.fakes.clock import VirtualClock
from tests.fakes.dialogue_desk import READY, DialogueDesk


@dataclass
class StandingCapture:
    """Nothing is heard."""

    mic_dbfs: float = -50.0
    now_s: float = 10.0
    canceller: NullEchoCanceller = field(default_factory=NullEchoCanceller)


class StandingEngine:
    """What the board reads of an engine; time moves when told to."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.time = StreamTime(self.clock)
        self.time.begin()
        self.backend = VirtualRoom()
        self.capture = StandingCapture()
        self.listeners: list[object] = []
        self.tick_listeners: list[object] = []
        self.audio_listeners: list[object] = []

    def queue_stats(self) -> tuple[QueueStats, ...]:
        return (QueueStats("inbox", 3, 5, 0),)


class Desk:
    def __init__(self) -> None:
        self.engine = StandingEngine()
        self.talk = DialogueDesk()
        self.memory = iter(float(mb) for mb in range(100, 1000))
        self.snapshots = SnapshotBuilder(
            self.engine,  # type: ignore[arg-type]
            self.talk.dialogue,
            lambda: 7,
            lambda: next(self.memory),
        )

    def tick(self, seconds: float = 0.05) -> EngineSnapshot:
        self.engine.clock.advance(seconds)
        self.snapshots.on_tick(self.engine.time.now_s())
        return self.snapshots.snapshot

    def keys(self) -> list[str]:
        return [notice.key for notice in self.tick().notices]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_same_key_replaces_and_an_empty_text_removes(desk: Desk) -> None:
    desk.snapshots.notify(notices.device_lost(reason="no microphone"))
    desk.snapshots.notify(notices.model_failed())
    assert desk.keys() == ["device", "model"]
    desk.snapshots.notify(notices.device_returned(name="card"))
    assert desk.tick().notices[0].text == "Sound is back: card."
    desk.snapshots.notify(notices.nothing("device"))
    assert desk.keys() == ["model"]
    assert not desk.snapshots.is_shown("device")


def test_what_needs_no_answer_goes_away_and_what_does_stays(desk: Desk) -> None:
    desk.snapshots.notify(notices.device_returned(name="card"))
    desk.snapshots.notify(notices.warning("restart", "Later."))
    desk.snapshots.notify(notices.microphone_silent())
    desk.snapshots.notify(notices.model_failed())
    desk.tick(5.0)
    assert len(desk.keys()) == 4
    desk.tick(6.0)
    assert desk.keys() == ["silence", "model"]


def test_a_notice_that_comes_again_stays_its_full_time(desk: Desk) -> None:
    desk.snapshots.notify(notices.warning("restart", "Later."))
    desk.tick(9.0)
    desk.snapshots.notify(notices.warning("restart", "Later."))
    desk.tick(9.0)
    assert desk.keys() == ["restart"]


def test_loading_is_shown_until_the_model_is_ready(desk: Desk) -> None:
    desk.snapshots.on_event(LoadProgress("the recogniser", 0.25), 0.0)
    picture = desk.tick()
    assert (picture.loading, picture.loading_fraction) == ("the recogniser", 0.25)
    desk.snapshots.on_event(READY, 0.0)
    desk.talk.do(READY)
    assert desk.tick().loading == ""
    assert isinstance(READY, ModelReady)


def test_the_voice_of_a_model_that_has_just_one_is_told(desk: Desk) -> None:
    voices = [VoicePreset(name.lower(), name, "en", "", "", "", "") for name in ("One", "Two")]
    desk.snapshots.on_event(ModelReady("single", 24_000, tuple(voices[:1]), 0.1), 0.0)
    assert desk.tick().only_voice == "One"
    desk.snapshots.on_event(ModelReady("several", 24_000, tuple(voices), 0.1), 0.0)
    assert desk.tick().only_voice == ""


def test_a_lost_device_is_in_the_picture_until_it_returns(desk: Desk) -> None:
    desk.snapshots.on_event(DeviceLost("microphone", "gone"), 0.0)
    assert desk.tick().is_device_lost
    desk.snapshots.on_event(DeviceReturned("card", 1.0), 0.0)
    assert not desk.tick().is_device_lost


def test_a_new_phase_is_shown_at_once_and_other_news_thirty_times_a_second(desk: Desk) -> None:
    first = desk.tick()
    assert desk.tick(0.001) is first
    desk.talk.do(READY)
    assert desk.tick(0.001).phase is Phase.LISTENING


def test_a_clock_that_was_put_back_does_not_stop_the_pictures(desk: Desk) -> None:
    desk.tick(100.0)
    desk.snapshots.on_tick(1.0)
    assert desk.snapshots.snapshot.now_s == 1.0


def test_health_is_read_and_memory_once_a_second(desk: Desk) -> None:
    desk.snapshots.on_event(WorkerStats(900.0, 1000.0, busy_s=2.0), 0.0)
    first = desk.tick(2.0).diagnostics
    assert first.worker_mb == 900.0
    assert first.real_time_factor == pytest.approx(0.2)
    assert first.queue_depths == {"inbox": 3}
    assert desk.tick(0.5).diagnostics.resident_mb == first.resident_mb
    assert desk.tick(0.6).diagnostics.resident_mb > first.resident_mb


def test_decisions_are_marks_on_the_plot_for_a_minute(desk: Desk) -> None:
    why = {"p_interruption": 0.9, "in.words": 3}
    desk.talk.timeline.record("interrupted", 1.0, reason="a voice", cause="prediction", why=why)
    desk.talk.timeline.record("ducked", 1.5, generation=1)
    desk.talk.timeline.record("text_delta", 1.0, text="no mark")
    cut, ducked = desk.tick(2.0).marks
    assert (cut.what, cut.cause, cut.reason) == ("interrupted", "prediction", "a voice")
    assert cut.numbers == (("p_interruption", 0.9), ("in.words", 3.0))
    assert (ducked.what, ducked.numbers) == ("ducked", ())
    assert desk.tick(60.0).marks == ()


@pytest.mark.parametrize(
    ("far_dbfs", "p_speech", "echo_dbfs"),
    [(-20.0, 0.1, -55.0), (-20.0, 0.9, -120.0), (-90.0, 0.1, -120.0)],
    ids=["echo", "a voice covers it", "nothing plays"],
)
def test_what_is_left_of_the_echo_is_traced(
    desk: Desk, far_dbfs: float, p_speech: float, echo_dbfs: float
) -> None:
    frame = AudioFrame(frozen(np.zeros(160, dtype=np.float32)), 0)
    audio = UserFrame(frame, p_speech, p_speech > 0.5, -55.0, frame, far_dbfs)
    desk.snapshots.on_audio(audio)
    (point,) = desk.tick(1.0).trace
    assert (point.echo_dbfs, point.p_speech) == (echo_dbfs, p_speech)


def test_all_probabilities_are_traced(desk: Desk) -> None:
    frame = AudioFrame(frozen(np.zeros(160, dtype=np.float32)), 0)
    desk.snapshots.on_audio(UserFrame(frame, 0.9, True, -30.0, frame, -20.0))
    desk.talk.now_s = 1.0
    desk.talk.do(DuplexPrediction(0.95, 0.1, 0.2, 0.3, 0.4, 0.5))
    (point,) = desk.tick(1.0).trace
    traced = (point.p_end_of_turn, point.p_interruption, point.p_backchannel, point.p_noise)
    assert traced == (0.1, 0.3, 0.4, 0.5)
