"""``parley bench duplex`` from its arguments to its table."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from app.cli.bench import run_bench
from app.engine.factories import Factories
from app.evaluation.turn_taking.detector_bench import DetectorFactories
from app.messages.errors import BadInputError
from app.settings.settings import Settings
from audio_io.frames import ENGINE_RATE_HZ, UserFrame
from model.types import AgentState, DuplexPrediction
from tests.fakes.bench import LevelVad, SubtractingCanceller


class Silent:
    """Never says anything."""

    last_inference_s = 0.0

    def step(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        del user, agent
        return None

    def reset(self) -> None:
        pass


class Bench:
    """Makers that remember being closed."""

    def __init__(self) -> None:
        self.is_closed = False

    def makers(self) -> DetectorFactories:
        return DetectorFactories(
            predictors={"eager": Silent, "balanced": Silent},
            canceller=SubtractingCanceller,
            detector=LevelVad,
            recognizer=None,
            classifier=None,
            close=self._close,
        )

    def _close(self) -> None:
        self.is_closed = True


def no_scenes(model: str) -> tuple[Settings, Factories]:
    raise AssertionError(model)


def arguments(folder: Path, **changes: object) -> argparse.Namespace:
    values: dict[str, object] = {
        "bench": "duplex",
        "dir": folder,
        "mode": None,
        "split": "test",
        "cache": None,
        "honest": False,
        "json": None,
        "markdown": None,
        "command_line": "parley bench duplex DIR",
    }
    return argparse.Namespace(**(values | changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "turns").mkdir()
    rng = np.random.default_rng(3)
    sound = np.concatenate([0.1 * rng.standard_normal(ENGINE_RATE_HZ), np.zeros(ENGINE_RATE_HZ)])
    sf.write(tmp_path / "turns" / "a.flac", sound, ENGINE_RATE_HZ)
    end = {"event": "end_of_turn", "t": 1.0}
    label = {"id": "a", "path": "turns/a.flac", "kind": "x", "lang": "en", "events": [end]}
    (tmp_path / "turns" / "labels.jsonl").write_text(json.dumps(label) + "\n", encoding="utf-8")
    return tmp_path


def test_the_table_is_printed_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = Bench()
    path = folder / "card.json"
    assert run_bench(arguments(folder, json=path), bench.makers, no_scenes) == 0
    assert "balanced" in capsys.readouterr().out
    card = json.loads(path.read_text(encoding="utf-8"))
    names = [row["detector"] for row in card["rows"]]
    assert names[:2] == ["eager", "balanced"]
    assert "Smart Turn" not in names
    assert bench.is_closed


def test_one_pace_can_be_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "card.json"
    run_bench(arguments(folder, json=path, mode=["eager"]), Bench().makers, no_scenes)
    card = json.loads(path.read_text(encoding="utf-8"))
    assert "balanced" not in [row["detector"] for row in card["rows"]]
    assert capsys.readouterr().out


def test_an_unknown_pace_is_one_line_and_frees_the_models(folder: Path) -> None:
    bench = Bench()
    with pytest.raises(BadInputError, match="hasty is none of eager, balanced"):
        run_bench(arguments(folder, mode=["hasty"]), bench.makers, no_scenes)
    assert bench.is_closed


def test_a_file_that_cannot_be_written_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInputError, match="cannot be written"):
        run_bench(arguments(folder, json=folder), Bench().makers, no_scenes)
    assert capsys.readouterr().out
