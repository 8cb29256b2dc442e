"""Sound files as a model hears them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.batch.recording import frames, open_recording
from app.messages.errors import BadInputError
from tests.fakes.audio import tone

FORMATS = (
    ("a.wav", 8_000, 1, None),
    ("a.wav", 44_100, 2, "FLOAT"),
    ("a.wav", 96_000, 6, "PCM_24"),
    ("a.flac", 48_000, 2, None),
    ("a.ogg", 24_000, 1, None),
    ("a.mp3", 44_100, 2, None),
)


@pytest.mark.parametrize(("name", "rate_hz", "n_channels", "subtype"), FORMATS)
def test_any_rate_and_number_of_channels_becomes_mono_at_16_khz(
    tmp_path: Path, name: str, rate_hz: int, n_channels: int, subtype: str | None
) -> None:
    one = tone(2.5, rate_hz)
    soundfile.write(tmp_path / name, np.tile(one[:, None], n_channels), rate_hz, subtype)
    recording = open_recording(tmp_path / name)
    heard = np.concatenate(list(recording.blocks()))
    assert heard.dtype == np.float32
    assert recording.duration_s == pytest.approx(2.5, abs=0.1)
    assert len(heard) == pytest.approx(40_000, abs=1_600)
    spectrum = np.abs(np.fft.rfft(heard[8_000:24_000]))
    assert np.argmax(spectrum) == 440  # one bin a hertz
    assert np.abs(heard[8_000:24_000]).max() == pytest.approx(0.3, abs=0.02)


def test_channels_are_mixed(tmp_path: Path) -> None:
    left = tone(1.0)
    soundfile.write(tmp_path / "a.wav", np.stack([left, 0 * left], axis=1), 16_000, "FLOAT")
    (heard,) = (block for block in open_recording(tmp_path / "a.wav").blocks() if len(block))
    np.testing.assert_allclose(heard, left / 2, atol=1e-6)


def test_frames_are_those_of_a_microphone(tmp_path: Path) -> None:
    sound = tone(1.33)
    cut = list(frames([sound[:1000], sound[1000:1001], sound[1001:]]))
    assert [len(frame.samples) for frame in cut[:-1]] == [640] * (len(cut) - 1)
    assert [frame.start for frame in cut] == list(range(0, len(sound), 640))
    np.testing.assert_array_equal(np.concatenate([frame.samples for frame in cut]), sound)
    assert not cut[0].samples.flags.writeable


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "is not there"),
        (b"", "cannot be read as audio"),
        (b"no sound at all, but some text that is longer than a header", "cannot be read as audio"),
    ],
)
def test_what_is_no_sound_is_one_line(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match=complaint) as caught:
        open_recording(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is not a file"):
        open_recording(tmp_path)


def test_raw_samples_without_a_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(1000))
    with pytest.raises(BadInputError, match=r"a\.raw"):
        open_recording(tmp_path / "a.raw")


def test_a_file_without_samples_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0, np.float32), 16_000)
    with pytest.raises(BadInputError, match="holds no sound"):
        open_recording(tmp_path / "a.wav")


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    sound = tone(0.5)
    sound[100] = np.nan
    soundfile.write(tmp_path / "a.wav", sound, 16_000, "FLOAT")
    with pytest.raises(BadInputError, match="no numbers"):
        list(open_recording(tmp_path / "a.wav").blocks())


def test_a_file_that_breaks_off_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 160_000), 16_000)
    path.write_bytes(path.read_bytes()[:40_000])
    with pytest.raises(BadInputError, match="cannot be read as audio") as caught:
        list(open_recording(path).blocks())
    assert "\n" not in str(caught.value)
