import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.errors import WeightsError  # noqa: E402
from model.vita_audio.speech_decoder.decoder_config import (  # noqa: E402
    TINY_DECODER,
    DecoderConfig,
    read_config,
)


@pytest.fixture
def write(tmp_path):
    def _write(text):
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_a_file_with_object_tags_is_read_as_numbers(tiny_directory):
    assert read_config(tiny_directory / "config.yaml") == TINY_DECODER


def test_what_is_not_said_keeps_the_published_setting(write):
    assert read_config(write("flow: !new:some.Class {}\nhift: {}\n")) == DecoderConfig()


def test_references_are_looked_up(write):
    text = "rate: 16000\nflow: {}\nhift:\n  sampling_rate: !ref <rate>\n"

    assert read_config(write(text)).hift.rate_hz == 16_000


def test_numbers_that_yaml_reads_as_text_are_numbers(write):
    text = "flow: {}\nhift: {nsf_sigma: 3e-3}\n"

    assert read_config(write(text)).hift.noise_std == 0.003


def test_tags_run_nothing(write, tmp_path):
    target = tmp_path / "made"
    text = (
        f"a: !apply:os.mkdir ['{target}']\n"
        f"b: !!python/object/apply:os.mkdir ['{target}']\nflow: {{}}\nhift: {{}}\n"
    )

    with pytest.raises(WeightsError, match="is no YAML"):
        read_config(write(text))
    read_config(write(text.replace("!!python/object/apply:", "!new:")))

    assert not target.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flow: [", "is no YAML"),
        ("- 1", "has no entries 'flow' and 'hift'"),
        ("flow: {}", "has no entries 'flow' and 'hift'"),
        (
            "flow: {vocab_size: many}\nhift: {}",
            "vocab_size: must be a whole number, got 'many'",
        ),
        ("flow: {vocab_size: 1.5}\nhift: {}", "flow.vocab_size: must be a whole number, got 1.5"),
        ("flow: {}\nhift: {upsample_rates: 8}", "hift.upsample_rates: must be a list, got 8"),
    ],
)
def test_a_wrong_file_is_named_in_one_line(write, text, message):
    with pytest.raises(WeightsError, match=message) as caught:
        read_config(write(text))

    assert "config.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)
