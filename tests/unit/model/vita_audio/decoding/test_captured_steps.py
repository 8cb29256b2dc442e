"""Steps of fixed shape: recorded once per shape, replayed on the same memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.vita_audio.decoding.generator import DecodeOptions, decode  # noqa: E402
from model.vita_audio.decoding.output_head import SamplingSettings  # noqa: E402
from model.vita_audio.decoding.schedule import BOOST  # noqa: E402
from model.vita_audio.decoding.state import DecodingState  # noqa: E402
from model.vita_audio.decoding.step_runner import CapturedSteps, StepRunner  # noqa: E402


class Recordings:
    """Repeats steps on the memory they were recorded with, as a CUDA graph does."""

    def __init__(self):
        self.n_recorded = 0
        self.n_replayed = 0

    def __call__(self, step, inputs):
        self.n_recorded += 1
        output = torch.empty_like(step(*inputs))

        def replay():
            self.n_replayed += 1
            output.copy_(step(*inputs))

        return replay, output


def test_a_step_is_recorded_once_per_key_and_reads_new_inputs():
    recordings = Recordings()
    steps = CapturedSteps(recordings)
    assert steps.run("a", lambda x: x + 1, (torch.tensor([1.0]),)).tolist() == [2.0]
    assert steps.run("a", lambda x: x + 1, (torch.tensor([5.0]),)).tolist() == [6.0]
    assert steps.run("b", lambda x: x * 2, (torch.tensor([5.0]),)).tolist() == [10.0]
    assert (recordings.n_recorded, recordings.n_replayed) == (2, 3)
    steps.forget()
    steps.run("a", lambda x: x + 3, (torch.tensor([1.0]),))
    assert recordings.n_recorded == 3


def test_recorded_decoding_equals_plain_decoding_across_growth_and_rollback(exact_model, table):
    model = exact_model(k=10)
    endless = replace(table, end_ids=frozenset())
    recordings = Recordings()
    sampling = SamplingSettings(repetition_penalty=1.3)
    options = DecodeOptions(BOOST, sampling, max_new_tokens=60)
    prompt = [i % 30 for i in range(70)]
    replies = []
    for runner in (StepRunner(model), StepRunner(model, record=recordings, growth=16)):
        state = DecodingState(runner)
        state.extend(prompt)
        first = list(decode(state, endless, options))
        state.crop(80)
        replies.append((first, list(decode(state, endless, options))))
    assert replies[0] == replies[1]
    assert recordings.n_replayed > 2 * recordings.n_recorded
