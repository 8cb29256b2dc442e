from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest

from audio_io.events import DeviceLost, DeviceReturned
from audio_io.interfaces import StreamRequest
from audio_io.portaudio import PortAudioBackend
from audio_io.watchdog import DeviceWatchdog
from tests.fakes.audio import FakeCard, FakePortAudio

TICK_S = 0.02


class Machine:
    """A machine with a watchdog, in virtual time."""

    def __init__(self, cards: list[FakeCard], request: StreamRequest | None = None) -> None:
        self.cards = cards
        self.library = FakePortAudio(cards)
        self.backend = PortAudioBackend(self.library, self.library.clock)
        request = request or StreamRequest()
        self.backend.open(request)
        self.backend.start()
        self.watchdog = DeviceWatchdog(self.backend, request)
        self.events: list[DeviceLost | DeviceReturned] = []
        self._next_s = 0.0

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.library.elapse(TICK_S)
            if self.library.now_s >= self._next_s:
                report = self.watchdog.step(self.library.now_s)
                self.events += report.events
                self._next_s = self.library.now_s + report.wait_s

    def is_audible(self) -> bool:
        self.backend.mic_ring.drop_until(self.backend.mic_ring.n_written)
        before = self.backend.mic_ring.n_written
        n_out = self.backend.renderer.n_rendered
        self.library.elapse(0.04)
        return self.backend.mic_ring.n_written > before and self.backend.renderer.n_rendered > n_out


@pytest.mark.parametrize("finishes", [True, False])
def test_an_unplugged_device_is_reported_and_comes_back(finishes: bool) -> None:
    card = FakeCard("headset", 1, 2)
    machine = Machine([card])
    machine.run(1.0)
    machine.library.unplug(card, finishes=finishes)
    machine.run(5.0)
    assert [type(event) for event in machine.events] == [DeviceLost]
    card.is_plugged = True
    machine.run(2.0)
    returned = machine.events[1]
    assert isinstance(returned, DeviceReturned)
    assert 5.0 <= returned.gap_s <= 7.1
    assert machine.is_audible()


def test_a_named_device_that_is_gone_gives_way_to_the_default() -> None:
    usb = FakeCard("USB headset", 1, 2)
    machine = Machine(
        [FakeCard("built in", 2, 2), usb], StreamRequest("USB headset", "USB headset")
    )
    machine.run(0.5)
    machine.library.unplug(usb, finishes=True)
    machine.run(2.0)
    assert isinstance(machine.events[-1], DeviceReturned)
    assert "built in" in machine.events[-1].name
    assert machine.is_audible()


def test_only_the_missing_half_gives_way() -> None:
    usb = FakeCard("USB microphone", 1, 0)
    built_in = FakeCard("built in", 2, 2)
    machine = Machine(
        [built_in, usb, FakeCard("HDMI", 0, 2)], StreamRequest("USB microphone", "HDMI")
    )
    machine.library.unplug(usb, finishes=True)
    machine.run(2.0)
    assert machine.events[-1].name == "built in / HDMI"


def test_all_is_well_without_events() -> None:
    machine = Machine([FakeCard("card", 1, 2)])
    machine.run(5.0)
    assert machine.events == []


def test_sound_survives_500_random_events() -> None:
    rng = np.random.default_rng(2026)
    cards = [FakeCard("built in", 2, 2), FakeCard("USB", 1, 2), FakeCard("HDMI", 0, 2)]
    machine = Machine(cards, StreamRequest("USB", None))
    n_threads = threading.active_count()
    for _ in range(500):
        card = cards[int(rng.integers(len(cards)))]
        match int(rng.integers(5)):
            case 0:
                machine.library.unplug(card, finishes=bool(rng.integers(2)))
            case 1:
                card.is_plugged = True
            case 2:
                card.is_stalled = not card.is_stalled
            case 3:
                machine.library.is_server_down = not machine.library.is_server_down
            case 4:
                card.rates_hz = ((16_000, 48_000), (44_100,), ())[int(rng.integers(3))]
        machine.run(float(rng.uniform(0.02, 1.5)))
        if rng.random() < 0.2:
            machine.library.is_server_down = False
            for each in cards:
                each.is_plugged, each.is_stalled, each.rates_hz = True, False, (16_000, 48_000)
            machine.run(2.0)
            assert machine.is_audible()
    assert sum(isinstance(event, DeviceLost) for event in machine.events) > 20
    assert threading.active_count() == n_threads
    losses = [type(event) for event in machine.events]
    assert all(a is not b for a, b in pairwise(losses))


def begin(cards: list[FakeCard], request: StreamRequest | None = None) -> Machine:
    """A machine whose streams nobody has opened yet."""
    machine = Machine.__new__(Machine)
    machine.cards = cards
    machine.library = FakePortAudio(cards)
    machine.backend = PortAudioBackend(machine.library, machine.library.clock)
    machine.watchdog = DeviceWatchdog(machine.backend, request or StreamRequest())
    machine.events = []
    report = machine.watchdog.begin(machine.library.now_s)
    machine.events += report.events
    machine._next_s = machine.library.now_s + report.wait_s
    return machine


def test_the_first_opening_is_no_return() -> None:
    machine = begin([FakeCard("card", 1, 2)])
    assert machine.events == []
    assert machine.watchdog.lost_at_s is None
    assert machine.is_audible()


def test_a_machine_without_devices_says_why_and_gets_sound_when_one_comes() -> None:
    card = FakeCard("headset", 1, 2, is_plugged=False)
    machine = begin([card])
    (lost,) = machine.events
    assert isinstance(lost, DeviceLost)
    assert "microphone" in lost.message
    card.is_plugged = True
    machine.run(2.0)
    assert isinstance(machine.events[-1], DeviceReturned)
    assert machine.is_audible()


def test_a_named_device_that_is_missing_at_the_start_gives_way_at_once() -> None:
    machine = begin([FakeCard("built in", 1, 2)], StreamRequest("USB headset", None))
    assert machine.events == []
    assert machine.backend.format.input_name == "built in"


def test_other_devices_are_opened_at_the_next_step_and_are_no_loss() -> None:
    machine = begin([FakeCard("built in", 1, 2), FakeCard("USB", 1, 2)])
    machine.watchdog.change(StreamRequest("USB", "USB"))
    report = machine.watchdog.step(machine.library.now_s)
    assert report.has_opened
    assert report.events == ()
    assert machine.backend.format.input_name == "USB"


def test_who_asks_while_there_is_nothing_is_told_again() -> None:
    machine = begin([FakeCard("headset", 1, 2, is_plugged=False)])
    machine.watchdog.change(StreamRequest())
    report = machine.watchdog.step(machine.library.now_s)
    assert [type(event) for event in report.events] == [DeviceLost]
    assert not report.has_opened


def xruns(machine: Machine, n: int) -> None:
    """Let the card report so many lost blocks, half a second apart."""
    for _ in range(n):
        for stream in machine.library.streams:
            stream.status = 4
        machine.run(TICK_S)
        for stream in machine.library.streams:
            stream.status = 0
        machine.run(0.5)


def test_a_card_that_keeps_losing_sound_gets_a_longer_buffer_and_the_latency_says_so() -> None:
    machine = begin([FakeCard("card", 1, 2)])
    before_s = machine.backend.format.output_latency_s
    xruns(machine, 3)
    assert machine.backend.format.output_latency_s > before_s
    assert machine.events == [], "nobody has to know"
    assert machine.is_audible()
    xruns(machine, 60)
    assert machine.backend.format.output_latency_s <= 0.26 + 1e-9


def test_one_lost_block_reopens_nothing() -> None:
    machine = begin([FakeCard("card", 1, 2)])
    streams = list(machine.library.streams)
    xruns(machine, 1)
    machine.run(20.0)
    assert machine.library.streams == streams


def test_after_minutes_of_peace_the_buffer_is_short_again_but_not_within_a_reply() -> None:
    machine = begin([FakeCard("card", 1, 2)])
    before_s = machine.backend.format.output_latency_s
    xruns(machine, 3)
    grown_s = machine.backend.format.output_latency_s
    machine.backend.renderer.expect(True)
    machine.run(200.0)
    assert machine.backend.format.output_latency_s == grown_s
    machine.backend.renderer.expect(False)
    machine.run(1.0)
    assert machine.backend.format.output_latency_s == before_s


def test_other_settings_begin_at_their_own_latency() -> None:
    machine = begin([FakeCard("card", 1, 2)])
    xruns(machine, 3)
    machine.watchdog.change(StreamRequest(latency_ms=100.0))
    machine.run(1.0)
    assert machine.backend.format.output_latency_s == pytest.approx(0.12)
