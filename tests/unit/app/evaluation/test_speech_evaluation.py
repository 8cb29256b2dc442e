"""A whole evaluation with scripted models: work, scores, going on after a cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.batch.recording import open_recording
from app.batch.work import Workbench
from app.evaluation.dnsmos import SpeechQuality
from app.evaluation.evaluation_samples import Sample
from app.evaluation.speech_evaluation import Evaluation, EvaluationSetup
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.interfaces import SpeechModel
from tests.fakes.audio import EnergyVad, tone
from tests.fakes.tasks import Watch, scripted


def opened(model: SpeechModel) -> Callable[[], Workbench]:
    def make() -> Workbench:
        model.load(lambda _: None)
        return Workbench(model, EnergyVad)

    return make


def evaluation(
    folder: Path,
    model: SpeechModel,
    reader: SpeechModel | None = None,
    quality: Callable[[Samples], float] | None = None,
    watches: list[Watch] | None = None,
) -> Evaluation:
    kept = watches if watches is not None else []

    def watch(_step: str, _n: int) -> Watch:
        kept.append(Watch())
        return kept[-1]

    bench = EvaluationSetup(
        "tested", opened(model), "reader", opened(reader or scripted()), repr, watch, quality
    )
    return Evaluation(bench, folder)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(0.5), 16_000)
    return path


def test_recognition_is_scored_by_language_and_kind(tmp_path: Path, recording: Path):
    samples = [
        Sample("1", "Hello there.", "en", "read", recording),
        Sample("2", "Hello there you", "en", "command", recording),
    ]
    rows = evaluation(tmp_path / "out", scripted(transcript="hello there")).asr(samples)
    assert [(row["kind"], row["error_percent"]) for row in rows] == [
        ("read", 0.0),
        ("command", pytest.approx(100 / 3)),
        ("all", pytest.approx(20.0)),
    ]
    assert rows[-1]["samples"] == 2
    assert rows[-1]["real_time_factor"] is not None


def test_a_recording_that_cannot_be_read_is_a_failure_and_no_error_of_hearing(
    tmp_path: Path, recording: Path
):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound at all")
    samples = [
        Sample("1", "hello there", "en", "-", recording),
        Sample("2", "hello there", "en", "-", broken),
    ]
    (row,) = evaluation(tmp_path / "out", scripted()).asr(samples)
    assert (row["failed"], row["error_percent"], row["units"]) == (1, 0.0, 2)


def test_synthesis_is_read_back_and_its_opinion_guessed_from_its_sound(tmp_path: Path):
    heard: list[int] = []

    def quality(samples: Samples) -> float:
        heard.append(len(samples))
        return 3.5

    samples = [Sample("1", "Hello there.", "en", "-"), Sample("2", "Good morning.", "en", "-")]
    (row,) = evaluation(tmp_path, scripted(), quality=quality).tts(samples)
    assert row["error_percent"] == pytest.approx(50.0)
    assert row["opinion_of_5"] == 3.5
    assert len(heard) == 2
    assert min(heard) > 0


def test_an_answer_is_looked_for_in_the_text_and_in_the_sound(tmp_path: Path, recording: Path):
    samples = [Sample("1", "Which city?", "en", "facts", recording, ("Paris",))]
    model = scripted(reply="It is Paris.")
    (row,) = evaluation(tmp_path / "deaf", model, scripted(transcript="it is rome")).sqa(samples)
    assert (row["text_answer_percent"], row["spoken_answer_percent"]) == (100.0, 0.0)
    reader = scripted(transcript="it is paris")
    (row,) = evaluation(tmp_path / "good", model, reader).sqa(samples)
    assert (row["text_answer_percent"], row["spoken_answer_percent"]) == (100.0, 100.0)


def test_a_question_without_a_recording_is_spoken_first(tmp_path: Path):
    samples = [Sample("1", "Which city?", "en", "facts", None, ("Paris",))]
    (row,) = evaluation(tmp_path, scripted(reply="Paris.")).sqa(samples)
    assert row["failed"] == 0
    assert (tmp_path / "speak questions" / "1.wav").is_file()


def test_the_same_run_again_works_on_nothing_twice(tmp_path: Path, recording: Path):
    samples = [Sample("1", "hello there", "en", "-", recording)]
    first = evaluation(tmp_path / "out", scripted()).asr(samples)
    watches: list[Watch] = []
    again = evaluation(tmp_path / "out", scripted(), watches=watches).asr(samples)
    assert again == first
    assert [watch.n_done_before for watch in watches] == [1]


@pytest.mark.needs_weights("dnsmos-p835")
def test_clean_speech_is_rated_above_the_same_speech_in_noise(weights: Callable[[str], Path]):
    network = SpeechQuality(weights("dnsmos-p835"))
    blocks = open_recording(weights("demo-two-cities")).blocks()
    speech = np.concatenate(list(blocks))[: 10 * ENGINE_RATE_HZ]
    noise = np.random.default_rng(0).normal(0.0, 0.05, len(speech)).astype(np.float32)
    clean, noisy = network.score(speech), network.score(speech + noise)
    assert clean.overall > noisy.overall + 0.5
    assert clean.background > noisy.background
    assert 1.0 <= noisy.overall <= clean.overall <= 5.0
