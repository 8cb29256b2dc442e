"""Files through an end-to-end model: a small one with random weights, from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from app.cli.parser import main
from model.cascade.synthesizer import Synthesizer
from model.store.packages import WeightStore
from model.types import VoiceChoice

pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model


@pytest.fixture
def question(tmp_path: Path, weight_store: WeightStore) -> str:
    """Somebody asks something: a recogniser, where there is one, must find words in it."""
    synthesizer = Synthesizer(weight_store.folder)
    voice = synthesizer.resolve(VoiceChoice(), "en")
    spoken = synthesizer.speak("What is the capital of France?", voice, 1.0)
    path = tmp_path / "question.wav"
    soundfile.write(path, spoken.samples, 24_000)
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("plus", [False, True])
def test_a_model_of_a_folder_answers_and_speaks(
    tmp_path: Path, question: str, plus: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_tiny_model(tmp_path / "models", plus=plus)
    model = ("--model", str(folder), "--quiet", "--json")
    reply, said = tmp_path / "reply.flac", tmp_path / "said.wav"
    assert main(["answer", question, "-o", str(reply), *model]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["model"] == f"local:{folder.name}"
    assert row["reply_text"]
    assert soundfile.info(reply).samplerate == 22_050
    assert soundfile.info(reply).duration == pytest.approx(row["reply_duration_s"], abs=1e-3)
    assert main(["speak", "Hello.", "-o", str(said), *model]) == 0
    duration_s = json.loads(capsys.readouterr().out)["duration_s"]
    assert soundfile.info(said).duration == pytest.approx(duration_s, abs=1e-3)
