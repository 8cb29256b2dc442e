from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from model.duplex.spotter.card import write_card
from model.duplex.spotter.network import CARD_NAME, WEIGHTS_NAME
from model.duplex.spotter.own_word_fit import Example, fit
from model.duplex.spotter.own_words import (
    HISTORY,
    Meaning,
    OwnWord,
    OwnWordCard,
    fingerprint,
    head_shapes,
    read_own_words,
    remove_own_word,
    stacked,
    write_own_word,
)
from model.duplex.spotter.stream import SpotterStream, spotters
from model.errors import WeightsError
from tests.fakes.spotter import (
    TINY,
    frames_of,
    random_spotter,
    random_weights,
    six,
    sounds,
    tiny_card,
)

NETWORK = random_spotter()


def card(phrase: str = "hey parley", meaning: Meaning = "wake", p: float = 0.6) -> OwnWordCard:
    return OwnWordCard(phrase, "en", meaning, fingerprint(NETWORK), p)


def head(bias: float, word: OwnWordCard) -> OwnWord:
    """Return one that always says the same."""
    weights = {name: np.zeros(sizes, np.float32) for name, sizes in head_shapes(TINY.width).items()}
    weights["std"] += 1.0
    weights["output.bias"] += np.float32(bias)
    return OwnWord(word, weights)


def test_a_step_is_seen_with_its_past() -> None:
    trunk = np.arange(12, dtype=np.float32)[:, None]
    assert stacked(trunk).tolist() == [[9, 6, 3, 0], [10, 7, 4, 1], [11, 8, 5, 2]]


def test_a_head_learns_what_sets_a_word_apart() -> None:
    rng = np.random.default_rng(0)
    trunk = rng.normal(size=(4000, 6)).astype(np.float32)
    is_word = np.zeros(4000, bool)
    is_word[50::20] = True
    trunk[is_word, 2] += 7.0
    examples = [Example(trunk, is_word, np.ones(4000, bool))]
    word = fit(examples, card())
    fresh = rng.normal(size=(500 + HISTORY - 1, 6)).astype(np.float32)
    fresh[200 + HISTORY - 1, 2] += 7.0
    p = word.probabilities(fresh)
    assert int(np.argmax(p)) == 200
    assert np.median(p) < 0.05


@pytest.mark.parametrize("meaning", ["stop", "wake"])
def test_a_word_that_is_heard_takes_its_share(meaning: Meaning) -> None:
    loud = head(3.0, card(meaning=meaning))
    plain, stream = SpotterStream(NETWORK), SpotterStream(NETWORK, (loud,))
    for frame in frames_of(sounds(40)):
        before, after = plain.step(frame), stream.step(frame)
        if before is None or after is None:
            assert before is after is None
            continue
        p = 0.99  # whatever the head says beyond its threshold
        raised = after.p_stop if meaning == "stop" else after.p_speech
        was = before.p_stop if meaning == "stop" else before.p_speech
        assert raised == pytest.approx(p + (1.0 - p) * was, abs=1e-5)
        assert sum(six(after)) == pytest.approx(1.0, abs=1e-4)
        assert after.word == "hey parley"


def test_a_word_below_its_threshold_changes_nothing() -> None:
    plain, stream = SpotterStream(NETWORK), SpotterStream(NETWORK, (head(0.0, card()),))
    for frame in frames_of(sounds(40)):
        assert plain.step(frame) == stream.step(frame)


def test_a_word_is_kept_replaced_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "words"
    assert read_own_words(folder, NETWORK) == ()
    write_own_word(folder, head(0.0, card("Hey Parley")))
    write_own_word(folder, head(1.0, card("hey  parley")))
    write_own_word(folder, head(0.0, card("别说")))
    kept = read_own_words(folder, NETWORK)
    assert {word.card.phrase for word in kept} == {"hey  parley", "别说"}
    assert remove_own_word(folder, "HEY PARLEY")
    assert not remove_own_word(folder, "hey parley")
    assert [word.card.phrase for word in read_own_words(folder, NETWORK)] == ["别说"]


def test_a_word_of_other_weights_is_refused(tmp_path: Path) -> None:
    write_own_word(tmp_path, head(0.0, card()))
    with pytest.raises(WeightsError, match="trained over other weights; run parley words add"):
        read_own_words(tmp_path, random_spotter(5))


@pytest.mark.allow_warnings
def test_a_stream_goes_without_words_that_cannot_be_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_card(tmp_path / CARD_NAME, tiny_card())
    (tmp_path / WEIGHTS_NAME).write_bytes(safetensors.numpy.save(random_weights()))
    folder = tmp_path / "words"
    write_own_word(folder, head(3.0, card()))
    make = spotters(tmp_path, folder)
    frames = frames_of(sounds(8))

    def heard() -> set[str]:
        stream = make()
        assert stream is not None
        return {found.word for frame in frames if (found := stream.step(frame)) is not None}

    assert heard() == {"hey parley"}
    next(folder.glob("*.safetensors")).unlink()
    plain = SpotterStream(NETWORK)
    words = {found.word for frame in frames if (found := plain.step(frame)) is not None}
    assert heard() == words
    assert "are left out" in caplog.text


def test_a_broken_word_is_named(tmp_path: Path) -> None:
    write_own_word(tmp_path, head(0.0, card()))
    path = next(tmp_path.glob("*.json"))
    record = json.loads(path.read_text())
    record["meaning"] = "sing"
    path.write_text(json.dumps(record))
    with pytest.raises(WeightsError) as caught:
        read_own_words(tmp_path, NETWORK)
    assert str(path) in str(caught.value)
    assert "meaning" in str(caught.value)
