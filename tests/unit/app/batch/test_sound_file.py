"""Sound files that are whole or absent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.batch.sound_file import OutputError, check_ending, writing
from app.messages.errors import BadInputError
from tests.fakes.audio import tone


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg", ".mp3", ".WAV"])
def test_chunks_become_one_file(tmp_path: Path, ending: str) -> None:
    sound = tone(1.0, 24_000)
    path = tmp_path / "new" / f"a{ending}"
    with writing(path) as writer:
        for at in range(0, len(sound), 5_000):
            writer.write(sound[at : at + 5_000], 24_000)
    assert writer.n_samples == 24_000
    read, rate_hz = soundfile.read(path)
    assert rate_hz == 24_000
    assert len(read) == pytest.approx(24_000, abs=2_500)  # MP3 adds some
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_loud_speech_is_clipped_not_wrapped(tmp_path: Path) -> None:
    with writing(tmp_path / "a.wav") as writer:
        writer.write(np.array([1.5, -1.5, 0.5], np.float32), 16_000)
    read, _ = soundfile.read(tmp_path / "a.wav")
    np.testing.assert_allclose(read, [1.0, -1.0, 0.5], atol=1e-4)


def test_the_name_appears_only_with_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"an older file")
    with writing(path) as writer:
        writer.write(tone(0.2), 16_000)
        assert path.read_bytes() == b"an older file"
    assert soundfile.info(path).frames == 3_200


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_given_up_leaves_no_trace(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"an older file")

    def broken_off() -> None:
        with writing(path) as writer:
            writer.write(tone(0.2), 16_000)
            raise error

    with pytest.raises(error):
        broken_off()
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]
    assert path.read_bytes() == b"an older file"


def test_nothing_said_makes_no_file(tmp_path: Path) -> None:
    with writing(tmp_path / "a.wav"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_remainder_of_a_killed_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".a.wav.01234567.new").write_bytes(b"half")
    with writing(tmp_path / "a.wav") as writer:
        writer.write(tone(0.1), 16_000)
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


def test_an_unknown_ending_names_the_known_ones() -> None:
    with pytest.raises(BadInputError, match=r'"\.aiff"; use one of \.wav, \.flac, \.ogg, \.mp3'):
        check_ending(Path("a.aiff"))


@contextmanager
def _no_file_above(n_bytes: int) -> Iterator[None]:
    resource = pytest.importorskip("resource", reason="no limits on this system")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, 80_000).astype(np.float32)

    def written() -> None:
        with _no_file_above(30_000), writing(tmp_path / f"a{ending}") as writer:
            for at in range(0, len(noise), 8_000):
                writer.write(noise[at : at + 8_000], 16_000)

    with pytest.raises(OutputError, match="cannot be written") as caught:
        written()
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        writing(tmp_path / "file" / "a.wav") as writer,
    ):
        writer.write(tone(0.1), 16_000)


def test_a_wav_file_that_would_outgrow_its_header_is_ended_in_time(tmp_path: Path) -> None:
    def written(ending: str) -> None:
        with writing(tmp_path / f"a{ending}") as writer:
            writer.write(tone(0.1), 16_000)
            writer.n_samples += 2**31  # a day of speech
            writer.write(tone(0.1), 16_000)

    with pytest.raises(OutputError, match=r"choose a \.flac file"):
        written(".wav")
    with pytest.raises(OutputError, match=r"only 3200 of"):
        written(".flac")  # no limit there; it is the count that was tampered with
