"""Reading never fails, writing loses nothing."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from app.messages.errors import BadInputError
from app.messages.notices import NoticeKind
from app.settings.file import MIGRATIONS, LoadedSettings, Tables, load_settings, save_settings
from app.settings.option import OptionInfo, Value, problem_with
from app.settings.settings import Settings, options, section_names

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def noon() -> datetime:
    return NOON


NEWEST = len(MIGRATIONS) + 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_without_a_file_all_is_default_and_nothing_is_said(path: Path) -> None:
    loaded = load_settings(path)
    assert loaded.settings == Settings()
    assert loaded.notices == ()
    assert not path.exists()


def test_what_was_saved_is_read_back(path: Path) -> None:
    settings = (
        Settings()
        .with_value("voice", "preset", "heart+bella:0.3")
        .with_value("conversation", "extra_stop_words", ("halt", "停下"))
        .with_value("conversation", "persona", 'Says "hello"\tand more \\ 你好')
        .with_value("audio", "output_volume_db", -6.5)
    )
    save_settings(path, settings)
    loaded = load_settings(path)
    assert loaded.settings == settings
    assert loaded.notices == ()


def test_defaults_are_not_written_so_that_better_ones_can_reach_the_user(path: Path) -> None:
    save_settings(path, Settings().with_value("voice", "rate", 1.2))
    assert tomllib.loads(path.read_text()) == {"schema_version": NEWEST, "voice": {"rate": 1.2}}


def test_saving_keeps_comments_order_and_unknown_keys(path: Path) -> None:
    path.write_text(
        "# mine\n[voice]\nrate = 1.1 # a bit faster\n\n[audio]\nlatency_ms = 120\nshade = 3\n"
        '[experiment]\nx = "y"\n'
    )
    settings = load_settings(path).settings.with_value("voice", "rate", 1.3)
    save_settings(path, settings)
    text = path.read_text()
    assert "# mine" in text
    assert "rate = 1.3 # a bit faster" in text
    assert "shade = 3" in text
    assert '[experiment]\nx = "y"' in text
    assert text.index("[voice]") < text.index("[audio]")


def test_a_setting_put_back_to_its_default_takes_effect(path: Path) -> None:
    path.write_text("[voice]\nrate = 1.5\n")
    save_settings(path, Settings())
    assert load_settings(path).settings == Settings()


def test_a_bad_value_costs_only_itself_and_is_named(path: Path) -> None:
    path.write_text('[audio]\nlatency_ms = "fast"\nblock_ms = 10\n[voice]\nrate = 9\n')
    loaded = load_settings(path)
    assert loaded.settings == Settings().with_value("audio", "block_ms", 10)
    assert [notice.text for notice in loaded.notices] == [
        f'{path}: audio.latency_ms = "fast": must be a whole number from 10 to 500 ms; 60 is used',
        f"{path}: voice.rate = 9: must be a number from 0.7 to 1.5; 1.0 is used",
    ]


def test_a_bad_value_is_mended_by_the_next_save(path: Path) -> None:
    path.write_text("[privacy]\nrecord_audio = 0\n")
    save_settings(path, load_settings(path).settings)
    assert load_settings(path).notices == ()


def test_unknown_keys_are_told_once(path: Path) -> None:
    path.write_text("[audio]\nshade = 3\n[experiment]\nx = 1\n")
    (notice,) = load_settings(path).notices
    assert notice.kind is NoticeKind.INFO
    assert notice.text.endswith("audio.shade, experiment")


def test_speech_cannot_end_above_where_it_begins(path: Path) -> None:
    path.write_text("[vad]\nenter_threshold = 0.4\nexit_threshold = 0.6\nenter_ms = 64\n")
    loaded = load_settings(path)
    assert loaded.settings == Settings().with_value("vad", "enter_ms", 64)
    assert "vad.enter_threshold = 0.4" in loaded.notices[0].text


def test_an_order_that_cannot_be_saved_leaves_the_file_alone(path: Path) -> None:
    path.write_text("[vad]\nenter_ms = 64\n")
    settings = Settings().with_value("vad", "exit_threshold", 0.9)
    with pytest.raises(BadInputError, match=r"vad\.exit_threshold: must not be above"):
        save_settings(path, settings, now=noon)
    assert path.read_text() == "[vad]\nenter_ms = 64\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"[audio\n", b"\xff\xfe\x00", b"x = " + b"[" * 5000])
def test_a_broken_file_is_kept_aside_and_defaults_are_used(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    loaded = load_settings(path, now=noon)
    assert loaded.settings == Settings()
    aside = path.with_name("settings.toml.broken-20260102-120000")
    assert aside.read_bytes() == content
    assert not path.exists()
    assert aside.name in loaded.notices[0].text
    assert "\n" not in loaded.notices[0].text


def test_two_broken_files_of_one_second_are_both_kept(path: Path) -> None:
    for content in ("[a", "[b"):
        path.write_text(content)
        load_settings(path, now=noon)
    assert {item.read_text() for item in path.parent.iterdir()} == {"[a", "[b"}


def test_a_file_broken_while_parley_ran_is_not_overwritten(path: Path) -> None:
    path.write_text("[audio")
    save_settings(path, Settings().with_value("voice", "rate", 1.2), now=noon)
    assert path.with_name("settings.toml.broken-20260102-120000").read_text() == "[audio"
    assert load_settings(path).settings.voice.rate == 1.2


def test_a_folder_in_its_place_is_reported_not_raised(path: Path) -> None:
    path.mkdir()
    loaded = load_settings(path)
    assert loaded.settings == Settings()
    assert "cannot be read" in loaded.notices[0].text


def test_an_invalid_value_is_not_saved(path: Path) -> None:
    with pytest.raises(BadInputError, match=r"voice\.rate: must be a number from 0\.7 to 1\.5"):
        save_settings(path, Settings().with_value("voice", "rate", 3.0))
    assert not path.exists()


def test_a_failed_save_leaves_the_old_file_and_no_debris(path: Path) -> None:
    class DiskFullError(Exception):
        pass

    def fail(_: Tables) -> None:
        raise DiskFullError

    path.write_text("[voice]\nrate = 1.1\n")
    with pytest.raises(DiskFullError):
        save_settings(path, Settings(), migrations=(fail,))
    assert path.read_text() == "[voice]\nrate = 1.1\n"
    assert list(path.parent.iterdir()) == [path]


def to_rate(tables: Tables) -> None:
    """A key that was renamed and changed its unit, as a migration would do it."""
    voice = tables.get("voice", {})
    if "speed_percent" in voice:
        voice["rate"] = voice.pop("speed_percent") / 100


def test_an_older_file_is_migrated_when_read_and_when_saved(path: Path) -> None:
    path.write_text("schema_version = 1\n[voice] # who\nspeed_percent = 120\n")
    loaded = load_settings(path, (to_rate,))
    assert loaded.settings.voice.rate == 1.2
    assert loaded.notices == ()
    save_settings(path, loaded.settings, (to_rate,))
    assert tomllib.loads(path.read_text()) == {"schema_version": 2, "voice": {"rate": 1.2}}
    assert "# who" in path.read_text()


def test_the_old_name_of_the_endpointing_mode_keeps_its_value(path: Path) -> None:
    path.write_text('[conversation]\npatience = "eager" # quick\n')
    settings = load_settings(path).settings
    assert settings.conversation.endpointing_mode == "eager"
    save_settings(path, settings)
    assert 'endpointing_mode = "eager" # quick' in path.read_text()
    assert load_settings(path) == LoadedSettings(settings)


@pytest.mark.parametrize("was", ["true", "false"])
def test_a_file_that_was_offline_asks_before_it_connects(path: Path, was: str) -> None:
    path.write_text(f"[privacy]\noffline = {was}\nkeep_history = false\n[vad]\npreroll_ms = 500\n")
    loaded = load_settings(path)
    assert loaded.settings.privacy.network == "when I ask"
    assert loaded.notices == ()
    save_settings(path, loaded.settings)
    tables = tomllib.loads(path.read_text())
    assert tables["privacy"] == {"keep_history": False}
    assert tables["vad"] == {}


def test_a_migration_is_not_run_twice(path: Path) -> None:
    path.write_text("schema_version = 2\n[voice]\nspeed_percent = 120\n")
    assert load_settings(path, (to_rate,)).settings.voice.rate == 1.0


def test_a_newer_file_is_used_as_far_as_known_and_keeps_its_version(path: Path) -> None:
    path.write_text("schema_version = 9\n[voice]\nrate = 1.2\nmood = 1\n")
    loaded = load_settings(path)
    assert loaded.settings.voice.rate == 1.2
    assert "newer" in loaded.notices[0].text
    save_settings(path, loaded.settings)
    assert tomllib.loads(path.read_text())["schema_version"] == 9


@pytest.mark.parametrize(
    "text",
    [
        "audio = 3",
        "[[audio]]\nlatency_ms = 70",
        "audio.latency_ms = 70\naudio.block_ms = 10",
        "audio = {latency_ms = 70}",
        "[audio]\nlatency_ms = 70\n[vad]\n[audio.deeper]\ny = 1",
        "[audio.deeper]\ny = 1\n[vad]\n[audio]\nlatency_ms = 70",
        'schema_version = "one"',
        "\ufeff[audio]\r\nlatency_ms = 70\r\n",
    ],
)
def test_any_layout_can_be_edited(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
    settings = load_settings(path).settings.with_value("audio", "latency_ms", 90)
    save_settings(path, settings)
    assert load_settings(path).settings == settings
    assert tomllib.loads(path.read_text("utf-8-sig"))["schema_version"] == NEWEST


TEXTS = st.text(max_size=20)
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.lists(TEXTS, max_size=3)
)
KEYS = st.sampled_from([info.key for info in options()]) | TEXTS
TABLES = st.dictionaries(
    st.sampled_from([*section_names(), "schema_version"]) | TEXTS,
    st.dictionaries(KEYS, PLAIN.filter(lambda value: value is not None), max_size=5)
    | PLAIN.filter(lambda value: value is not None),
    max_size=5,
)


def valid(info: OptionInfo) -> st.SearchStrategy[Value]:
    low, high = info.option.minimum, info.option.maximum
    match info.default:
        case bool():
            return st.booleans()
        case int():
            return st.integers(int(low or 0), int(high or 0))
        case float():
            return st.floats(low, high)
        case tuple():
            return st.lists(st.text(max_size=8), max_size=3).map(tuple)
        case str():
            choices = info.option.choices
            texts = st.text(max_size=20).filter(lambda text: problem_with(info, text) is None)
            return st.sampled_from(choices) if choices else texts


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "settings.toml"
    path.write_bytes(content)
    loaded = load_settings(path)
    assert isinstance(loaded.settings, Settings)
    assert any(item.read_bytes() == content for item in path.parent.iterdir())


@given(tables=TABLES, data=st.data())
def test_any_toml_is_read_edited_and_keeps_what_is_unknown(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, Any], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "settings.toml"
    path.write_text(tomlkit.dumps(tables), encoding="utf-8", newline="")
    loaded = load_settings(path)
    for notice in loaded.notices:
        assert notice.text.isprintable()
    info = data.draw(st.sampled_from(options()).filter(lambda info: info.section != "vad"))
    settings = loaded.settings.with_value(info.section, info.key, data.draw(valid(info)))
    save_settings(path, settings)
    assert load_settings(path).settings == settings
    kept = tomllib.loads(path.read_text(encoding="utf-8"))
    is_edited_in_place = len(list(path.parent.iterdir())) == 1
    if is_edited_in_place:
        known = {*section_names(), "schema_version"}
        for key in tables.keys() - known:
            assert repr(kept[key]) == repr(tables[key])
