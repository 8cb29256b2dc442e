from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model.training.data.mixture import read_mixture
from model.training.data.problems import Fault
from model.training.data.samples import SampleKind
from model.training.data.statistics import DataReport, survey
from model.training.data.statistics_table import render
from tests.fakes.training_data import (
    read_aloud,
    recognised,
    record,
    spoken,
    write_jsonl,
    written,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    record(tmp_path / "q.wav", 2.0)
    record(tmp_path / "a.wav", 4.0, rate_hz=24_000)
    return write_jsonl(
        tmp_path / "data.jsonl",
        [
            spoken("q.wav", "a.wav", "It is noon."),
            recognised("q.wav", "what time is it"),
            recognised("q.wav", "现在几点了"),
            read_aloud("a.wav", "It is noon."),
            written("Hi.", "Hello.") | {"language": "fr"},
            recognised("gone.wav", "hello"),
            "{",
            recognised("also-gone.wav", "hello"),
        ],
    )


def report(data: Path, **options: Any) -> DataReport:
    return survey(read_mixture(data), **options)


def test_hours_and_lengths_are_those_of_the_recordings(data: Path) -> None:
    found = report(data)
    kinds = {share.name: share for share in found.kinds}
    assert kinds[SampleKind.RECOGNITION].n == 2
    assert kinds[SampleKind.RECOGNITION].heard_h == pytest.approx(4.0 / 3600)
    assert kinds[SampleKind.SPEECH_TO_SPEECH].spoken_h == pytest.approx(4.0 / 3600)
    assert kinds[SampleKind.TEXT].heard_h == kinds[SampleKind.TEXT].spoken_h == 0.0
    assert (found.heard_s.n, found.heard_s.longest) == (3, pytest.approx(2.0))
    assert (found.spoken_s.n, found.spoken_s.total) == (2, pytest.approx(8.0))
    assert found.rates_hz == {16_000: 3, 24_000: 2}


def test_words_are_those_of_the_answers_and_an_ideograph_is_one(data: Path) -> None:
    words = {share.name: share.n_words for share in report(data).kinds}
    assert words == {
        SampleKind.SPEECH_TO_SPEECH: 3,
        SampleKind.RECOGNITION: 4 + 5,
        SampleKind.SYNTHESIS: 3,
        SampleKind.TEXT: 1,
    }


def test_languages_are_stated_or_told_by_the_letters(data: Path) -> None:
    assert {share.name: share.n for share in report(data).languages} == {"en": 3, "zh": 1, "fr": 1}


def test_what_cannot_be_used_is_counted_and_named_with_its_line(data: Path) -> None:
    found = report(data)
    assert found.n_samples == 5
    assert found.faults == {Fault.MISSING_AUDIO: 2, Fault.BROKEN_LINE: 1}
    assert [(entry.place.line, entry.fault) for entry in found.skipped] == [
        (6, Fault.MISSING_AUDIO),
        (7, Fault.BROKEN_LINE),
        (8, Fault.MISSING_AUDIO),
    ]
    assert "gone.wav is missing" in found.skipped[0].reason


def test_the_same_is_found_side_by_side(data: Path) -> None:
    assert report(data, n_jobs=4) == report(data)


def test_a_recording_that_is_cut_off_is_noticed_where_it_is_read_to_its_end(
    tmp_path: Path,
) -> None:
    path = record(tmp_path / "cut.flac", 3.0)
    path.write_bytes(path.read_bytes()[:20_000])
    data = write_jsonl(tmp_path / "data.jsonl", [recognised("cut.flac", "hello")])
    assert not report(data).skipped
    assert report(data, decodes=True).faults == {Fault.UNREADABLE_AUDIO: 1}


def test_what_a_mixture_takes_of_each_source_is_told(data: Path) -> None:
    mixture = data.with_name("mixture.toml")
    mixture.write_text('[sources.all]\nfiles = ["data.jsonl"]\nratio = 2.5\n')
    (share,) = report(mixture).sources
    assert (share.name, share.n, share.n_taken) == ("all", 5, 20)


def test_tokens_are_counted_with_a_vocabulary_and_too_long_samples_named(
    tmp_path: Path, tiny_plain: Path
) -> None:
    from model.training.data.sample_encoder import SampleEncoder  # noqa: PLC0415  needs torch

    encoder = SampleEncoder.from_directory(tiny_plain, (1, 10, 4, 10))
    record(tmp_path / "q.wav", 2.0)
    data = write_jsonl(tmp_path / "d.jsonl", [recognised("q.wav", "hi"), written("x" * 99, "y")])
    found = report(data, encoder=encoder, row_tokens=100)
    assert found.tokens is not None
    # Two turns of mark, name, newline, mark, newline; instruction, codes with tags, transcript.
    turns = len("user\n") + len("assistant\n") + 2 * 3
    assert found.tokens.longest == turns + len("Convert the speech to text.\n") + 25 + 2 + len("hi")
    assert found.faults == {Fault.TOO_LONG: 1}


def test_the_table_names_everything_and_the_json_holds_it(data: Path) -> None:
    found = report(data)
    table = render(found)
    for text in ("speech to speech", "recordings heard", "zh", "5 samples can be used, 3 cannot"):
        assert text in table
    assert f"{data}:6: {data.parent / 'gone.wav'} is missing" in table
    parsed = json.loads(json.dumps(found.as_json()))
    assert parsed["faults"] == {"missing audio": 2, "broken line": 1}
    assert parsed["skipped"][1]["line"] == 7
