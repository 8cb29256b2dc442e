from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.cli import words as cli_words
from app.cli.parser import build_parser
from app.evaluation.own_words import Check
from app.messages.errors import ParleyError
from app.settings.paths import HOME_VARIABLE, app_paths
from model.duplex.spotter.network import SpotterNetwork
from model.duplex.spotter.own_words import Meaning, OwnWord, OwnWordCard, fingerprint, head_shapes
from tests.fakes.spotter import TINY, random_spotter


class Trainer:
    """Learns at once, as well as it was told to."""

    def __init__(self, phrase: str, meaning: Meaning, check: Check) -> None:
        scores = {"heard": check.heard, "false_an_hour": check.false_an_hour, "hours": check.hours}
        network = fingerprint(random_spotter())
        self._card = OwnWordCard(phrase, "en", meaning, network, 0.9, scores)
        self._check = check

    def train(self) -> tuple[OwnWord, Check]:
        weights = {n: np.zeros(s, np.float32) for n, s in head_shapes(TINY.width).items()}
        weights["std"] += 1.0
        return OwnWord(self._card, weights), self._check


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def network() -> SpotterNetwork:
        return random_spotter()

    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setattr(cli_words, "_network", network)
    return app_paths().own_words


def run(*words: str) -> int:
    return cli_words.run_words(build_parser().parse_args(["words", *words]))


def learns(monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    def trainer(phrase: str, meaning: Meaning, language: str) -> Trainer:
        del language
        return Trainer(phrase, meaning, check)

    monkeypatch.setattr(cli_words, "_trainer", trainer)


def test_a_phrase_is_added_listed_and_removed(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    learns(monkeypatch, Check(0.93, 0.0, 1.0))
    assert run("add", " hey   parley ", "--stop") == 0
    assert run("list") == 0
    assert "hey parley (stop, en): heard 93%" in capsys.readouterr().out
    assert run("remove", "Hey Parley") == 0
    assert list(home.iterdir()) == []


def test_a_phrase_that_is_not_heard_well_is_not_taken(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    learns(monkeypatch, Check(0.5, 3.0, 1.0))
    assert run("add", "hey parley") == 1
    assert "not taken: heard 50%, 3.0 false alarms an hour" in capsys.readouterr().err
    assert not home.exists()


@pytest.mark.parametrize("phrase", ["hey", " ", "1234567", "x" * 41])
def test_a_phrase_of_the_wrong_length_is_named(home: Path, phrase: str) -> None:
    del home
    with pytest.raises(ParleyError, match="4 to 40 letters; choose another phrase"):
        run("add", phrase)


def test_nothing_is_listed_and_nothing_removed_where_there_is_none(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    assert run("list") == 0
    assert capsys.readouterr().out == ""
    with pytest.raises(ParleyError, match='there is no "hey parley"; see parley words list'):
        run("remove", "hey parley")
