"""What the predictor was given comes back bit for bit, whatever fields it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.replay.codec import CodecError, Row, columns_of, rows_of, without_sound
from audio_io.frames import AudioFrame, Spotted, UserFrame, frozen
from model.types import AgentState

RNG = np.random.default_rng(3)


def sound(start: int) -> AudioFrame:
    samples = RNG.standard_normal(160).astype(np.float32)
    samples[0] = -0.0
    return AudioFrame(frozen(samples), start)


def rows() -> list[Row]:
    first = UserFrame(sound(0), 0.1, False, -60.1, aec_has_converged=False)
    later = UserFrame(
        sound(160),
        1 / 3,
        True,
        -20.0,
        sound(160),
        -21.3,
        partial_text="hello you",
        partial_at_s=0.7,
        near=sound(160),
        spotted=Spotted(0.02, 0.7, p_speech=0.1, p_nothing=0.2, word="stop"),
    )
    quiet = AgentState()
    speaking = AgentState(True, "It is", 0.7)
    return [(first, quiet), (later, speaking), (later, quiet)]


def written(given: list[Row]) -> tuple[dict[str, np.ndarray], list[str]]:
    texts: list[str] = []

    def text_id(text: str) -> int:
        if text not in texts:
            texts.append(text)
        return texts.index(text)

    return columns_of(given, text_id), texts


def test_rows_come_back_bit_for_bit() -> None:
    given = rows()
    back = list(rows_of(*written(given)))
    assert len(back) == len(given)
    for (user, agent), (user_back, agent_back) in zip(given, back, strict=True):
        assert user.clean.samples.tobytes() == user_back.clean.samples.tobytes()
        assert (user.clean.start, user.clean.rate_hz) == (
            user_back.clean.start, user_back.clean.rate_hz,
        )  # fmt: skip
        if user.far is None or user_back.far is None:
            assert user.far is user_back.far
        else:
            assert user.far.samples.tobytes() == user_back.far.samples.tobytes()
        if user.near is None or user_back.near is None:
            assert user.near is user_back.near
        else:
            assert user.near.samples.tobytes() == user_back.near.samples.tobytes()
        heard = replace(user, clean=user_back.clean, far=user_back.far, near=user_back.near)
        assert heard == user_back
        assert agent == agent_back


def test_frames_that_come_back_cannot_be_written_to() -> None:
    ((user, _), *_) = rows_of(*written(rows()))
    assert not user.clean.samples.flags.writeable


def test_a_field_that_an_older_recording_lacks_has_its_default() -> None:
    arrays, texts = written(rows())
    del arrays["user.aec_has_converged"]
    assert all(user.aec_has_converged for user, _ in rows_of(arrays, texts))


def test_columns_of_older_recordings_are_found_by_their_old_names() -> None:
    arrays, texts = written(rows())
    older = (
        ("user.frame.", "user.clean."),
        ("agent.far", "user.far"),
        ("user.model_p_end", "agent.model_p_end"),
    )
    renamed = dict(arrays)
    for old, new in older:
        for name in [name for name in renamed if name.startswith(new)]:
            renamed[old + name.removeprefix(new)] = renamed.pop(name)
    for (user, agent), (user_back, agent_back) in zip(rows(), rows_of(renamed, texts), strict=True):
        assert (user.clean.end, user.far_dbfs) == (user_back.clean.end, user_back.far_dbfs)
        assert agent == agent_back


def test_sound_that_was_left_out_is_silence_of_the_same_length() -> None:
    arrays, texts = written(rows())
    users = [user for user, _ in rows_of(without_sound(arrays), texts)]
    assert [user.clean.end for user in users] == [160, 320, 320]
    assert not any(user.clean.samples.any() for user in users)


@pytest.mark.parametrize(
    ("name", "damage", "complaint"),
    [
        ("user.p_speech", lambda a: a[:-1], "different lengths"),
        ("user.clean.samples", lambda a: a[:-1], "does not hold the sound"),
        ("user.clean.start", lambda a: a[:-1], "different lengths"),
        ("user.partial_text", lambda a: a + 7, "names text 7 of 4"),
        ("user.p_speech", lambda a: a[None], "lacks the column user.p_speech"),
    ],
)
def test_columns_that_do_not_fit_are_named(name: str, damage, complaint: str) -> None:
    arrays, texts = written(rows())
    with pytest.raises(CodecError, match=complaint):
        list(rows_of({**arrays, name: damage(arrays[name])}, texts))


def test_a_column_that_is_needed_is_asked_for() -> None:
    arrays, texts = written(rows())
    del arrays["user.p_speech"]
    with pytest.raises(CodecError, match="lacks a column"):
        list(rows_of(arrays, texts))
