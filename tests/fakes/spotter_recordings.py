"""A folder of recordings as the word spotter's data and bench read it, full of noise."""

import json
from pathlib import Path
from typing import Any

from tests.fakes.training_data import record

WORDS = (
    ("stop", "stop", "anna", True), ("stop", "stop", "carl", True), ("right", "ack", "anna", True),
    ("mm", "ack", "anna", True), ("yes", "yesno", "anna", True), ("bird", "other", "anna", True),
    ("bird", "other", "carl", True), ("no", "yesno", "anna", False), ("cat", "other", "eve", True),
    ("dog", "other", "far", True),
)  # fmt: skip
SPLITS = {"anna": "train", "bert": "train", "carl": "tune", "dora": "test", "far": "train"}


def spotter_recordings(folder: Path) -> Path:
    """Write the folder and return it; "eve" is in no split, "far" is a voice of the assistant."""
    speakers = {"speakers": SPLITS, "far_voices": ["far"], "maybe_same_person_as_test": ["dora"]}
    (folder / "words").mkdir(parents=True)
    (folder / "speakers.json").write_text(json.dumps(speakers))
    words: list[dict[str, Any]] = []
    for i, (word, group, speaker, train_ok) in enumerate(WORDS):
        path = f"words/{word}/{speaker}-{i}.wav"
        record(folder / path, 0.6)
        words.append(
            {
                "path": path, "word": word, "group": group, "lang": "en", "speaker": speaker,
                "speech": [0.1, 0.5], "licence": "CC0", "train_ok": train_ok,
            }
        )  # fmt: skip
    write_lines(folder / "words/words.jsonl", words)
    rows = [
        _sentence(folder, "read", "bert", "speech/a.wav", 3.0),
        _sentence(folder, "read", "carl", "speech/b.wav", 3.0),
        _sentence(folder, "read", "anna,carl", "speech/c.wav", 3.0),
        _sentence(folder, "noise", None, "noise/n0.wav", 1.0, train_ok=False),
        _sentence(folder, "noise", None, "noise/n1.wav", 1.0, train_ok=False),
    ]
    write_lines(folder / "manifest.jsonl", rows)
    for name in ("turns_more", "bargein_more", "turns", "bargein"):
        (folder / name).mkdir()
    write_lines(
        folder / "turns_more/labels.jsonl",
        [_sentence(folder, "complete", "anna", "turns_more/t.wav", 2.0)],
    )
    write_lines(folder / "bargein_more/labels.jsonl", [_scene(folder)])
    return folder


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _sentence(
    folder: Path,
    kind: str,
    speaker: str | None,
    path: str,
    seconds: float,
    *,
    train_ok: bool = True,
) -> dict[str, Any]:
    record(folder / path, seconds)
    return {
        "id": Path(path).stem, "path": path, "kind": kind, "lang": "en", "speaker": speaker,
        "licence": "CC0", "train_ok": train_ok,
    }  # fmt: skip


def _scene(folder: Path) -> dict[str, Any]:
    record(folder / "bargein_more/s.wav", 3.0, n_channels=2)
    event = {"event": "user_interruption", "onset": 1.0, "end": 1.5, "word": "stop", "clip": "x"}
    return {
        "id": "s", "path": "bargein_more/s.wav", "split": "train", "train_ok": True,
        "events": [event], "noise": [], "near_rir": "room", "echo": {"rir": "room"},
    }  # fmt: skip
