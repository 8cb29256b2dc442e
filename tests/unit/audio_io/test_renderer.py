from __future__ import annotations

import numpy as np
import pytest

from audio_io.renderer import OutputRenderer
from tests.fakes.audio import tone

RATE = 24_000
BLOCK = 240


def _render(renderer: OutputRenderer, n_blocks: int) -> np.ndarray:
    blocks = []
    for _ in range(n_blocks):
        out = np.empty(BLOCK, dtype=np.float32)
        renderer.render(out)
        blocks.append(out)
    return np.concatenate(blocks)


def _fed(seconds: float = 0.35) -> OutputRenderer:
    renderer = OutputRenderer(RATE)
    renderer.ring.write(np.ones(round(seconds * RATE), dtype=np.float32))
    return renderer


def test_a_hold_consumes_no_sample_that_nobody_hears() -> None:
    renderer = _fed()
    _render(renderer, 2)
    renderer.hold(ramp_ms=15.0)
    faded = _render(renderer, 4)
    assert renderer.is_silent
    assert renderer.ring.n_read == 2 * BLOCK + 360
    assert np.all(np.diff(faded[:360]) <= 0.0)
    assert np.all(faded[360:] == 0.0)


def test_what_was_held_goes_on_where_it_stopped() -> None:
    renderer = OutputRenderer(RATE)
    renderer.ring.write(np.arange(1, 4801, dtype=np.float32))
    _render(renderer, 1)
    renderer.hold(10.0)
    _render(renderer, 5)
    position = renderer.ring.n_read
    renderer.release(1.0, 0.0)
    assert _render(renderer, 2)[-1] == position + 2 * BLOCK


def test_a_gain_ramp_has_no_step() -> None:
    renderer = OutputRenderer(RATE)
    renderer.ring.write(tone(0.35, RATE, hz=200.0, peak=0.5))
    renderer.ramp_to(0.1, 20.0)
    sound = _render(renderer, 20)
    steepest = 0.5 * 2 * np.pi * 200.0 / RATE
    assert np.max(np.abs(np.diff(sound))) < 1.2 * steepest


def test_flushed_samples_are_not_played() -> None:
    renderer = _fed()
    renderer.flush()
    renderer.ring.write(np.full(BLOCK, 0.5, dtype=np.float32))
    assert np.all(_render(renderer, 1) == 0.5)


def test_the_copy_for_the_canceller_is_what_the_device_got() -> None:
    renderer = _fed(0.02)
    renderer.ramp_to(0.5, 5.0)
    sound = _render(renderer, 4)
    assert np.array_equal(renderer.far_ring.read(4 * BLOCK), sound)


def test_an_empty_ring_is_a_starvation_only_while_a_reply_runs() -> None:
    renderer = OutputRenderer(RATE)
    _render(renderer, 3)
    assert renderer.n_starvations == 0
    renderer.expect(True)
    _render(renderer, 3)
    assert renderer.n_starvations == 1


@pytest.mark.parametrize("latency_ms", [0, 25, 60])
def test_position_heard_lags_by_the_latency_and_never_runs_ahead(latency_ms: int) -> None:
    renderer = _fed()
    latency = RATE * latency_ms // 1000
    for n_blocks in range(1, 21):
        _render(renderer, 1)
        heard = renderer.position_heard(latency)
        assert heard == max(0, n_blocks * BLOCK - latency)


def test_rendered_at_finds_the_device_sample_of_a_ring_position() -> None:
    renderer = OutputRenderer(RATE)
    _render(renderer, 3)
    renderer.ring.write(np.ones(1000, dtype=np.float32))
    _render(renderer, 2)
    assert renderer.rendered_at(0) == 3 * BLOCK
    assert renderer.rendered_at(250) == 3 * BLOCK + 250
    assert renderer.rendered_at(900) is None
