"""What people say to the spotter in training, and the noises and rooms around them."""

from pathlib import Path
from typing import Any

from model.duplex.spotter.recorded_words import RecordedSpeech
from model.files.records import read_jsonl
from model.training.duplex.data.recordings import Recordings, read_recordings
from model.training.duplex.data.utterance import Utterance
from model.training.duplex.errors import DataError

OVERLAPS = "bargein_more/labels.jsonl"


def utterance_of(speech: RecordedSpeech) -> Utterance:
    """Read it without silence at its ends. Raises LabelsError."""
    return Utterance(
        speech.samples(), (), speech.word, speech.language, speech.speaker, str(speech.path),
        speech.licence,
    ).trimmed()  # fmt: skip


def sound_recordings(folder: Path, split: str) -> Recordings:
    """Return noises and rooms that occur in no scene of another split. Raises DataError."""
    elsewhere: set[str] = set()
    for _, line in read_jsonl(folder / OVERLAPS, dict[str, Any], DataError):
        if line["split"] != split:
            elsewhere |= {noise["clip"] for noise in line.get("noise", ())}
            elsewhere |= {event["clip"] for event in line.get("events", ()) if "clip" in event}
            elsewhere |= {str(line.get("near_rir")), str((line.get("echo") or {}).get("rir"))}
    return tuple(row for row in read_recordings(folder) if row.id not in elsewhere)
