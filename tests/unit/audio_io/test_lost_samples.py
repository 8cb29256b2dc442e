"""What a stream lost is found from the times of its blocks, and lateness is no loss."""

from __future__ import annotations

import numpy as np
import pytest

from audio_io.lost_samples import LostSamples

RATE_HZ = 48_000
BLOCK = 960  # 20 ms
BLOCK_S = 0.02


class Stream:
    """Blocks of a device; ``late_s`` is how long after its time a callback comes."""

    def __init__(self, *, has_stamps: bool, jitter_s: float = 0.0) -> None:
        self.lost = LostSamples(RATE_HZ)
        self.now_s = 100.0
        self.n_lost = 0
        self._has_stamps = has_stamps
        self._jitter_s = jitter_s
        self._rng = np.random.default_rng(2)

    def run(self, n_blocks: int, late_s: float = 0.0, *, is_doubtful: bool = False) -> None:
        for _ in range(n_blocks):
            self.now_s += BLOCK_S
            jitter_s = self._jitter_s * float(self._rng.random())
            self.n_lost += self.lost.take(
                BLOCK,
                clock_s=self.now_s + late_s + jitter_s,
                stamp_s=self.now_s if self._has_stamps else 0.0,
                is_doubtful=is_doubtful,
            )
            is_doubtful = False

    def lose(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.parametrize("has_stamps", [True, False])
@pytest.mark.parametrize("lost_ms", [10, 40, 120, 1000])
def test_a_loss_that_the_system_reports_is_measured(has_stamps: bool, lost_ms: int) -> None:
    stream = Stream(has_stamps=has_stamps, jitter_s=0.004)
    stream.run(100)
    stream.lose(lost_ms / 1000.0)
    stream.run(40, is_doubtful=True)
    assert stream.n_lost == pytest.approx(RATE_HZ * lost_ms / 1000.0, abs=0.004 * RATE_HZ)


@pytest.mark.parametrize("has_stamps", [True, False])
def test_a_late_callback_has_lost_nothing(has_stamps: bool) -> None:
    stream = Stream(has_stamps=has_stamps, jitter_s=0.004)
    stream.run(100)
    stream.run(3, late_s=0.08, is_doubtful=True)
    stream.run(40)
    assert stream.n_lost == 0


def test_losses_one_after_the_other_add_up() -> None:
    stream = Stream(has_stamps=True)
    stream.run(100)
    for _ in range(3):
        stream.lose(0.04)
        stream.run(20, is_doubtful=True)
    assert stream.n_lost == 3 * round(0.04 * RATE_HZ)


def test_a_device_whose_times_stand_still_is_judged_by_the_clock() -> None:
    stream = Stream(has_stamps=False)
    stream.run(100)
    stream.lose(0.1)
    stream.run(40, is_doubtful=True)
    assert stream.n_lost == round(0.1 * RATE_HZ)


def test_drift_is_no_loss() -> None:
    stream = Stream(has_stamps=True)
    for _ in range(50):
        stream.run(50, is_doubtful=True)
        stream.lose(80e-6)  # 80 ppm in each second
    assert stream.n_lost == 0


def test_a_machine_that_slept_has_nothing_to_make_up_for() -> None:
    stream = Stream(has_stamps=True)
    stream.run(100)
    stream.lose(3600.0)
    stream.run(100, is_doubtful=True)
    assert stream.n_lost == 0
    stream.lose(0.04)
    stream.run(40, is_doubtful=True)
    assert stream.n_lost == round(0.04 * RATE_HZ), "it goes on from there"
