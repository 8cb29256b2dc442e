"""A tiny random decoder, written once per session and loaded once in float32."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_decoder.decoder import SpeechDecoder  # noqa: E402
from tests.fakes.vita_checkpoints.tiny_speech_decoder import write_tiny_speech_decoder  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    """Tensors this small gain nothing from threads, which wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("glm-4-voice-decoder")
    write_tiny_speech_decoder(directory, seed=3)
    return directory


@pytest.fixture(scope="session")
def decoder(tiny_directory) -> SpeechDecoder:
    return SpeechDecoder.from_directory(tiny_directory, "cpu", torch.float32)
