from __future__ import annotations

import numpy as np

from model.duplex.outcomes import NOT_SCORED, Outcome
from model.training.duplex.data.scene import Label, Scene, Span, truth_of
from model.training.duplex.data.utterance import Word


def scene(agent: tuple[Span, ...], labels: tuple[Label, ...], words: tuple[Word, ...] = ()):
    silence = np.zeros(16_000, np.float32)
    return Scene("kind", "en", silence, silence, labels, True, (), (), (), agent, words)


def test_nothing_is_asked_where_there_is_no_label() -> None:
    truth = truth_of(scene((), (Label(Span(0.4, 0.6), Outcome.HOLD),)), 12)
    assert truth.outcomes[:4].tolist() == [NOT_SCORED] * 4
    assert Outcome.HOLD in truth.outcomes
    assert truth.outcomes[-1] == NOT_SCORED


def test_the_assistants_voice_decides_which_of_two_labels_counts() -> None:
    """An interruption that is let through becomes a turn where the reply falls silent."""
    labels = (
        Label(Span(0.0, 0.5), Outcome.NOISE),
        Label(Span(0.0, 1.0), Outcome.HOLD),
        Label(Span(0.0, 1.0), Outcome.INTERRUPTION),
    )
    truth = truth_of(scene((Span(0.0, 0.5),), labels), 12)
    assert set(truth.outcomes[truth.is_overlap]) == {Outcome.INTERRUPTION}
    assert set(truth.outcomes[~truth.is_overlap]) == {Outcome.HOLD}


def test_a_label_begins_at_the_first_step_whose_last_frame_it_holds() -> None:
    truth = truth_of(scene((), (Label(Span(0.32, 0.64), Outcome.HOLD),)), 12)
    assert np.flatnonzero(truth.outcomes == Outcome.HOLD).tolist() == [4, 5, 6, 7]


def test_the_replys_text_is_what_was_heard_of_it_so_far() -> None:
    words = (Word("one", 0.1, 0.3), Word("two.", 0.4, 0.6), Word("three", 5.1, 5.3))
    told = scene((Span(0.0, 1.0), Span(5.0, 6.0)), (), words)
    assert told.agent_text(0.2) == ""
    assert told.agent_text(0.7) == "one two."
    assert told.agent_text(5.4) == "three"
