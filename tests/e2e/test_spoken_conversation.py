"""The embedded default holds a conversation in virtual time, and what it says can be understood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.main import scene_factories
from app.scenes.run import SceneOptions, SceneResult, run_scene
from app.scenes.scene_file import read_scene
from audio_io.frames import Samples
from model.store.packages import WeightStore
from tests.fakes.embedded import RATE_HZ, word_error_rate

# The voice is clear and the recogniser good: more than one word in five wrong is not understood.
_MOST_ERRORS = 0.2

QUESTION = """
[[user]]
text = "What is the capital of France?"
at_s = 1.0
label = "question"

[end]
after_silence_s = 3.0
at_most_s = 40.0
"""
INTERRUPTED = """
[room]
echo_db = -20.0

[[user]]
text = "Please tell me a long story about a dragon and a princess."
at_s = 1.0
label = "question"

[[user]]
text = "Actually, tell me what the biggest planet is."
after = "assistant_speech_started"
delay_s = 2.0
label = "interruption"

[end]
after_silence_s = 3.0
at_most_s = 60.0
"""


def play(text: str, folder: Path) -> SceneResult:
    path = folder / "scene.toml"
    path.write_text(text, encoding="utf-8")
    settings, parts = scene_factories("")
    return run_scene(read_scene(path), parts, settings, SceneOptions(is_virtual_time=True))


def spoken_between(result: SceneResult, begin_s: float, end_s: float) -> Samples:
    return result.run.loudspeaker[int(begin_s * RATE_HZ) : int(end_s * RATE_HZ)]


def entries(result: SceneResult, event: str) -> list[dict[str, object]]:
    return [dict(entry) for entry in result.run.timeline if entry["event"] == event]


def seconds(entry: dict[str, object]) -> float:
    at_s = entry["t_s"]
    assert isinstance(at_s, float)
    return at_s


@pytest.fixture(scope="module")
def question(
    embedded_default: WeightStore, tmp_path_factory: pytest.TempPathFactory
) -> SceneResult:
    return play(QUESTION, tmp_path_factory.mktemp("question"))


@pytest.fixture(scope="module")
def interrupted(
    embedded_default: WeightStore, tmp_path_factory: pytest.TempPathFactory
) -> SceneResult:
    return play(INTERRUPTED, tmp_path_factory.mktemp("interrupted"))


def test_a_question_is_understood_and_answered(question: SceneResult) -> None:
    (turn,) = question.score.turns
    assert turn.did == "answered"
    assert word_error_rate("what is the capital of france", turn.transcript) <= _MOST_ERRORS
    assert "paris" in turn.heard_text.lower()


def test_the_answer_can_be_read_back_from_the_loudspeaker(
    question: SceneResult, read_back: Callable[[Samples], str]
) -> None:
    (started,) = entries(question, "assistant_speech_started")
    (ended,) = entries(question, "assistant_speech_ended")
    heard = read_back(spoken_between(question, seconds(started), seconds(ended) + 0.1))
    assert word_error_rate(str(ended["heard_text"]), heard) <= _MOST_ERRORS


def test_an_interruption_stops_the_answer_and_gets_its_own(interrupted: SceneResult) -> None:
    turn = interrupted.score.turns[1]
    assert turn.did == "stopped_and_answered"
    assert turn.stop_latency_ms is not None
    assert turn.stop_latency_ms < 1000.0
    first, second = entries(interrupted, "assistant_speech_ended")
    assert first["was_cut"]
    assert not second["was_cut"]
    next_reply = entries(interrupted, "assistant_speech_started")[1]
    quiet = spoken_between(interrupted, seconds(first) + 0.1, seconds(next_reply) - 0.05)
    assert float(np.max(np.abs(quiet))) < 0.002


def test_of_an_interrupted_answer_no_more_is_kept_than_was_heard(
    interrupted: SceneResult, read_back: Callable[[Samples], str]
) -> None:
    started = entries(interrupted, "assistant_speech_started")[0]
    ended = entries(interrupted, "assistant_speech_ended")[0]
    said = str(ended["heard_text"])
    full = str(ended["full_text"])
    assert full.startswith(said.rstrip("."))
    assert len(said) < len(full)
    heard = read_back(spoken_between(interrupted, seconds(started), seconds(ended) + 0.1))
    n_said, n_heard = len(said.split()), len(heard.split())
    assert abs(n_said - n_heard) <= 2  # the word that was cut may be read as another or as none
