"""What is read back is what was heard, to the last bit, and only by who would hear the same."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples, Spotted, UserFrame
from model.cascade.turn_endings import EndingReader, heard_shapes
from model.duplex.listening_cache import CachedListener, fingerprint
from model.duplex.offline import HeardFrame, Listener, Listening
from model.files.content_cache import Cache
from tests.fakes.bench import LevelVad, ScriptedWords, SubtractingCanceller


def sound(seed: int = 3) -> tuple[Samples, Samples]:
    rng = np.random.default_rng(seed)
    far = (0.05 * rng.standard_normal(2 * ENGINE_RATE_HZ)).astype(np.float32)
    mic = far.copy()
    mic[8000:24000] += (0.1 * rng.standard_normal(16000)).astype(np.float32)
    return mic, far


class Counting:
    """A listener that says how often it heard something."""

    def __init__(self, change: dict[str, object] | None = None) -> None:
        self.n_heard = 0
        self._change = change or {}
        self._listener = Listener(
            LevelVad, SubtractingCanceller, lambda: ScriptedWords("good 早"), pass_s=0.1
        )

    def hear(self, mic: Samples, far: Samples | None = None, *, one_turn: bool = True) -> Listening:
        self.n_heard += 1
        heard = self._listener.hear(mic, far, one_turn=one_turn)
        frames = tuple(
            HeardFrame(replace(frame.user, **self._change), frame.event) for frame in heard.frames
        )
        return Listening(frames, heard.recognizer_s, heard.endings)


def assert_same(first: Listening, second: Listening) -> None:
    assert first.recognizer_s == second.recognizer_s
    for (at, ending), (other_at, other) in zip(first.endings, second.endings, strict=True):
        assert (at, ending.language, ending.at_s) == (other_at, other.language, other.at_s)
        assert np.array_equal(ending.vector, other.vector)
    assert [h.event for h in first.frames] == [h.event for h in second.frames]
    for a, b in zip(first.frames, second.frames, strict=True):
        for field in fields(UserFrame):
            one, other = getattr(a.user, field.name), getattr(b.user, field.name)
            assert type(one) is type(other)
            if isinstance(one, AudioFrame):
                assert (one.start, one.rate_hz) == (other.start, other.rate_hz)
                assert np.array_equal(one.samples, other.samples)
                assert not other.samples.flags.writeable
            else:
                assert one == other


@pytest.mark.parametrize("has_far", [True, False])
def test_everything_a_frame_carries_comes_back(tmp_path: Path, has_far: bool) -> None:
    mic, far = sound()
    listener = Counting()
    given = (mic, far) if has_far else (mic,)
    first, second = (
        CachedListener(lambda: listener, Cache(tmp_path), "a").hear(*given) for _ in range(2)
    )
    assert listener.n_heard == 1
    assert any(heard.event for heard in first.frames)
    assert any(heard.user.partial_text for heard in first.frames)
    assert bool(first.endings) == has_far  # else the noise goes on to the end
    assert_same(first, second)


def test_other_weights_judge_what_was_kept(tmp_path: Path) -> None:
    listener = Counting()
    found: list[list[float]] = []
    for value in (0.0, 1.0):
        weights = {name: np.full(s, value, np.float32) for name, s in heard_shapes().items()}
        cached = CachedListener(
            lambda: listener, Cache(tmp_path), "a", endings=EndingReader(weights)
        )
        users = [heard.user for heard in cached.hear(*sound()).frames]
        found.append([user.ending.log_odds for user in users if user.ending is not None])
    assert listener.n_heard == 1
    assert len(found[0]) == len(found[1]) > 0
    assert found[0] != found[1]


def test_a_recording_without_a_whole_frame_is_kept_too(tmp_path: Path) -> None:
    cached = CachedListener(Counting, Cache(tmp_path), "a")
    short = np.zeros(20, np.float32)
    assert_same(cached.hear(short), cached.hear(short))


def test_a_frame_without_the_microphone_stays_without_it(tmp_path: Path) -> None:
    cached = CachedListener(lambda: Counting({"near": None}), Cache(tmp_path), "a")
    assert_same(cached.hear(*sound()), cached.hear(*sound()))


def test_another_sound_turn_or_listener_is_heard_anew(tmp_path: Path) -> None:
    listener = Counting()
    mic, far = sound()
    cached = CachedListener(lambda: listener, Cache(tmp_path), "a")
    cached.hear(mic, far)
    cached.hear(mic)
    cached.hear(mic, far, one_turn=False)
    cached.hear(*sound(4))
    CachedListener(lambda: listener, Cache(tmp_path), "b").hear(mic, far)
    assert listener.n_heard == 5


def test_nothing_is_opened_while_everything_is_known(tmp_path: Path) -> None:
    CachedListener(Counting, Cache(tmp_path), "a").hear(*sound())

    def opened() -> Counting:
        raise AssertionError

    CachedListener(opened, Cache(tmp_path), "a").hear(*sound())


def test_a_field_that_cannot_be_kept_is_named(tmp_path: Path) -> None:
    cached = CachedListener(lambda: Counting({"partial_text": 3j}), Cache(tmp_path), "a")
    with pytest.raises(TypeError, match=r"UserFrame\.partial_text: complex"):
        cached.hear(*sound())


def test_weights_and_choices_decide_what_is_heard(tmp_path: Path) -> None:
    weights = tmp_path / "encoder.ort"
    weights.write_bytes(b"one")
    first = fingerprint([weights], 0.1)
    assert fingerprint([weights], 0.1) == first
    assert fingerprint([weights], 0.2) != first
    assert fingerprint([weights], 0.1, has_words=False) != first
    weights.write_bytes(b"two")
    assert fingerprint([weights], 0.1) != first


class LevelSpotter:
    """Hears a stop word whenever ten frames were loud."""

    def __init__(self) -> None:
        self._n = 0

    def step(self, user: UserFrame) -> Spotted | None:
        self._n = self._n + 1 if user.clean_dbfs > -40.0 else 0
        return Spotted(at_s=user.clean.end_s, p_stop=0.9) if self._n == 10 else None

    def reset(self) -> None:
        self._n = 0


def test_what_was_spotted_comes_back_with_all_that_followed_from_it(tmp_path: Path) -> None:
    mic, far = sound()
    n_opened = 0

    def opened() -> Listener:
        nonlocal n_opened
        n_opened += 1
        words = ScriptedWords("good 早")
        return Listener(
            LevelVad, SubtractingCanceller, lambda: words, pass_s=0.1, spotter_factory=LevelSpotter
        )

    first, second = (
        CachedListener(opened, Cache(tmp_path), "a", LevelSpotter).hear(mic, far) for _ in range(2)
    )
    assert_same(first, second)
    assert any(heard.user.spotted for heard in second.frames)
    assert n_opened == 1
