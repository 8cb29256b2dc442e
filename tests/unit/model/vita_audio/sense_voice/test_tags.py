from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

import numpy as np  # noqa: E402

from model.errors import WeightsError  # noqa: E402
from model.vita_audio.sense_voice.encoder import SenseVoice, SenseVoiceConfig  # noqa: E402
from model.vita_audio.sense_voice.kaldi_features import SpeechFeatures  # noqa: E402
from model.vita_audio.sense_voice.tags import (  # noqa: E402
    Emotion,
    SoundEvent,
    SpeechTags,
    SpokenLanguage,
    TagReader,
)
from tests.fakes.vita_checkpoints.tiny_sense_voice import (  # noqa: E402
    N_TOKENS,
    encode_token_names,
    write_tiny_sense_voice_files,
)

NAMES = [
    *("<unk>", "<|zh|>", "<|en|>", "<|HAPPY|>", "<|EMO_UNKNOWN|>", "<|Speech|>", "<|Laughter|>"),
    *("<|woitn|>", "word"),
]


def scores(*answers: dict[str, float]):
    """Log probabilities; what is left over is for the word."""
    p = torch.zeros(len(answers), len(NAMES))
    for row, answer in zip(p, answers, strict=True):
        for name, probability in answer.items():
            row[NAMES.index(name)] = probability
        row[-1] = 1 - row.sum()
    return p.log()


@pytest.fixture
def reader(tmp_path) -> TagReader:
    (tmp_path / "chn_jpn_yue_eng_ko_spectok.bpe.model").write_bytes(encode_token_names(NAMES))
    return TagReader.from_directory(tmp_path, len(NAMES))


def test_answers_stand_in_the_order_language_emotion_event(reader):
    tags = reader.read(
        scores({"<|en|>": 0.9, "<|zh|>": 0.1}, {"<|HAPPY|>": 0.7}, {"<|Laughter|>": 0.6}, {})
    )
    assert tags.language is SpokenLanguage.ENGLISH
    assert tags.emotion is Emotion.HAPPY
    assert tags.event is SoundEvent.LAUGHTER
    probabilities = (tags.p_language, tags.p_emotion, tags.p_event)
    assert probabilities == pytest.approx((0.9, 0.7, 0.6))


def test_tokens_that_are_no_answer_are_passed_over(reader):
    tags = reader.read(
        scores(
            {"<|zh|>": 0.2, "<|HAPPY|>": 0.5},
            {"<|EMO_UNKNOWN|>": 0.1, "<|Speech|>": 0.8},
            {"<|Speech|>": 0.3, "<|en|>": 0.4},
        )
    )
    assert tags.language is SpokenLanguage.MANDARIN
    assert tags.p_language == pytest.approx(0.2)
    assert tags.emotion is Emotion.UNKNOWN
    assert tags.event is SoundEvent.SPEECH


def test_without_names_the_documented_ids_are_taken(tmp_path):
    reader = TagReader.from_directory(tmp_path, 25_055)
    log_p = torch.full((4, 25_055), -20.0)
    log_p[0, 24_885] = log_p[1, 25_002] = 0.0
    tags = reader.read(log_p)
    assert tags.language is SpokenLanguage.ENGLISH
    assert tags.emotion is Emotion.SAD
    assert (tags.event, tags.p_event) == (SoundEvent.UNKNOWN, 0.0)


def test_a_small_network_without_names_says_nothing(tmp_path):
    tags = TagReader.from_directory(tmp_path, 5).read(torch.zeros(4, 5))
    assert (tags.p_language, tags.p_emotion, tags.p_event) == (0.0, 0.0, 0.0)


def test_names_of_another_network_are_refused(tmp_path):
    write_tiny_sense_voice_files(tmp_path)
    with pytest.raises(
        WeightsError, match=rf"spectok\.bpe\.model: names {N_TOKENS} tokens.* 25055"
    ):
        TagReader.from_directory(tmp_path, 25_055)


@pytest.mark.parametrize(
    ("emotion", "p_emotion", "event", "p_event", "note"),
    [
        (Emotion.SAD, 0.8, SoundEvent.SPEECH, 0.9, "The user sounds sad."),
        (
            Emotion.HAPPY,
            0.5,
            SoundEvent.LAUGHTER,
            0.6,
            "The user sounds happy. The user is laughing.",
        ),
        (Emotion.SAD, 0.49, SoundEvent.MUSIC, 0.9, "Music is playing."),
        (Emotion.NEUTRAL, 0.9, SoundEvent.SPEECH, 0.9, ""),
        (Emotion.UNKNOWN, 0.0, SoundEvent.UNKNOWN, 0.0, ""),
    ],
)
def test_a_note_tells_what_is_remarkable_and_sure(emotion, p_emotion, event, p_event, note):
    tags = SpeechTags(SpokenLanguage.ENGLISH, 1.0, emotion, p_emotion, event, p_event)
    assert tags.note() == note


@torch.no_grad()
def test_a_tiny_directory_hears_and_tags_from_end_to_end(tmp_path):
    n_tokens = write_tiny_sense_voice_files(tmp_path)
    config = SenseVoiceConfig(
        width=16, n_heads=2, n_inner=24, n_layers=2, n_tp_layers=1, n_tokens=n_tokens
    )
    torch.manual_seed(0)
    encoder = SenseVoice(config).eval()
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    features = SpeechFeatures.from_directory(tmp_path).extract(noise)
    states = encoder(torch.from_numpy(features))
    tags = TagReader.from_directory(tmp_path, n_tokens).read(encoder.token_scores(states))
    assert tags.language in SpokenLanguage
    assert 0 < tags.p_language < 1
    assert 0 < tags.p_emotion < 1
    assert 0 < tags.p_event < 1
