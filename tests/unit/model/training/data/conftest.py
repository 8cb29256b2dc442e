"""Tiny models whose vocabulary and audio encoders training data is made for."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny language model that hears codes, its speech tokenizer beside it."""
    pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model  # noqa: PLC0415

    return write_tiny_model(tmp_path_factory.mktemp("plain"), k=2)


@pytest.fixture(scope="session")
def tiny_plus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that hears features; a speech tokenizer beside it gives the codes of its answers."""
    pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    from model.vita_audio.checkpoint.directory import SPEECH_TOKENIZER  # noqa: PLC0415
    from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model  # noqa: PLC0415
    from tests.fakes.vita_checkpoints.tiny_speech_tokenizer import (  # noqa: PLC0415
        write_tiny_speech_tokenizer,
    )

    folder = write_tiny_model(tmp_path_factory.mktemp("plus"), plus=True, k=2)
    write_tiny_speech_tokenizer(folder.parent / SPEECH_TOKENIZER, 0)
    return folder
