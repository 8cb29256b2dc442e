from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from model.training.data.mixture import Mixture, read_mixture
from model.training.data.problems import DataError
from tests.fakes.training_data import write_jsonl, written


def lines(folder: Path, name: str, n: int) -> Path:
    return write_jsonl(folder / name, [written(f"{name} {i}", "Yes.") for i in range(n)])


def mixture(folder: Path, text: str) -> Mixture:
    path = folder / "mixture.toml"
    path.write_text(text, encoding="utf-8")
    return read_mixture(path)


def taken(found: Mixture) -> list[tuple[str, int]]:
    entries = [found.entry(i) for i in range(len(found))]
    return [(entry.file.path.name, entry.index) for entry in entries]


def test_a_ratio_below_one_takes_a_part_and_one_above_repeats(tmp_path: Path) -> None:
    lines(tmp_path, "a.jsonl", 20)
    lines(tmp_path, "b.jsonl", 3)
    text = (
        '[sources.a]\nfiles = ["a.jsonl"]\nratio = 0.25\n'
        '[sources.b]\nfiles = ["b.jsonl"]\nratio = 2.5\n'
    )
    counts = Counter(taken(mixture(tmp_path, text)))
    assert sum(n for (name, _), n in counts.items() if name == "a.jsonl") == 5
    assert sorted(n for (name, _), n in counts.items() if name == "b.jsonl") == [2, 2, 3]


def test_no_more_than_the_limit_is_taken_of_each_file(tmp_path: Path) -> None:
    lines(tmp_path, "part/a.jsonl", 20)
    lines(tmp_path, "part/b.jsonl", 4)
    text = '[sources.both]\nfiles = ["part/*.jsonl"]\nmost = 6\n'
    counts = Counter(name for name, _ in taken(mixture(tmp_path, text)))
    assert counts == {"a.jsonl": 6, "b.jsonl": 4}


def test_the_seed_decides_what_is_taken_and_each_epoch_has_its_order(tmp_path: Path) -> None:
    lines(tmp_path, "a.jsonl", 100)
    text = '[sources.a]\nfiles = ["a.jsonl"]\nratio = 0.1\n'
    one, again = mixture(tmp_path, text), mixture(tmp_path, text)
    other = mixture(tmp_path, f"seed = 7\n{text}")
    assert taken(one) == taken(again) != taken(other)
    assert list(one.order(0)) == list(again.order(0)) != list(one.order(1))
    assert sorted(one.order(1)) == list(range(10))
    assert one.fingerprint == again.fingerprint != other.fingerprint


def test_a_single_file_is_a_mixture(tmp_path: Path) -> None:
    found = read_mixture(lines(tmp_path, "a.jsonl", 3))
    assert len(found) == 3
    assert found.entry(0).source.system == "luke"


def test_who_answers_is_named_or_written_out(tmp_path: Path) -> None:
    lines(tmp_path, "a.jsonl", 1)
    systems = ("lucy", "", "Be brief.")
    text = "".join(
        f'[sources.s{i}]\nfiles = ["a.jsonl"]\nsystem = "{system}"\n'
        for i, system in enumerate(systems)
    )
    sources = mixture(tmp_path, text).sources
    assert [source.system for source in sources] == ["lucy", "", "Be brief."]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sources = 3", "sources: must be a table that is not empty, got 3"),
        ("seed = 3", "sources: is missing"),
        ("[sources", r"cannot be read as TOML"),
        ("[sources.a]\nratio = 1.0", r"sources\.a\.files: is missing"),
        ('[sources.a]\nfiles = ["none*.jsonl"]', r"sources\.a\.files: 'none\*\.jsonl' finds no"),
        ('[sources.a]\nfiles = ["a.jsonl"]\nratio = 0', r"sources\.a\.ratio: .* got 0"),
        ('[sources.a]\nfiles = ["a.jsonl"]\nmost = 0', r"sources\.a\.most: .* got 0"),
        ('[sources.a]\nfiles = ["a.jsonl"]\nsystem = 1', r"sources\.a\.system"),
        ('[sources.a]\nfiles = ["a.jsonl"]\nweight = 1', r"sources\.a\.weight: is unknown"),
        ('seed = "x"\n[sources.a]\nfiles = ["a.jsonl"]', "seed: must be a whole number"),
        ('[sources.a]\nfiles = ["a.jsonl"]\nratio = 0.1', "the ratios leave no sample"),
    ],
)
def test_a_wrong_value_names_file_and_key(tmp_path: Path, text: str, reason: str) -> None:
    lines(tmp_path, "a.jsonl", 2)
    with pytest.raises(DataError, match=rf"mixture\.toml: {reason}"):
        mixture(tmp_path, text)
