"""Links, paths and commands in the pages lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from app.cli.parser import build_parser

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
)
WANTED = [
    "architecture",
    "benchmarks",
    "files",
    "privacy",
    "speech-models",
    "training",
    "turn-taking",
    "weights",
]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ROOTS = ("app/", "audio_io/", "docs/", "model/", "packaging/", "resources/", "tests/", ".ci/")
_PLACEHOLDER = re.compile(r"[A-Z]{2,}|[*…|<>]|\bX\b")


def _slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def _headings(page: Path) -> set[str]:
    return {
        _slug(line.lstrip("#")) for line in page.read_text("utf-8").split("\n") if line[:1] == "#"
    }


def _commands(text: str) -> list[str]:
    """Every ``parley …`` of a fence or of inline code, without its comment."""
    lines = [line for fence in _FENCE.findall(text) for line in fence.split("\n")]
    lines += _CODE.findall(_FENCE.sub("", text))
    found = [line.partition("  #")[0].partition(" && ")[0].strip() for line in lines]
    return [line for line in found if line == "parley" or line.startswith("parley ")]


@pytest.mark.parametrize("name", WANTED)
def test_every_page_is_there_and_in_the_readme(name: str) -> None:
    assert (REPOSITORY / "docs" / f"{name}.md").is_file()
    assert f"(docs/{name}.md)" in (REPOSITORY / "README.md").read_text("utf-8")


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text("utf-8").splitlines()) <= 100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in _LINK.findall(page.read_text("utf-8")):
        if "://" in link:
            continue
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not heading or heading in _headings(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_in_code_exist(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    for code in _CODE.findall(text):
        path = code.partition("::")[0].partition(":")[0].rstrip("/")
        if code.startswith(_ROOTS) and " " not in code and not _PLACEHOLDER.search(code):
            assert (REPOSITORY / path).exists(), f"{page.name}: {code}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page: Path) -> None:
    parser = build_parser()
    for command in _commands(page.read_text("utf-8")):
        words = [word.strip("[]") for word in shlex.split(command)[1:]]
        if len(words) < 2 or "…" in command or "|" in command or "*" in command:
            # the command itself; its arguments stand for many
            assert words[:1] in ([], ["X"]) or words[0] in parser.format_help(), command
            continue
        try:
            parser.parse_args(words)
        except SystemExit as end:
            pytest.fail(f"{page.name}: {command!r} is not understood ({end.code})")
