"""Every declared setting is read by code that acts on it; the settings dialog does not count."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings.settings import options

REPOSITORY = Path(__file__).resolve().parents[4]
ROOTS = ("app", "audio_io", "model")
DECLARING = ("app/settings/", "app/ui/settings/")


def sources() -> Iterator[str]:
    """The text of every file that may act on a setting."""
    for root in ROOTS:
        for path in sorted((REPOSITORY / root).rglob("*.py")):
            if not path.relative_to(REPOSITORY).as_posix().startswith(DECLARING):
                yield path.read_text(encoding="utf-8")


def reads_in(source: str) -> set[tuple[str, str]]:
    """Pairs (section, key) of ``anything.section.key``, and of ``section.key`` for a local name."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner = node.value
            if isinstance(owner, ast.Attribute | ast.Name):
                found.add((owner.attr if isinstance(owner, ast.Attribute) else owner.id, node.attr))
    return found


@pytest.fixture(scope="module")
def reads() -> set[tuple[str, str]]:
    return set().union(*(reads_in(source) for source in sources()))


@pytest.mark.parametrize("name", [info.name for info in options()])
def test_some_code_reads_the_setting(name: str, reads: set[tuple[str, str]]) -> None:
    section, _, key = name.partition(".")
    assert (section, key) in reads, f"nothing acts on {name}"


@pytest.mark.parametrize("name", ["audio.dummy", "vad.rate", "privacy.theme"])
def test_a_setting_that_nothing_reads_is_found(name: str, reads: set[tuple[str, str]]) -> None:
    section, _, key = name.partition(".")
    assert (section, key) not in reads


@pytest.mark.parametrize(
    ("source", "is_read"),
    [
        ("use(settings.voice.rate)", True),
        ("voice = settings.voice\nuse(voice.rate)", True),
        ("settings.voice.rate = 1.0", False),
        ("use(other.rate)", False),
        ("'settings.voice.rate'", False),
        ("# settings.voice.rate", False),
    ],
)
def test_only_code_that_reads_counts(source: str, is_read: bool) -> None:
    assert (("voice", "rate") in reads_in(source)) is is_read
