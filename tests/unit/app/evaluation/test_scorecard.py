"""Scorecards as JSON and as a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.evaluation.scorecard import (
    Machine,
    Scorecard,
    Table,
    cell,
    percentile,
    publish,
    render,
    render_markdown,
    share_percent,
    this_machine,
    wilson,
)
from app.messages.errors import BadInputError

MACHINE = Machine("a processor", 2, 16.0, "3.11.7", "Linux 6")
CARD = Scorecard(
    "duplex",
    "parley bench duplex DIR",
    (
        {"detector": "timer", "end_latency_p50_ms": 1234.5678, "missed": None},
        {"detector": "balanced", "end_latency_p50_ms": 590.0, "missed": 0},
    ),
    MACHINE,
    ("a note",),
)


def test_json_holds_rows_command_and_machine(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    publish(CARD, MACHINE, path, None)
    card = json.loads(path.read_text(encoding="utf-8"))
    assert card["bench"] == "duplex"
    assert card["command"] == "parley bench duplex DIR"
    assert card["machine"]["cores"] == 2
    assert card["rows"][0] == {"detector": "timer", "end_latency_p50_ms": 1234.568, "missed": None}


def test_the_table_has_every_value_and_the_footer() -> None:
    text = render(CARD)
    lines = text.splitlines()
    assert lines[0].split() == ["detector", "end_latency_p50_ms", "missed"]
    assert lines[2].split() == ["timer", "1235", "-"]
    assert "note: a note" in text
    assert "command: parley bench duplex DIR" in text
    assert "2 cores, 16.0 GB" in text


def test_a_wide_table_is_printed_sideways() -> None:
    lines = render(CARD, width=35).splitlines()
    assert lines[0].split() == ["detector", "timer", "balanced"]
    assert lines[2].split() == ["end_latency_p50_ms", "1235", "590"]


def test_more_rows_than_fit_side_by_side_go_into_blocks() -> None:
    card = Scorecard("turns", "x", tuple({"detector": f"timer {i}"} for i in range(9)), MACHINE)
    text = render(card, width=30)
    table = text.partition("command:")[0]
    assert all(f"timer {i}" in table for i in range(9))


def test_an_empty_card_says_so() -> None:
    assert "nothing measured" in render(Scorecard("turns", "x", (), MACHINE))


def test_cells_keep_three_digits_or_so() -> None:
    assert [cell(v) for v in (None, "a", 7, 0.0, 0.1234, 12.34, 123.4)] == [
        "-", "a", "7", "0", "0.123", "12.3", "123",
    ]  # fmt: skip


def test_nothing_measured_is_none_not_zero() -> None:
    assert percentile([], 50) is None
    assert share_percent(0, 0) is None
    assert percentile([1.0, 3.0], 50) == 2.0
    assert share_percent(1, 4) == 25.0


@pytest.mark.parametrize(
    "typed",
    [
        "parley bench duplex 'my dir' --json x.json",
        "parley bench duplex --markdown=page.md 'my dir'",
        "parley bench duplex 'my dir' --markdown page.md",
        "parley bench duplex 'my dir' --markdown",
        "parley bench duplex --json x.json 'my dir' --markdown -",
    ],
)
def test_the_command_is_told_without_where_its_result_went(
    typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(replace(CARD, command=typed), MACHINE, None, None)
    assert "command: parley bench duplex 'my dir'\n" in capsys.readouterr().out


def test_a_page_shows_table_command_and_machine(capsys: pytest.CaptureFixture[str]) -> None:
    publish(CARD, replace(MACHINE, load=3.2), None, Path("-"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("`parley bench duplex DIR`, 20")
    assert lines[0].endswith("busy (load 3.2)")
    assert lines[2:6] == [
        "| detector | end_latency_p50_ms | missed |",
        "| --- | --- | --- |",
        "| timer | 1235 | - |",
        "| balanced | 590 | 0 |",
    ]
    assert lines[-1] == "- a note"


def test_a_page_shows_chosen_columns_and_turns_a_wide_table() -> None:
    chosen = render_markdown(replace(CARD, page_columns=("missed",)))
    assert "| missed |\n| --- |\n| - |" in chosen
    wide = Scorecard("x", "x", ({f"column_{i}": i for i in range(30)},), MACHINE)
    assert "| column_0 | 0 |\n| --- | --- |\n| column_1 | 1 |" in render_markdown(wide)


def test_a_page_is_rewritten_between_the_markers_of_the_command(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    edges = [f"<!-- {edge}: parley bench duplex DIR -->" for edge in ("begin", "end")]
    other = "<!-- begin: parley eval tts -->\nold\n<!-- end: parley eval tts -->"
    page.write_text(f"before\n{edges[0]}\nold\n{edges[1]}\nafter\n{other}\n", "utf-8")
    for _ in range(2):
        publish(CARD, MACHINE, None, page)
    text = page.read_text("utf-8")
    assert text == f"before\n{edges[0]}\n{render_markdown(CARD)}{edges[1]}\nafter\n{other}\n"


def test_a_page_without_the_markers_stays_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- begin: parley bench duplex DIR -->\n", "utf-8")
    with pytest.raises(BadInputError, match="lacks the lines <!-- begin: parley bench duplex DIR"):
        publish(CARD, MACHINE, None, page)
    assert page.read_text("utf-8") == "<!-- begin: parley bench duplex DIR -->\n"


def test_this_machine_is_described() -> None:
    machine = this_machine()
    assert machine.n_cores >= 1
    assert machine.python in machine.line()


def test_half_of_ten_lies_between_a_quarter_and_three_quarters() -> None:
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-3)


def test_none_of_few_is_far_from_never() -> None:
    low, high = wilson(0, 13) or (1.0, 0.0)
    assert low == 0.0
    assert high == pytest.approx(0.228, abs=1e-3)


def test_a_share_of_nothing_has_no_interval() -> None:
    assert wilson(0, 0) is None


WITH_TABLES = replace(
    CARD,
    page_columns=("detector", "missed"),
    tables=(Table("By echo", ({"detector": "timer", "-5_dB": "1 of 2"},)),),
)


def test_a_card_with_smaller_tables_prints_its_main_columns_and_them() -> None:
    text = render(WITH_TABLES)
    assert "end_latency" not in text
    assert "By echo:" in text
    assert "1 of 2" in text
    page = render_markdown(WITH_TABLES)
    assert "| detector | missed |" in page
    assert "| timer | 1 of 2 |" in page


def test_json_keeps_every_column_and_table(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    publish(WITH_TABLES, MACHINE, path, None)
    card = json.loads(path.read_text(encoding="utf-8"))
    assert "end_latency_p50_ms" in card["rows"][0]
    assert card["tables"] == {"By echo": [{"detector": "timer", "-5_dB": "1 of 2"}]}


def test_a_cache_is_no_part_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    publish(
        replace(CARD, command="parley bench duplex DIR --cache x --honest"), MACHINE, None, None
    )
    assert "command: parley bench duplex DIR --honest\n" in capsys.readouterr().out
