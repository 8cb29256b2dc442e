"""Lines are said when their cue comes, and not before."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.dialogue.events import ModelReady, PlaybackEnded, PlaybackStarted
from app.dialogue.state import DialogueState, Phase
from app.scenes.scene_file import Cue, EndPlan, Label, RoomPlan, Scene, Utterance
from app.scenes.user_script import Line, UserSimulator
from audio_io.events import PlayoutReport
from audio_io.frames import ENGINE_RATE_HZ, Samples

RESTING = DialogueState(phase=Phase.LISTENING)
SPEAKING = DialogueState(phase=Phase.SPEAKING)
LINE_S = 1.0


class Theatre:
    """A director with a room that notes when something is said."""

    def __init__(self, *users: Utterance, after_silence_s: float = 3.0) -> None:
        scene = Scene("x", Path("x.toml"), RoomPlan(), users, EndPlan(after_silence_s, 60.0))
        silence: Samples = np.zeros(round(LINE_S * ENGINE_RATE_HZ), dtype=np.float32)
        lines = tuple(Line(user, silence, 0.0, LINE_S) for user in users)
        self.director = UserSimulator(scene, lines, self._say, self._ignore)
        self.said: list[float] = []

    def _say(self, samples: Samples, at_s: float) -> tuple[float, float]:
        self.said.append(round(at_s, 2))
        return at_s, at_s + len(samples) / ENGINE_RATE_HZ

    def _ignore(self, *_: object, **__: object) -> None:
        pass

    def ready(self) -> None:
        self.director.on_event(ModelReady("x", 24_000, (), 0.1), 0.0)

    def starts(self, at_s: float) -> None:
        self.director.on_event(PlaybackStarted(1, at_s), at_s)

    def ends(self, at_s: float) -> None:
        report = PlayoutReport(1, 100, 5, False, False, at_s)
        self.director.on_event(PlaybackEnded(report, at_s), at_s)


def user(label: Label, **when: object) -> Utterance:
    return Utterance(label=label, text="x", **when)  # pyright: ignore[reportArgumentType]


QUESTION = user(Label.QUESTION, at_s=1.0)


def test_a_line_waits_for_the_model_and_for_its_time() -> None:
    theatre = Theatre(QUESTION)
    theatre.director.on_tick(0.0, RESTING)
    assert theatre.said == []
    theatre.ready()
    theatre.director.on_tick(0.1, RESTING)
    assert theatre.said == [1.0]


def test_a_line_follows_the_reply_to_the_line_before_it() -> None:
    theatre = Theatre(QUESTION, user(Label.INTERRUPTION, after=Cue.ASSISTANT_STARTED, delay_s=1.5))
    theatre.ready()
    theatre.director.on_tick(0.1, RESTING)
    theatre.director.on_tick(2.5, RESTING)
    assert theatre.said == [1.0]
    theatre.starts(3.0)
    theatre.director.on_tick(3.0, SPEAKING)
    assert theatre.said == [1.0, 4.5]


def test_the_end_of_a_reply_that_a_line_cut_is_no_cue() -> None:
    theatre = Theatre(
        QUESTION,
        user(Label.INTERRUPTION, after=Cue.ASSISTANT_STARTED, delay_s=1.0),
        user(Label.QUESTION, after=Cue.ASSISTANT_ENDED, delay_s=1.0),
    )
    theatre.ready()
    theatre.director.on_tick(0.1, RESTING)
    theatre.starts(3.0)
    theatre.director.on_tick(3.0, SPEAKING)  # interrupts from 4.0 to 5.0
    theatre.ends(4.3)
    theatre.director.on_tick(5.2, RESTING)
    assert len(theatre.said) == 2
    theatre.ends(8.0)
    theatre.director.on_tick(8.0, RESTING)
    assert theatre.said[2] == 9.0


def test_a_reply_that_ends_during_a_noise_is_a_cue_for_the_next_line() -> None:
    theatre = Theatre(
        QUESTION,
        user(Label.NOISE, after=Cue.ASSISTANT_STARTED, delay_s=1.0),
        user(Label.QUESTION, after=Cue.ASSISTANT_ENDED, delay_s=0.2),
    )
    theatre.ready()
    theatre.director.on_tick(0.1, RESTING)
    theatre.starts(3.0)
    theatre.director.on_tick(3.0, SPEAKING)  # the noise lasts from 4.0 to 5.0
    theatre.ends(4.5)
    theatre.director.on_tick(4.6, RESTING)
    assert theatre.said[2] == 5.0, "but not before the noise is over"


def test_the_scene_ends_after_silence_but_not_while_a_line_is_to_come() -> None:
    theatre = Theatre(user(Label.QUESTION, at_s=5.0), after_silence_s=1.0)
    theatre.director.on_tick(3.0, RESTING)
    assert not theatre.director.is_over
    theatre.ready()
    theatre.director.on_tick(4.0, RESTING)
    theatre.director.on_tick(5.9, RESTING)
    theatre.director.on_tick(6.1, RESTING)
    assert not theatre.director.is_over
    theatre.director.on_tick(7.2, RESTING)
    assert theatre.director.is_over


def test_a_line_whose_cue_never_comes_is_said_when_patience_ends() -> None:
    follower = user(Label.QUESTION, after=Cue.ASSISTANT_ENDED, delay_s=1.0, patience_s=5.0)
    theatre = Theatre(QUESTION, follower, after_silence_s=20.0)
    theatre.ready()
    for at_s in (0.1, 1.99, 6.9):
        theatre.director.on_tick(at_s, RESTING)
    assert theatre.said == [1.0]
    theatre.director.on_tick(7.0, RESTING)
    assert theatre.said == [1.0, 7.02]


def test_patience_does_not_run_while_the_assistant_speaks() -> None:
    follower = user(Label.QUESTION, after=Cue.ASSISTANT_ENDED, delay_s=1.0, patience_s=5.0)
    theatre = Theatre(QUESTION, follower, after_silence_s=20.0)
    theatre.ready()
    theatre.director.on_tick(0.1, RESTING)
    for at_s in range(2, 30):
        theatre.director.on_tick(float(at_s), SPEAKING)
    assert theatre.said == [1.0]
