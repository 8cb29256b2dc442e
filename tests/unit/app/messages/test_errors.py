"""What a person is told when something cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.messages.errors import BadInputError, ParleyError, one_line


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            BadInputError(Path("talk.toml"), "user[2].wav", 'no file "a.wav"', "check the name"),
            'talk.toml: user[2].wav: no file "a.wav"; check the name',
        ),
        (BadInputError(None, "--seed", "must be a number"), "--seed: must be a number"),
        (BadInputError("a.toml", "", "is\nempty"), "a.toml: is empty"),
    ],
)
def test_bad_input_is_one_line_with_file_key_and_remedy(error: BadInputError, message: str) -> None:
    assert str(error) == message
    assert isinstance(error, ParleyError)


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert one_line("a\x1b[31m\r\nb\u2028c") == "a [31m b c"
