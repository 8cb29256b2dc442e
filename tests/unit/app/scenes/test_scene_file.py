"""Reading scenes: what is right is read, what is wrong is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from app.messages.errors import BadInputError
from app.scenes.scene_file import Cue, Label, read_scene

BUNDLED = Path(__file__).resolve().parents[4] / "resources" / "scenes"


def scene(folder: Path, text: str) -> Path:
    path = folder / "scene.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_scene_is_read(tmp_path: Path) -> None:
    (tmp_path / "q.wav").touch()
    read = read_scene(
        scene(
            tmp_path,
            """
            [room]
            echo_db = -20
            [[user]]
            wav = "q.wav"
            at_s = 1
            [[user]]
            text = "stop"
            after = "assistant_speech_started"
            delay_s = 1.5
            label = "stop"
            [end]
            at_most_s = 30
            """,
        )
    )
    assert read.room.echo_db == -20.0
    assert read.room.delay_ms == 80.0
    assert read.file(read.users[0].wav) == tmp_path / "q.wav"
    assert read.users[0].label is Label.QUESTION
    assert read.users[1].after is Cue.ASSISTANT_STARTED
    assert read.end.at_most_s == 30.0


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.toml")), ids=lambda path: path.stem)
def test_the_bundled_scenes_are_sound(path: Path) -> None:
    assert read_scene(path).end.at_most_s <= 120.0


def test_there_are_scenes_for_every_situation() -> None:
    names = {path.stem for path in BUNDLED.glob("*.toml")}
    expected = {
        "first_talk", "pause_inside_turn", "backchannel", "barge_in", "noise_only", "echo_only",
    }  # fmt: skip
    assert expected <= names


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[[user]]\nwav = 'gone.wav'\nat_s = 1", "user[0].wav"),
        ("[[user]]\ntext = 'a'\nat_s = 1\nloud = true", "user[0].loud"),
        ("[room]\nreverb = 1", "room.reverb"),
        ("[room]\nclip_at = 0", "room.clip_at"),
        ("[room]\ndelay_jump_ms = -40", "room.delay_jump_ms"),
        ("[[user]]\ntext = 'a'\nat_s = 1\npatience_s = 5", "user[0].patience_s"),
        ("[[user]]\ntext = 'a'\nat_s = -1", "user[0].at_s"),
        ("[[user]]\ntext = 'a'\nat_s = nan", "user[0].at_s"),
        ("[[user]]\ntext = 'a'\nat_s = 99\n[end]\nat_most_s = 10", "user[0].at_s"),
        ("[[user]]\ntext = 'a'", "user[0].at_s"),
        ("[[user]]\ntext = 'a'\nat_s = 1\nafter = 'ready'", "user[0].at_s"),
        ("[[user]]\nat_s = 1", "user[0].wav"),
        ("[[user]]\ntext = 'a'\nat_s = 1\nlabel = 'song'", "user[0].label"),
        ("[[user]]\ntext = 'a'\nafter = 'user_speech_ended'", "user[0].after"),
        ("[[user]]\ntext = 'a'\nat_s = true", "user[0].at_s"),
        ("[[user]]\ntext = 'a'\nat_s = 1\ndelay_s = 1", "user[0].delay_s"),
        ("user = 3", "user"),
        ("room = 3", "room"),
        ("[room]\necho_db = 500", "room.echo_db"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    path = scene(tmp_path, text)
    with pytest.raises(BadInputError) as caught:
        read_scene(path)
    message = str(caught.value)
    assert caught.value.key == key
    assert str(path) in message
    assert "\n" not in message


def test_a_missing_file_and_broken_toml_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is missing"):
        read_scene(tmp_path / "none.toml")
    with pytest.raises(BadInputError, match="as TOML"):
        read_scene(scene(tmp_path, "[[user"))


def refusal(path: Path) -> str:
    """Why a scene is refused; empty when it is read. Anything else is raised."""
    try:
        read_scene(path)
    except BadInputError as error:
        return str(error)
    return ""


numbers = st.one_of(st.integers(), st.floats(), st.booleans())
values = st.one_of(st.text(max_size=8), numbers, st.lists(st.integers(), max_size=2))
keys = st.sampled_from(
    ["wav", "text", "voice", "at_s", "after", "delay_s", "label", "echo_db", "noise", "x"]
)


@given(st.dictionaries(keys, values, max_size=5), st.sampled_from(["[[user]]", "[room]", "[end]"]))
def test_any_table_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, object], header: str
) -> None:
    path = scene(tmp_path_factory.mktemp("fuzz"), f"{header}\n{tomlkit.dumps(table)}")
    assert "\n" not in refusal(path)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "scene.toml"
    path.write_bytes(data)
    assert "\n" not in refusal(path)
