"""Log records reach the file, warnings also stderr, and nothing stays behind."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app.messages.logs import LOG_NAME, logging_to

logger = logging.getLogger("app.some.part")


@pytest.mark.allow_warnings
def test_records_go_to_the_file_and_warnings_also_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path / "logs"):
        logger.info("phase %s", "listening")
        logger.debug("too much")
        logger.warning("microphone lost")
    text = (tmp_path / "logs" / LOG_NAME).read_text()
    assert "INFO MainThread app.some.part: phase listening\n" in text
    assert "microphone lost" in text
    assert "too much" not in text
    assert capsys.readouterr().err == "parley: WARNING: microphone lost\n"


def test_afterwards_logging_is_as_before(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with logging_to(tmp_path, logging.DEBUG):
        assert root.level == logging.DEBUG
    assert (root.level, list(root.handlers)) == before
    logger.info("unheard")
    assert "unheard" not in (tmp_path / LOG_NAME).read_text()


def test_a_long_log_is_cut_into_few_files(tmp_path: Path) -> None:
    with logging_to(tmp_path):
        for _ in range(60):
            logger.info("x" * 100_000)
    files = list(tmp_path.iterdir())
    assert len(files) == 4
    assert sum(file.stat().st_size for file in files) < 4_500_000


@pytest.mark.allow_warnings
def test_a_folder_that_cannot_be_written_costs_only_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file, no folder")
    with logging_to(tmp_path / "logs"):
        logger.warning("still heard")
    err = capsys.readouterr().err
    assert "no log file in" in err
    assert "still heard" in err


def test_without_a_folder_there_is_no_file(tmp_path: Path) -> None:
    with logging_to(None):
        logger.info("nothing")
    assert list(tmp_path.iterdir()) == []
