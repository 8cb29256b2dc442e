from __future__ import annotations

from pathlib import Path

import numpy as np

from model.duplex.spotter.recorded_words import TRAIN, recorded_sentences, recorded_words
from model.duplex.spotter.vocabulary import CLASSES
from model.training.duplex.data.rooms import SoundStock
from model.training.duplex.data.speech import ToneSpeech
from model.training.duplex.spotter.people import People
from model.training.duplex.spotter.recordings import sound_recordings
from model.training.duplex.spotter.sessions import (
    IGNORED,
    INDEX,
    SESSION_S,
    heard,
    label_voice,
    labels_of_replies,
    make_session,
    voiced_runs,
)
from model.training.duplex.spotter.spoken_words import PHRASES, spoken_phrases
from tests.fakes.spotter_recordings import spotter_recordings


def labelled(name: str, voiced: list[slice]) -> np.ndarray:
    labels = np.full(300, INDEX["echo"], np.int16)
    label_voice(labels, voiced, 100, name)
    return labels


def test_a_word_is_named_around_its_end() -> None:
    labels = labelled("stop", [slice(0, 45)])
    assert (labels[:100] == INDEX["echo"]).all()
    assert (labels[100:108] == IGNORED).all()
    assert (labels[108:135] == INDEX["speech"]).all()
    assert (labels[135:175] == INDEX["stop"]).all()
    assert (labels[175:190] == IGNORED).all()
    assert (labels[190:] == INDEX["echo"]).all()


def test_a_word_of_two_parts_is_named_once() -> None:
    labels = labelled("hold on", [slice(0, 20), slice(30, 60)])
    assert (labels[120:130] == INDEX["speech"]).all()
    assert (labels[150:190] == INDEX["hold on"]).all()


def test_speech_is_speech_until_it_ends() -> None:
    labels = labelled("speech", [slice(0, 40), slice(90, 120)])
    assert (labels[108:150] == INDEX["speech"]).all()
    assert (labels[150:170] == IGNORED).all()
    assert (labels[170:190] == INDEX["echo"]).all()
    assert (labels[198:230] == INDEX["speech"]).all()


def test_a_very_short_word_is_still_asked_for() -> None:
    labels = labelled("no", [slice(0, 4)])
    assert (labels[104:134] == INDEX["no"]).all()


def test_an_echo_is_expected_only_where_there_is_one() -> None:
    far = np.zeros(160 * 200, np.float32)
    far[160 * 50 : 160 * 100] = 0.1
    assert (labels_of_replies(far, has_echo=False) == INDEX["nothing"]).all()
    labels = labels_of_replies(far, has_echo=True)
    assert (labels[50:125] == INDEX["echo"]).all()
    assert (labels[:50] == INDEX["nothing"]).all()
    assert (labels[125:] == INDEX["nothing"]).all()


def test_short_gaps_belong_to_a_voice() -> None:
    samples = np.zeros(160 * 100, np.float32)
    samples[160 * 10 : 160 * 30] = samples[160 * 40 : 160 * 50] = samples[160 * 80 : 160 * 90] = 0.1
    assert voiced_runs(samples) == [slice(10, 50), slice(80, 90)]
    assert voiced_runs(samples[:10]) == []


def test_every_class_that_is_a_word_is_spoken_in_training_and_held_out() -> None:
    words = {one.name for one in CLASSES} - {"echo", "nothing"}
    assert words == set(PHRASES)
    for split in ("train", "val"):
        assert {one.name for one in spoken_phrases() if one.speaker.split == split} == words


def test_a_session_is_the_same_every_time_and_has_words_and_a_reply(tmp_path: Path) -> None:
    folder = spotter_recordings(tmp_path)
    words, sentences = recorded_words(folder, TRAIN), recorded_sentences(folder, TRAIN)
    people = People(ToneSpeech(), words, sentences, ("All is well here today.",), TRAIN)
    stock = SoundStock(sound_recordings(folder, TRAIN), TRAIN)
    one, same, other = (
        make_session(people, stock, np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    assert np.array_equal(one.microphone, same.microphone)
    assert not np.array_equal(one.microphone, other.microphone)
    assert len(one.labels) == round(SESSION_S * 100)
    assert len({int(label) for label in one.labels} - {IGNORED}) > 5
    listened = heard(one)
    assert listened.mels.shape == (len(one.labels), 120)
    assert np.isfinite(listened.mels).all()
