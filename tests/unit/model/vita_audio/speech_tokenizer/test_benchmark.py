from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_tokenizer.benchmark import measure, random_tokenizer  # noqa: E402
from model.vita_audio.speech_tokenizer.tiny import TINY  # noqa: E402


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_kind_of_work_is_timed(dtype):
    rows = measure(random_tokenizer(TINY, dtype=dtype), offline_s=5.0, n_runs=2)

    assert [(row.mode, row.audio_s) for row in rows] == [
        ("offline", 5.0),
        ("block", 4.0),
        ("end of speech", 2.0),
    ]
    for row in rows:
        assert 0 < row.mean_ms <= 2 * row.p95_ms
        assert row.realtime_factor == pytest.approx(row.mean_ms / 1e3 / row.audio_s)
