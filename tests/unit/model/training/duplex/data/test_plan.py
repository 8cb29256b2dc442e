from __future__ import annotations

from collections import Counter

from model.training.duplex.data.conversation_scenes import SCENE_KINDS
from model.training.duplex.data.plan import plan_scenes
from model.training.duplex.data.speaker_pool import phrase_bank
from model.training.duplex.data.speakers import fast_speakers, slow_speakers


def test_a_longer_plan_goes_on_where_a_shorter_one_ends() -> None:
    short = plan_scenes(20.0, 3, has_mandarin=True)
    long = plan_scenes(60.0, 3, has_mandarin=True)
    assert long[: len(short)] == short


def test_kinds_have_their_shares_in_both_splits() -> None:
    orders = plan_scenes(600.0, 1, has_mandarin=True)
    total = sum(kind.share for kind in SCENE_KINDS.values())
    counts = Counter(order.kind for order in orders)
    for name, kind in SCENE_KINDS.items():
        assert abs(counts[name] - len(orders) * kind.share / total) <= 1.0 + 1e-6
        splits = Counter(order.split for order in orders if order.kind == name)
        assert 0.05 < splits["val"] / counts[name] < 0.2
    languages = Counter(order.language for order in orders)
    assert 0.12 < languages["zh"] / len(orders) < 0.18


def test_even_the_shortest_plan_has_every_kind() -> None:
    orders = plan_scenes(0.5, 1, has_mandarin=False)
    assert len(orders) == len(SCENE_KINDS)
    assert len({order.id for order in orders}) == len(orders)


def test_nobody_speaks_on_both_sides() -> None:
    people = (*fast_speakers(), *slow_speakers())
    assert len({speaker.id for speaker in people}) == len(people)
    for language in ("en", "zh"):
        splits = {s.split for s in people if s.language == language}
        assert splits == {"train", "val"}


def test_every_slow_voice_plays_every_role() -> None:
    phrases = phrase_bank(slow_speakers())
    roles = {phrase.role for phrase in phrases}
    for speaker in slow_speakers():
        assert {phrase.role for phrase in phrases if phrase.speaker == speaker} == roles
