"""The conversations of the embedded default, held with a tiny VITA-Audio in virtual time.

What it says is noise; when it speaks, yields and what is remembered is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.virtual_time import VirtualTimeWorker
from app.scenes.run import SceneOptions, SceneResult, run_scene
from app.scenes.scene_file import Cue, EndPlan, Label, RoomPlan, Scene, Utterance
from app.settings.settings import Settings
from model.worker.worker import InlineWorker
from tests.fakes.parts import fake_parts

pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from tests.fakes.vita_audio import LoudWords, tiny_vita_audio
from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model

Play = Callable[..., SceneResult]


# Their noise is long enough to be interrupted, whatever the schedule.
_SEEDS = {"plain": 9, "plus": 3}
_WORDS = ("more coffee",) * 40  # a turn that could be over, or an interruption, at any time


@pytest.fixture(scope="module", params=list(_SEEDS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("vita")
    return write_tiny_model(root, plus=request.param == "plus", seed=_SEEDS[request.param])


@pytest.fixture
def play(folder: Path) -> Play:
    def run(*users: Utterance, schedule: str = "auto", most_tokens: int = 200) -> SceneResult:
        def inline(settings: Settings) -> VirtualTimeWorker:
            del settings
            model = tiny_vita_audio(
                folder, LoudWords(_WORDS), schedule=schedule, most_tokens=most_tokens
            )
            return InlineWorker(model)

        scene = Scene("test", Path("scene.toml"), RoomPlan(), users, EndPlan(2.5, 40.0))
        parts = replace(fake_parts(), inline_worker=inline)
        return run_scene(scene, parts, Settings(), SceneOptions(is_virtual_time=True))

    return run


def ask(at_s: float = 1.0) -> Utterance:
    return Utterance(Label.QUESTION, text="what is the weather like today in the north", at_s=at_s)


def events(result: SceneResult, name: str) -> list[dict[str, object]]:
    return [dict(entry) for entry in result.run.timeline if entry["event"] == name]


@pytest.mark.parametrize("schedule", ["auto", "vanilla", "gated boost", "verified turbo"])
def test_a_question_is_answered_aloud(play: Play, schedule: str) -> None:
    result = play(ask(), schedule=schedule)
    (turn,) = result.score.turns
    assert turn.did == "answered"
    assert turn.response_latency_ms is not None
    assert turn.response_latency_ms < 2500.0
    assert events(result, "error") == []


def test_an_interruption_stops_the_reply_and_is_answered(play: Play) -> None:
    cut = Utterance(
        Label.INTERRUPTION,
        text="no wait tell me about something else please",
        after=Cue.ASSISTANT_STARTED,
        delay_s=0.8,
    )
    result = play(ask(), cut, most_tokens=400)
    turn = result.score.turns[1]
    assert turn.did == "stopped_and_answered"
    assert turn.stop_latency_ms is not None
    assert turn.stop_latency_ms < 900.0
    first, second = events(result, "assistant_speech_ended")[:2]
    assert first["was_cut"]
    assert len(str(first["heard_text"])) < len(str(first["full_text"]))
    assert not second["was_cut"]


def test_what_was_said_is_kept_as_text_on_both_sides(play: Play) -> None:
    result = play(ask())
    assert [entry["text"] for entry in events(result, "transcript_final") if entry["text"]]
    (ended,) = events(result, "assistant_speech_ended")
    assert ended["heard_text"]
