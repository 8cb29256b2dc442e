from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model.training.data.problems import BadSample, Fault
from model.training.data.samples import Role, SampleKind, parse_sample
from tests.fakes.training_data import read_aloud, recognised, spoken, written

FOLDER = Path("/data")


def parsed(line: Any) -> Any:
    return parse_sample(line if isinstance(line, str) else json.dumps(line), FOLDER)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (spoken("q.wav", "a.wav", "Hello."), SampleKind.SPEECH_TO_SPEECH),
        (recognised("q.wav", "hello"), SampleKind.RECOGNITION),
        (read_aloud("a.wav", "Hello."), SampleKind.SYNTHESIS),
        (written("Hi.", "Hello."), SampleKind.TEXT),
    ],
)
def test_the_kind_is_told_by_who_is_recorded(line: dict[str, Any], kind: SampleKind) -> None:
    assert parsed(line).kind is kind


def test_recordings_belong_to_the_tags_in_order() -> None:
    sample = parsed(spoken("q.wav", "a.wav", "Hello."))
    assert [turn.audios for turn in sample.turns] == [(FOLDER / "q.wav",), (FOLDER / "a.wav",)]


def test_an_absolute_path_stays_one() -> None:
    assert parsed(recognised("/far/q.wav", "hello")).turns[0].audios == (Path("/far/q.wav"),)


def test_conversations_and_other_names_of_roles_are_understood() -> None:
    sample = parsed(
        {
            "id": 7,
            "images": None,
            "conversations": [
                {"role": "human", "content": "Hi."},
                {"role": "gpt", "content": "Hello."},
            ],
        }
    )
    assert [turn.role for turn in sample.turns] == [Role.USER, Role.ASSISTANT]


def test_a_message_may_be_read_and_not_learnt() -> None:
    messages = [
        *written("Hi.", "Hello.")["messages"],
        *written("How are you?", "Fine.")["messages"],
    ]
    messages[1]["learn"] = False
    assert [turn.is_learnt for turn in parsed({"messages": messages}).turns] == [
        False,
        False,
        False,
        True,
    ]


def test_a_voice_may_be_given_in_the_system_message() -> None:
    line = read_aloud("a.wav", "Hello.")
    line["messages"].insert(0, {"role": "system", "content": "Your Voice: <|audio|>\n"})
    line["audios"].insert(0, "voice.wav")
    assert parsed(line).turns[0].audios == (FOLDER / "voice.wav",)
    assert parsed(line).kind is SampleKind.SYNTHESIS


def _with(line: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**line, **changes}


GOOD = spoken("q.wav", "a.wav", "Hello.")
USER_ONLY = {"messages": [{"role": "user", "content": "Hi."}]}


@pytest.mark.parametrize(
    ("line", "fault", "reason"),
    [
        ('{"messages": [', Fault.BROKEN_LINE, "as JSON"),
        ("[1, 2]", Fault.BROKEN_LINE, "must be an object"),
        ("{}", Fault.WRONG_SHAPE, "messages"),
        (_with(GOOD, messages="x"), Fault.WRONG_SHAPE, "messages"),
        (_with(GOOD, audios=["q.wav"]), Fault.WRONG_SHAPE, "no recording is named"),
        (_with(GOOD, audios=["q", "a", "b"]), Fault.WRONG_SHAPE, "names 3 recordings and has 2"),
        (_with(GOOD, audios=["q", 3]), Fault.WRONG_SHAPE, "audios[1]: must be a text"),
        (_with(GOOD, audios="q.wav"), Fault.WRONG_SHAPE, "audios: must be"),
        (USER_ONLY, Fault.WRONG_SHAPE, "an answer must be there"),
        (written("Hi.", " "), Fault.WRONG_SHAPE, "message 2 has no content"),
        (written("Hi.<|im_end|>", "Hello."), Fault.UNKNOWN, "<|im_end|>"),
        (written("Hi.", "<|audio_99999|>"), Fault.UNKNOWN, "<|audio_99999|>"),
        (
            {"messages": [{"role": "robot", "content": "Hi."}]},
            Fault.WRONG_SHAPE,
            "messages[0].role: must be one of",
        ),
    ],
)
def test_a_bad_line_says_why(line: Any, fault: Fault, reason: str) -> None:
    with pytest.raises(BadSample) as raised:
        parsed(line)
    assert raised.value.fault is fault
    assert reason in str(raised.value)


def test_an_answer_is_spoken_in_one_piece() -> None:
    line = {
        "messages": [
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": "<|audio|> and <|audio|>"},
        ],
        "audios": ["a.wav", "b.wav"],
    }
    with pytest.raises(BadSample, match="in one piece"):
        parsed(line)
