"""Every command whose output is closed early (``parley voices | true``) ends without a word."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.cli import parser
from model.store.packages import WeightStore
from tests.fakes.vita_layout import write_layout

REPOSITORY = Path(__file__).resolve().parents[2]
AT_MOST_S = 120.0
SCENE = """
[[user]]
wav = "question.wav"
at_s = 0.5
label = "question"

[end]
after_silence_s = 0.5
at_most_s = 10.0
"""
# Scorers that take minutes print like "bench scenes" does; their help is closed instead.
COMMANDS = {
    "": ("--version",),
    "window": ("window", "--help"),  # it prints nothing else
    "scene": ("scene", "scene.toml", "--out", "out", "--virtual-time", "--model", "scripted"),
    "demo": ("demo", "--out", "out", "--model", "scripted"),
    "bench scenes": ("bench", "scenes", ".", "--virtual-time", "--model", "scripted"),
    "bench duplex": ("bench", "duplex", "--help"),
    "bench latency": ("bench", "latency", "--help"),
    "bench vita-audio": ("bench", "vita-audio", "--help"),
    "bench busy": ("bench", "busy", "--help"),
    "bench spotter": ("bench", "spotter", "--help"),
    "bench words": ("bench", "words", "--help"),
    "words add": ("words", "add", "--help"),
    "words list": ("words", "list", "--help"),
    "words remove": ("words", "remove", "--help"),
    "models list": ("models", "list"),
    "models get": ("models", "get", "silero-vad"),
    "models check": ("models", "check", "silero-vad"),
    "models remove": ("models", "remove", "local:layout"),
    "models add": ("models", "add", "layout", "--name", "other"),
    "replay": ("replay", "recorded"),
    "transcribe": ("transcribe", "question.wav", "--model", "scripted"),
    "answer": ("answer", "question.wav", "--model", "scripted"),
    "speak": ("speak", "Hello.", "-o", "hello.wav", "--model", "scripted", "--json"),
    "data check": ("data", "check", "samples.jsonl"),
    "data synthesize": ("data", "synthesize", "dialogues.jsonl", "made", "--quiet"),
    "eval": ("eval", "--help"),
    "devices": ("devices",),
    "voices": ("voices",),
}


def commands_of(
    found: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The names of all commands that can be run."""
    groups = [a for a in found._actions if isinstance(a, argparse._SubParsersAction)]
    if not any(group.required for group in groups):
        yield path
    for group in groups:
        for name, inner in group.choices.items():
            yield from commands_of(inner, (*path, name))


def test_every_command_is_tried() -> None:
    assert {" ".join(path) for path in commands_of(parser.build_parser())} == set(COMMANDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, weight_store: WeightStore) -> Path:
    """Everything the commands read; the user's own files are elsewhere."""
    if not weight_store.is_present("silero-vad"):
        pytest.skip("weight silero-vad is missing; run: parley models get silero-vad")
    made = tmp_path_factory.mktemp("closed")
    rng = np.random.default_rng(1)
    soundfile.write(made / "question.wav", 0.05 * rng.standard_normal(16_000), 16_000)
    (made / "scene.toml").write_text(SCENE, encoding="utf-8")
    message = {"messages": [{"role": "user", "content": "Hello."}]}
    message["messages"].append({"role": "assistant", "content": "Good morning."})
    (made / "samples.jsonl").write_text(json.dumps(message) + "\n", encoding="utf-8")
    dialogue = {"turns": ["What time is it?", "It is noon."]}
    (made / "dialogues.jsonl").write_text(json.dumps(dialogue) + "\n", encoding="utf-8")
    write_layout(made / "layout")
    recorded = ("scene", "scene.toml", "--out", "recorded", "--virtual-time", "--model", "scripted")
    with subprocess.Popen(program(*recorded), cwd=made, env=environment(made), text=True) as ran:
        assert ran.wait(AT_MOST_S) == 0
    return made


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Buffered as in a shell: unbuffered, argparse itself drops the help that cannot be written."""
    own = {"PYTHONPATH": str(REPOSITORY), "PARLEY_HOME": str(folder / "home")}
    return {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | own


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_whose_reader_is_gone_ends_quietly(name: str, folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    if name == "models remove":  # there is something to forget
        subprocess.run(
            program("models", "add", "layout"),
            cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
    try:
        ran = subprocess.run(
            program(*COMMANDS[name]),
            cwd=folder,
            env=environment(folder),
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=AT_MOST_S,
            check=False,
        )
    finally:
        os.close(writer)
    assert ran.returncode == parser.EXIT_READER_GONE, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "Error" not in ran.stderr
