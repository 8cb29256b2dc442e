from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the speech-lm extra is not installed")

import torch

from model.training.data.loader import PackedRows, RowOptions
from model.training.data.packing import PackedRow
from model.training.data.problems import DataError, Fault
from model.training.data.sample_encoder import SampleEncoder
from model.vita_audio.decoding.schedule import BOOST
from model.vita_audio.language_model.modeling import load_language_model
from tests.fakes.training_data import (
    read_aloud,
    recognised,
    record,
    spoken,
    write_jsonl,
    written,
)

TOML = """
[sources.speech]
files = ["speech.jsonl"]
ratio = 2.0
[sources.text]
files = ["text.jsonl"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve spoken samples of three kinds and nine written ones."""
    made = tmp_path_factory.mktemp("data")
    lines: list[Any] = []
    for i in range(4):
        record(made / f"q{i}.wav", 0.3 + 0.2 * i)
        record(made / f"a{i}.wav", 0.5 + 0.1 * i)
        lines.append(spoken(f"q{i}.wav", f"a{i}.wav", f"Answer {i}."))
        lines.append(recognised(f"q{i}.wav", f"question {i}"))
        lines.append(read_aloud(f"a{i}.wav", f"Answer {i}."))
    write_jsonl(made / "speech.jsonl", lines)
    write_jsonl(made / "text.jsonl", [written("Hi" * (i + 1), "Yes. " * i + "x") for i in range(9)])
    (made / "mixture.toml").write_text(TOML)
    return made


@pytest.fixture(scope="module")
def encoder(tiny_plain: Path) -> SampleEncoder:
    return SampleEncoder.from_directory(tiny_plain, BOOST.pattern)


def rows(folder: Path, encoder: SampleEncoder, **options: Any) -> PackedRows:
    return PackedRows(folder / "mixture.toml", encoder, RowOptions(row_tokens=400, **options))


def taken(loader: PackedRows, n: int) -> list[list[int]]:
    with loader:
        return [next(loader).input_ids[0].tolist() for _ in range(n)]


def samples_of(batches: list[PackedRow]) -> list[tuple[int, ...]]:
    return [
        tuple(batch.input_ids[0, begin:end].tolist())
        for batch in batches
        for begin, end in zip(batch.borders, batch.borders[1:], strict=False)
    ]


def test_an_epoch_has_every_sample_once_and_no_row_is_too_long(
    folder: Path, encoder: SampleEncoder
) -> None:
    with rows(folder, encoder, n_epochs=1) as loader:
        batches = list(loader)
        assert len(samples_of(batches)) == len(loader.mixture) == 2 * 12 + 9
    assert max(batch.input_ids.shape[1] for batch in batches) <= 400
    assert len(batches) < 33


def test_samples_of_two_sources_never_share_a_row(folder: Path, encoder: SampleEncoder) -> None:
    def is_mixed(batch: PackedRow) -> bool:
        found = [has_codes(sample) for sample in samples_of([batch])]
        return any(found) and not all(found)

    def has_codes(sample: tuple[int, ...]) -> bool:
        return any(map(encoder.tokenizer.table.is_code, sample))

    with rows(folder, encoder, n_epochs=1) as loader:
        assert not any(map(is_mixed, loader))


def test_padded_rows_are_all_of_one_length(folder: Path, encoder: SampleEncoder) -> None:
    with rows(folder, encoder, is_padded=True) as loader:
        assert {next(loader).input_ids.shape for _ in range(6)} == {(1, 400)}


def test_the_same_seed_gives_the_same_rows_with_any_number_of_workers(
    folder: Path, encoder: SampleEncoder
) -> None:
    alone = taken(rows(folder, encoder), 12)
    assert taken(rows(folder, encoder), 12) == alone
    assert taken(rows(folder, encoder, n_workers=3), 12) == alone


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_run_that_was_killed_goes_on_with_the_same_rows(
    folder: Path, encoder: SampleEncoder, n_workers: int
) -> None:
    with rows(folder, encoder, n_streams=2, n_workers=n_workers) as loader:
        for _ in range(7):
            next(loader)
        state = json.loads(json.dumps(loader.state_dict()))
        expected = [next(loader).input_ids.tolist() for _ in range(15)]
    with rows(folder, encoder, n_streams=2, n_workers=n_workers) as again:
        again.load_state_dict(state)
        assert [next(again).input_ids.tolist() for _ in range(15)] == expected


def test_two_processes_share_the_rows_that_one_would_have(
    folder: Path, encoder: SampleEncoder
) -> None:
    n_steps, n_streams = 3, 4
    alone = taken(rows(folder, encoder, n_streams=n_streams), n_steps * n_streams)
    shared = [
        taken(
            rows(folder, encoder, n_streams=n_streams, rank=rank, n_processes=2),
            n_steps * n_streams // 2,
        )
        for rank in range(2)
    ]
    for step in range(n_steps):
        of_step = alone[step * n_streams : (step + 1) * n_streams]
        assert shared[0][2 * step : 2 * step + 2] == of_step[::2]
        assert shared[1][2 * step : 2 * step + 2] == of_step[1::2]


def test_a_run_of_two_processes_goes_on_as_one(folder: Path, encoder: SampleEncoder) -> None:
    states: list[dict[str, Any]] = []
    for rank in range(2):
        with rows(folder, encoder, n_streams=2, rank=rank, n_processes=2) as loader:
            for _ in range(3):
                next(loader)
            states.append(loader.state_dict())
    expected = taken(rows(folder, encoder, n_streams=2), 10)[6:]
    with rows(folder, encoder, n_streams=2) as alone:
        alone.load_state_dict(*states)
        assert [next(alone).input_ids[0].tolist() for _ in range(4)] == expected
        with pytest.raises(DataError, match="lacks stream 1"):
            alone.load_state_dict(states[0])


def test_a_state_of_other_data_is_refused(folder: Path, encoder: SampleEncoder) -> None:
    with rows(folder, encoder) as loader:
        state = loader.state_dict()
    with (
        rows(folder, encoder, n_streams=2) as other,
        pytest.raises(DataError, match="begun with other data"),
    ):
        other.load_state_dict(state)


@pytest.mark.allow_warnings
def test_bad_samples_are_named_once_counted_and_passed_over(
    folder: Path, encoder: SampleEncoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_jsonl(
        tmp_path / "bad.jsonl",
        [
            written("Hi.", "Hello."),
            '{"messages": [',
            recognised("gone.wav", "hello"),
            written("Hi.", "<|nonsense|>"),
            written("Hi.", "long " * 200),
            written("Hi.", "Bye."),
        ],
    )
    with PackedRows(path, encoder, RowOptions(row_tokens=200, n_epochs=2)) as loader:
        assert len(samples_of(list(loader))) == 4
        assert loader.skipped.counts == {
            Fault.BROKEN_LINE: 1,
            Fault.MISSING_AUDIO: 1,
            Fault.UNKNOWN: 1,
            Fault.TOO_LONG: 1,
        }
        assert loader.skipped.summary().startswith("4 samples were skipped: ")
    said = [message for message in caplog.messages if "skipped: " in message]
    places = {message.partition(": ")[0] for message in said if "bad.jsonl:" in message}
    assert places == {f"{path}:{line}" for line in (2, 3, 4, 5)}


@pytest.mark.allow_warnings
def test_a_mixture_without_a_good_sample_is_an_error_and_no_endless_search(
    encoder: SampleEncoder, tmp_path: Path
) -> None:
    path = write_jsonl(tmp_path / "bad.jsonl", ["{}", "[]"])
    with (
        PackedRows(path, encoder) as loader,
        pytest.raises(DataError, match=r"no sample can be used: 2 samples were skipped"),
    ):
        next(loader)


def test_rows_that_processes_cannot_share_are_refused() -> None:
    with pytest.raises(DataError, match="3 rows of a step cannot be shared by 2 processes"):
        RowOptions(n_streams=3, n_processes=2)


def test_a_packed_row_has_the_losses_of_its_samples_alone(
    folder: Path, encoder: SampleEncoder, tiny_plain: Path
) -> None:
    model = load_language_model(tiny_plain, torch.float64).train().requires_grad_()
    with rows(folder, encoder, is_padded=True) as loader:
        packed = next(loader)
    total, n_targets = 0.0, 0
    for begin, end in zip(packed.borders, packed.borders[1:], strict=False):
        alone = model(
            packed.input_ids[:, begin:end],
            packed.position_ids[:, begin:end],
            packed.labels[:, begin:end],
        )
        n_here = int((packed.labels[:, begin:end] != -100).sum())
        total += alone.main_loss.item() * n_here
        n_targets += n_here
    assert len(packed.borders) > 2
    assert packed.n_targets == n_targets
    assert model(**packed.inputs()).main_loss.item() == pytest.approx(total / n_targets)


def test_a_row_of_heard_frames_goes_through_the_network(
    folder: Path, tiny_plus: Path, tmp_path: Path
) -> None:
    model = load_language_model(tiny_plus, torch.float32).train().requires_grad_()
    options = RowOptions(row_tokens=600, n_epochs=1)
    path = folder / "speech.jsonl"
    heard = 0
    with PackedRows(
        path, SampleEncoder.from_directory(tiny_plus, BOOST.pattern), options
    ) as loader:
        for batch in loader:
            table = loader.encoder.tokenizer.table
            places = torch.cat([index[1, 0] for index in batch.audio_indices])
            assert (batch.input_ids[0, places] == table.context_of_audio).all()
            assert int((batch.input_ids == table.context_of_audio).sum()) == len(places)
            assert torch.isfinite(model(**batch.inputs()).loss)
            heard += len(batch.audios)
    assert heard == 8
