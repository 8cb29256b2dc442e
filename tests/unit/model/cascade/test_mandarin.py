"""The Mandarin recogniser: its table as data, and on real weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_io.frames import AudioFrame, frozen
from model.cascade.mandarin import FOLDER, MandarinRecognizer, read_characters
from model.cascade.recognizer import open_recognizer, words_in
from model.errors import WeightsError
from model.store.packages import WeightStore

RECORDING = Path("speech") / "firered-BAC009S0764W01.flac"
SPOKEN = "甚至出现交易几乎停滞的情况"


def test_the_table_is_read_as_data(tmp_path: Path) -> None:
    path = tmp_path / "label_map.py"
    path.write_text('label_map = {\n  0: "<S/S>", 3: "绿",\n 4: "是"\n}\n', encoding="utf-8")
    assert read_characters(path) == {0: "<S/S>", 3: "绿", 4: "是"}


@pytest.mark.parametrize(
    "text",
    [
        "label_map = dict(a=open('boom', 'w'))",
        "import os\nos.mkdir('boom')\nlabel_map = {0: os.name}",
        "label_map = {0: ",
        "other = {0: 'a'}",
        "label_map = 5",
    ],
)
def test_a_table_that_is_code_is_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "label_map.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match="label_map"):
        read_characters(path)
    assert not (tmp_path / "boom").exists()


def test_a_missing_file_names_itself_and_the_remedy(tmp_path: Path) -> None:
    assert not MandarinRecognizer.is_installed(tmp_path)
    with pytest.raises(WeightsError, match=r"encoder\.onnx: file is missing.*get mandarin"):
        MandarinRecognizer(tmp_path)


@pytest.fixture(scope="module")
def folder(weight_store: WeightStore) -> Path:
    if not MandarinRecognizer.is_installed(weight_store.folder / FOLDER):
        pytest.skip("the Mandarin recogniser is missing; run: parley models get mandarin")
    return weight_store.folder


def test_recorded_mandarin_is_written_with_few_errors(folder: Path, shared_dev: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples, _ = soundfile.read(shared_dev / RECORDING, dtype="float32")
    heard = words_in(MandarinRecognizer(folder / FOLDER), samples)
    assert heard.language == "zh"
    assert len(heard.text) == len(SPOKEN)
    assert sum(a != b for a, b in zip(heard.text, SPOKEN, strict=True)) <= 2


def test_with_both_recognisers_each_language_is_told_from_the_other(
    folder: Path, shared_dev: Path
) -> None:
    if not (folder / "moonshine-base-en").is_dir():
        pytest.skip("weight moonshine-base-en is missing; run: parley models get")
    soundfile = pytest.importorskip("soundfile")
    recognizer = open_recognizer(folder, "auto")
    for path, language in ((RECORDING, "zh"), (Path("speech") / "s2i-4bf32777.flac", "en")):
        samples, _ = soundfile.read(shared_dev / path, dtype="float32")
        recognizer.begin()
        recognizer.hear(AudioFrame(frozen(samples), 0))
        assert recognizer.finish()
        assert recognizer.language == language
