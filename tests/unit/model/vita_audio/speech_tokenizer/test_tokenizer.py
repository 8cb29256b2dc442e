from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from hypothesis import example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from model.errors import ModelError, WeightsError  # noqa: E402
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer  # noqa: E402
from model.vita_audio.speech_tokenizer.tokenizer_config import SpeechTokenizerConfig  # noqa: E402
from tests.fakes.vita_checkpoints.tiny_speech_tokenizer import (  # noqa: E402
    published_fields,
    random_network,
    write_tiny_speech_tokenizer,
)

LENGTHS = st.integers(0, 23_000)  # two and a half segments


@pytest.fixture
def directory(tmp_path, small_config):
    write_tiny_speech_tokenizer(tmp_path, seed=1, config=small_config)
    return tmp_path


def rewrite(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@settings(max_examples=20)
@given(LENGTHS, st.integers(0, 100))
@example(8960, 0)
@example(8961, 0)
@example(150, 0)
@example(1280 * 9, 0)
def test_codes_are_those_of_one_pass_over_each_segment(
    small_tokenizer, one_pass, voice, n_samples, seed
):
    samples = voice(n_samples, seed)

    assert small_tokenizer.encode(samples) == one_pass(samples)


@pytest.mark.parametrize("n_samples", [0, 1, 201, 1279, 1280, 1281, 8960, 8961, 20_000])
def test_there_is_a_code_for_each_80_ms_begun(small_tokenizer, voice, n_samples):
    codes = small_tokenizer.encode(voice(n_samples))

    assert len(codes) == -(-n_samples // 1280)
    assert all(0 <= code < 512 for code in codes)


def test_codes_tell_recordings_apart(small_tokenizer, voice):
    codes = [small_tokenizer.encode(voice(20_000, seed)) for seed in range(2)]

    assert sum(a != b for a, b in zip(*codes, strict=True)) > 8


def test_the_padding_of_a_last_segment_reaches_only_its_loudest_frame(small_tokenizer, voice):
    first, tail = voice(8960, 1), voice(3000, 2)
    tail[:160] = 0.5  # its loudest frame is not the last

    together = small_tokenizer.encode(np.concatenate((first, tail)))

    assert together == small_tokenizer.encode(first) + small_tokenizer.encode(tail)


def test_a_read_only_recording_is_read_and_left_alone(small_tokenizer, voice):
    samples = voice(3000)
    kept = samples.copy()
    samples.flags.writeable = False

    small_tokenizer.encode(samples)

    assert np.array_equal(samples, kept)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 100), np.float32),
        np.zeros(100, np.int16),
        np.array([0.0, np.nan], np.float32),
    ],
)
def test_what_is_no_mono_float_audio_is_refused(small_tokenizer, samples):
    with pytest.raises(ModelError, match="the speech tokenizer"):
        small_tokenizer.encode(samples)
    with pytest.raises(ModelError, match="the speech tokenizer"):
        small_tokenizer.open_stream().hear(samples)


def test_a_directory_gives_back_what_was_written(directory, small_config, voice):
    samples = voice(12_000)
    network = random_network(small_config, seed=1)

    loaded = SpeechTokenizer.from_directory(directory, dtype=torch.float32)

    assert loaded.config == small_config
    assert loaded.encode(samples) == SpeechTokenizer(network).encode(samples)


def test_half_precision_hears_nearly_the_same(directory, voice):
    samples = voice(20_000)
    single = SpeechTokenizer.from_directory(directory, dtype=torch.float32).encode(samples)

    half = SpeechTokenizer.from_directory(directory, dtype=torch.bfloat16).encode(samples)

    assert len(half) == len(single)
    assert sum(a == b for a, b in zip(half, single, strict=True)) > len(single) / 2


def test_the_default_configuration_is_the_published_one(tmp_path):
    fields = published_fields(SpeechTokenizerConfig())
    (tmp_path / "config.json").write_text(json.dumps(fields))

    assert fields["quantize_causal_block_size"] == 200
    assert SpeechTokenizerConfig.from_directory(tmp_path) == SpeechTokenizerConfig()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(directory, name):
    (directory / name).unlink()

    with pytest.raises(WeightsError, match=name):
        SpeechTokenizer.from_directory(directory)


def test_the_description_of_the_features_may_be_absent(directory):
    (directory / "preprocessor_config.json").unlink()

    SpeechTokenizer.from_directory(directory)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "\0", "[" * 100_000])
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_file_that_is_no_description_is_named(directory, name, text):
    (directory / name).write_text(text)

    with pytest.raises(WeightsError, match=name) as caught:
        SpeechTokenizer.from_directory(directory)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("config.json", "d_model", None),
        ("config.json", "d_model", 17),
        ("config.json", "d_model", "1280"),
        ("config.json", "num_mel_bins", True),
        ("config.json", "quantize_vocab_size", 0),
        ("config.json", "quantize_causal_block_size", 199),
        ("config.json", "pooling_type", "max"),
        ("config.json", "pooling_position", 1),
        ("config.json", "encoder_causal_convolution", False),
        ("preprocessor_config.json", "sampling_rate", 8000),
        ("preprocessor_config.json", "feature_size", 80),
        ("preprocessor_config.json", "hop_length", [160]),
    ],
)
def test_another_kind_of_tokenizer_is_refused_by_its_key(directory, name, key, value):
    rewrite(directory / name, **{key: value})

    with pytest.raises(WeightsError, match=rf"{name}: {key}: "):
        SpeechTokenizer.from_directory(directory)


def test_weights_of_training_and_of_later_layers_are_ignored(directory, voice):
    path = directory / "model.safetensors"
    tensors = load_file(path)
    assert {"ema_count", "ema_weight", "embed_positions2.weight"} <= set(tensors)
    before = SpeechTokenizer.from_directory(directory).encode(voice(3000))

    for name in ("ema_count", "ema_weight", "embed_positions2.weight"):
        del tensors[name]
    save_file({**tensors, "layers.2.fc1.weight": torch.zeros(3)}, path)

    assert SpeechTokenizer.from_directory(directory).encode(voice(3000)) == before


@pytest.mark.parametrize("name", ["codebook.weight", "layers.1.self_attn.k_proj.weight"])
def test_missing_and_misshapen_weights_are_named(directory, name):
    path = directory / "model.safetensors"
    tensors = load_file(path)
    save_file({**tensors, name: tensors[name][:-1].clone()}, path)
    with pytest.raises(WeightsError, match=name):
        SpeechTokenizer.from_directory(directory)

    del tensors[name]
    save_file(tensors, path)
    with pytest.raises(WeightsError, match=name):
        SpeechTokenizer.from_directory(directory)


@pytest.mark.parametrize("name", ["layers.1.self_attn.k_proj.bias", "model.encoder.conv1.weight"])
def test_an_unexpected_weight_is_named(directory, name):
    path = directory / "model.safetensors"
    save_file({**load_file(path), name: torch.zeros(16)}, path)

    with pytest.raises(WeightsError, match=name):
        SpeechTokenizer.from_directory(directory)


@settings(max_examples=20)
@given(st.data())
def test_a_cut_or_damaged_weight_file_is_named(tmp_path_factory, small_config, data):
    directory = tmp_path_factory.mktemp("damaged")
    write_tiny_speech_tokenizer(directory, seed=1, config=small_config)
    path = directory / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])

    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        SpeechTokenizer.from_directory(directory)
