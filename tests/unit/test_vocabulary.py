"""Retired names do not come back: the left column was ours alone, the right one is the field's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("app", "audio_io", "model", "packaging", "docs")
ENDINGS = (".py", ".md", ".toml", ".sh")

# Whole identifiers, and words inside identifiers and sentences.
RETIRED = {
    r"ReplyDesk|reply_desk": "ReplyBuffer",
    r"DeskReply": "Reply",
    r"WeightDesk|weight_desk": "Downloads",
    r"RecordingDesk|recording_desk": "RecordingSession",
    r"\w*[Kk]eeper": "Supervisor",
    r"\w*[Ss]helf": "ModelStore",
    r"\w*[Cc]rew": "ThreadGroup",
    r"SnapshotBoard|snapshot_board": "SnapshotBuilder",
    r"DialogueRecord": "DialogueTrace",
    r"\w*[Mm]ailbox": "BoundedQueue",
    r"\w*[Oo]utbox": "RequestQueue",
    r"\w*[Ww]orkshop": "DataPipeline",
    r"StagePlan|build_stage": "SimulationConfig",
    r"SceneDirector": "UserSimulator",
    r"DialogueDraft": "Transition",
    r"PredictorKit": "PredictorFactory",
    r"HeadedReader": "TextTurnDetector",
    r"\w*[Ff]reewheel\w*": "virtual time",
    r"p_continue": "p_hold",
    r"[Gg]uise\w*": "speaker variant",
    r"OwnPauses": "AdaptiveEndpointing",
    r"conversation[._]patience": "endpointing mode",
    r"PACES|--pace": "endpointing mode",
}
# Where an old name must be known, so that what was written by an older version can be read.
READERS_OF_OLD_FILES = ("app/settings/file.py", "app/replay/codec.py")


def _files() -> list[Path]:
    found = [
        path
        for folder in FOLDERS
        for path in sorted((REPOSITORY / folder).rglob("*"))
        if path.suffix in ENDINGS
    ]
    return [*found, REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"]


def _lines_with(pattern: str, text: str) -> list[str]:
    found = re.compile(rf"(?<![A-Za-z0-9])_*(?:{pattern})(?![A-Za-z0-9])")
    return [line.strip() for line in text.split("\n") if found.search(line)]


def test_the_search_finds_a_retired_name() -> None:
    assert _lines_with("|".join(RETIRED), "self._crew = Crew(on_failure)")
    assert _lines_with(r"PACES|--pace", "parley bench duplex DIR --pace eager")
    assert not _lines_with(r"PACES", "SPACES")


@pytest.mark.parametrize("retired", RETIRED)
def test_no_retired_name_is_used(retired: str) -> None:
    used = [
        f"{path.relative_to(REPOSITORY)}: {line[:80]}"
        for path in _files()
        if path.relative_to(REPOSITORY).as_posix() not in READERS_OF_OLD_FILES
        for line in _lines_with(retired, path.read_text("utf-8"))
    ]
    assert not used, f"say {RETIRED[retired]} instead:\n" + "\n".join(used[:10])


@pytest.mark.parametrize("root", ["app", "audio_io", "model"])
def test_no_file_name_stands_in_three_places(root: str) -> None:
    names: dict[str, list[str]] = {}
    for path in (REPOSITORY / root).rglob("*.py"):
        if path.name != "__init__.py":
            names.setdefault(path.name, []).append(str(path.parent.relative_to(REPOSITORY)))
    assert not {name: places for name, places in names.items() if len(places) >= 3}
