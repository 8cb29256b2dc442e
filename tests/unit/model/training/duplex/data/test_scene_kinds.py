from __future__ import annotations

import numpy as np
import pytest

from model.duplex.outcomes import NOT_SCORED, OVERLAP, USER_FLOOR, Outcome
from model.training.duplex.data.conversation_scenes import LISTENING_S, SCENE_KINDS, make_scene
from model.training.duplex.data.scene import Scene, Truth, truth_of
from tests.fakes.duplex_scenes import tone_context

CONTEXT = tone_context()


def truth(scene: Scene) -> Truth:
    return truth_of(scene, len(scene.microphone) // 1280)


def made(kind: str, seed: int = 1) -> Scene:
    return make_scene(kind, CONTEXT, "en", np.random.default_rng(seed))


@pytest.mark.parametrize("kind", SCENE_KINDS)
def test_every_kind_gives_sound_and_outcomes_of_its_regime(kind: str) -> None:
    scene = made(kind)
    told = truth(scene)
    scored = told.outcomes != NOT_SCORED
    assert scored.any()
    assert set(told.outcomes[scored & told.is_overlap]) <= set(OVERLAP)
    assert set(told.outcomes[scored & ~told.is_overlap]) <= set(USER_FLOOR)
    assert len(scene.microphone) == len(scene.loudspeaker)
    assert np.isfinite(scene.microphone).all()
    assert float(np.abs(scene.microphone).max()) <= 1.0
    assert float(np.abs(scene.microphone).max()) > 0.0


@pytest.mark.parametrize("kind", SCENE_KINDS)
def test_the_same_chance_gives_the_same_scene(kind: str) -> None:
    first, second = made(kind, 7), made(kind, 7)
    assert np.array_equal(first.microphone, second.microphone)
    assert np.array_equal(first.loudspeaker, second.loudspeaker)
    assert first.labels == second.labels


def test_a_finished_turn_is_over_and_a_broken_one_is_not() -> None:
    assert Outcome.END_OF_TURN in truth(made("paused_turn")).outcomes
    told = truth(made("truncated_turn", 3))
    assert Outcome.END_OF_TURN not in told.outcomes
    assert Outcome.HOLD in told.outcomes


def test_the_pauses_of_a_turn_belong_to_it() -> None:
    """From the first sound to the last, without a gap."""
    told = truth(made("dictating_turn", 4))
    steps = np.flatnonzero(told.outcomes == Outcome.HOLD)
    assert np.array_equal(steps, np.arange(steps[0], steps[-1] + 1))
    end = np.flatnonzero(told.outcomes == Outcome.END_OF_TURN)
    assert end[0] == steps[-1] + 1
    assert len(end) == pytest.approx(LISTENING_S / 0.08, abs=1.0)


def test_echo_alone_is_never_anything_but_noise() -> None:
    told = truth(made("echo_only"))
    assert set(told.outcomes[told.is_overlap]) == {Outcome.NOISE}


def test_a_backchannel_is_no_interruption() -> None:
    found = set(truth(made("backchannel")).outcomes) - {NOT_SCORED}
    assert found == {Outcome.NOISE, Outcome.BACKCHANNEL}


def test_yes_but_turns_into_an_interruption() -> None:
    told = truth(made("acknowledged_demand", 2))
    acknowledged = np.flatnonzero(told.outcomes == Outcome.BACKCHANNEL)
    demanded = np.flatnonzero(told.outcomes == Outcome.INTERRUPTION)
    assert len(acknowledged)
    assert len(demanded)
    assert acknowledged[-1] < demanded[0]


def test_an_interruption_that_is_let_through_ends_as_a_turn() -> None:
    told = truth(made("yielded", 5))
    interrupted = np.flatnonzero(told.outcomes == Outcome.INTERRUPTION)
    assert told.is_overlap[interrupted].all()
    assert interrupted[-1] < np.flatnonzero(told.outcomes == Outcome.END_OF_TURN)[0]
