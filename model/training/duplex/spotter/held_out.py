"""How well a trained spotter hears the words of sessions by people it has not met."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from model.duplex.spotter.network import SILENT_MEL, STEP_FRAMES
from model.duplex.spotter.stream import group_matrix
from model.duplex.spotter.vocabulary import CLASSES, Group
from model.training.duplex.data.utterance import runs
from model.training.duplex.spotter.sessions import IGNORED, Heard
from model.training.duplex.spotter.torch_network import TorchSpotter

_AFTER_FRAMES = 20  # a word may be named this much later than it was asked for
_FALSE_APART_FRAMES = 100  # of one false stop from the next
_LEVELS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)

_GROUPS = tuple(Group)


def scores_of(network: TorchSpotter, sessions: Sequence[Heard]) -> dict[str, float]:
    """Return recalls and false alarms an hour by level, and how well voice is told from none."""
    seconds = sum(len(session.labels) for session in sessions) / 100.0
    n_words = dict.fromkeys(_GROUPS, 0)
    n_heard: dict[tuple[Group, float], int] = {}
    n_false: dict[tuple[Group, float], int] = {}
    voice: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]] = []
    for session in sessions:
        p = _by_group(network, session)
        _count_words(p, session, n_words, n_heard, n_false)
        asked = session.labels[STEP_FRAMES - 1 :: STEP_FRAMES][: len(p)]
        is_asked = asked != IGNORED
        is_voice = np.isin(asked, [i for i, c in enumerate(CLASSES) if c.group not in _SILENT])
        silent = p[:, [_GROUPS.index(group) for group in _SILENT]].sum(axis=1)
        voice.append((1.0 - silent[is_asked], is_voice[is_asked]))
    scores: dict[str, float] = {}
    for group in (Group.STOP, Group.ACKNOWLEDGEMENT, Group.ANSWER):
        for level in _LEVELS:
            found = n_heard.get((group, level), 0) / max(1, n_words[group])
            scores[f"{group.value} heard at {level:g}"] = found
            scores[f"{group.value} false an hour at {level:g}"] = (
                n_false.get((group, level), 0) * 3600.0 / seconds
            )
    scores |= _voice_scores(
        np.concatenate([v for v, _ in voice]), np.concatenate([t for _, t in voice])
    )
    return scores


_SILENT = (Group.ECHO, Group.NOTHING)


def _voice_scores(
    p: npt.NDArray[np.float32], is_voice: npt.NDArray[np.bool_]
) -> Mapping[str, float]:
    return {
        "steps of voice heard at 0.5": float((p[is_voice] > 0.5).mean()),
        "steps without taken for voice at 0.5": float((p[~is_voice] > 0.5).mean()),
    }


def _by_group(network: TorchSpotter, session: Heard) -> npt.NDArray[np.float32]:
    n = len(session.mels) // STEP_FRAMES * STEP_FRAMES
    silence = np.full((network.n_context, session.mels.shape[1]), SILENT_MEL, np.float32)
    mels = np.concatenate([silence, session.mels[:n].astype(np.float32)])
    with torch.no_grad():
        p = torch.softmax(network(torch.from_numpy(mels[None]))[0], dim=-1).numpy()
    return p @ group_matrix(CLASSES)


def _count_words(
    p: npt.NDArray[np.float32],
    session: Heard,
    n_words: dict[Group, int],
    n_heard: dict[tuple[Group, float], int],
    n_false: dict[tuple[Group, float], int],
) -> None:
    for i, group in enumerate(_GROUPS):
        if group in (Group.SPEECH, *_SILENT):
            continue
        of_group = [k for k, one in enumerate(CLASSES) if one.group is group]
        is_word = np.isin(session.labels, of_group)
        is_allowed = np.zeros(len(p), bool)
        for run in runs(is_word):
            steps = slice(run.start // STEP_FRAMES, (run.stop + _AFTER_FRAMES) // STEP_FRAMES + 1)
            best = float(p[steps, i].max(initial=0.0))
            n_words[group] += 1
            for level in _LEVELS:
                n_heard[group, level] = n_heard.get((group, level), 0) + (best > level)
            is_allowed[max(0, steps.start - 5) : steps.stop + 10] = True
        for level in _LEVELS:
            apart = _FALSE_APART_FRAMES // STEP_FRAMES
            last = -apart
            for at in np.flatnonzero((p[:, i] > level) & ~is_allowed):
                if at - last >= apart:
                    n_false[group, level] = n_false.get((group, level), 0) + 1
                    last = int(at)
