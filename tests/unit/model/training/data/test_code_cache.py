from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audio_io.frames import Samples
from model.training.data.code_cache import CodeCache
from model.training.data.problems import BadSample, DataError
from tests.fakes.training_data import record


class CountingTokenizer:
    """Two codes of a recording: its length, and how it begins."""

    def __init__(self) -> None:
        self.n_calls = 0

    def encode(self, samples: Samples) -> list[int]:
        self.n_calls += 1
        return [len(samples) // 1280, int(abs(samples[0]) * 1000)]


class CountingCache:
    """A cache whose tokenizer counts what it is asked."""

    def __init__(self, folder: Path, weights: bytes = b"one") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.safetensors").write_bytes(weights)
        self.tokenizer = CountingTokenizer()
        self.cache = CodeCache(folder, lambda: self.tokenizer)


def test_codes_are_made_once_and_found_by_the_next_run(tmp_path: Path) -> None:
    talk = record(tmp_path / "talk.wav")
    first, second = CountingCache(tmp_path / "tokenizer"), CountingCache(tmp_path / "tokenizer")
    codes = first.cache.codes_of(talk)
    assert first.cache.codes_of(talk) == second.cache.codes_of(talk) == codes
    assert (first.tokenizer.n_calls, second.tokenizer.n_calls) == (1, 0)


def test_another_tokenizer_makes_codes_of_its_own(tmp_path: Path) -> None:
    talk = record(tmp_path / "talk.wav")
    one, two = CountingCache(tmp_path / "one"), CountingCache(tmp_path / "two", b"other weights")
    one.cache.codes_of(talk)
    two.cache.codes_of(talk)
    assert two.tokenizer.n_calls == 1
    assert one.cache.path_of(talk) != two.cache.path_of(talk)
    assert {path.name for path in tmp_path.glob("talk.wav.codes-*")} == {
        one.cache.path_of(talk).name,
        two.cache.path_of(talk).name,
    }


def test_a_recording_that_changed_is_read_again(tmp_path: Path) -> None:
    counting = CountingCache(tmp_path / "tokenizer")
    talk = record(tmp_path / "talk.wav")
    before = counting.cache.codes_of(talk)
    shutil.copy(record(tmp_path / "other.wav", seconds=2.0), talk)
    assert counting.cache.codes_of(talk) != before
    assert counting.tokenizer.n_calls == 2


def test_a_recording_that_was_only_touched_is_not(tmp_path: Path) -> None:
    counting = CountingCache(tmp_path / "tokenizer")
    talk = record(tmp_path / "talk.wav")
    before = counting.cache.codes_of(talk)
    os.utime(talk, ns=(1, 1))
    assert counting.cache.codes_of(talk) == before
    assert counting.tokenizer.n_calls == 1


def test_damaged_codes_are_made_again(tmp_path: Path) -> None:
    counting = CountingCache(tmp_path / "tokenizer")
    talk = record(tmp_path / "talk.wav")
    codes = counting.cache.codes_of(talk)
    counting.cache.path_of(talk).write_text('{"format": 1, "codes": [1, ')
    assert counting.cache.codes_of(talk) == codes
    assert counting.cache.codes_of(talk) == codes
    assert counting.tokenizer.n_calls == 2


def test_many_threads_leave_whole_codes_and_nothing_else(tmp_path: Path) -> None:
    counting = CountingCache(tmp_path / "tokenizer")
    talk = record(tmp_path / "in" / "talk.wav")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(counting.cache.codes_of, [talk] * 32))
    assert all(codes == found[0] for codes in found)
    assert sorted(path.name for path in talk.parent.iterdir()) == [
        "talk.wav",
        counting.cache.path_of(talk).name,
    ]


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    cache = CodeCache(tmp_path / "none", CountingTokenizer)
    with pytest.raises(DataError, match=r"none: holds no speech tokenizer"):
        cache.codes_of(record(tmp_path / "talk.wav"))


def test_a_missing_recording_is_that_samples_fault(tmp_path: Path) -> None:
    with pytest.raises(BadSample, match=r"talk\.wav is missing"):
        CountingCache(tmp_path / "tokenizer").cache.codes_of(tmp_path / "talk.wav")


@pytest.mark.skipif(os.name == "nt", reason="the length of names is that of Unix")
def test_codes_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    talk = record(tmp_path / "in" / f"{'x' * 240}.wav")
    with pytest.raises(DataError, match=r"codes cannot be written .*make room, or choose"):
        CountingCache(tmp_path / "tokenizer").cache.codes_of(talk)
    assert list(talk.parent.iterdir()) == [talk]
