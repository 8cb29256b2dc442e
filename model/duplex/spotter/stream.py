"""The spotter in a conversation: ten milliseconds at a time, a decision every 40 ms."""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from audio_io.frames import AudioFrame, Samples, Spotted, UserFrame, frozen
from model.duplex.lexicon import DEFAULT_FOLDER
from model.duplex.log_mel import FRAME, LogMelStream
from model.duplex.spotter.network import (
    CARD_NAME,
    N_INPUTS,
    N_SOUNDS,
    SILENT_MEL,
    STEP_FRAMES,
    WEIGHTS_NAME,
    Array,
    SpotterNetwork,
    SpotterState,
    probabilities,
    read_spotter,
)
from model.duplex.spotter.own_words import HISTORY, OwnWord, read_own_words
from model.duplex.spotter.vocabulary import Group, SpottedClass
from model.errors import WeightsError

log = logging.getLogger(__name__)

_STEP = STEP_FRAMES * FRAME  # samples
_LEAST_WORD_P = 0.02  # less is not shown to people
_OWN_WORD_P = 0.99  # its own threshold was checked with an hour without it: beyond it is certain
_SILENCE = frozen(np.zeros(FRAME, np.float32))


class SpotterStream:
    """Listens to the frames of one microphone.

    Decisions fall on multiples of 40 ms of the clock and remember ``memory_s`` of the network, so
    they are the same whenever the listening began. After a gap in the clock it starts afresh.

    Args:
        own_words: what the user added to the network's classes.
    """

    def __init__(self, network: SpotterNetwork, own_words: Sequence[OwnWord] = ()) -> None:
        self._network = network
        self._own_words = tuple(own_words)
        self._groups = group_matrix(network.card.classes)
        self.reset()

    def reset(self) -> None:
        """Start over: what comes next follows silence."""
        self._state: SpotterState = self._network.silent_state
        self._mels = LogMelStream(N_SOUNDS)
        self._pending: list[Samples] = []  # each (3, 160)
        self._next: int | None = None
        self._trunk = self._network.silent_trunk(HISTORY - 1)

    def step(self, user: UserFrame) -> Spotted | None:
        """Take 10 ms; return a decision where they end a step of 40 ms."""
        clean = user.clean
        if self._next is not None and clean.start != self._next:
            self.reset()
        self._next = clean.end
        sounds = (clean.samples, _or(user.near, clean.samples), _or(user.far))
        self._pending.append(np.stack(sounds))
        if clean.end % _STEP >= FRAME:  # a clock that starts between two frames works as well
            return None
        trunk, self._state = self._network.listen(self._pending_mels(), self._state)
        spotted = self._spotted(probabilities(self._network.classify(trunk)[0]), clean.end_s)
        if not self._own_words:
            return spotted
        recent = np.concatenate([self._trunk, trunk])
        self._trunk = recent[1:]
        return _with_own_words(spotted, self._own_words, recent)

    def _pending_mels(self) -> Array:
        """Return float32 (4, 120); what the first step lacks was silent."""
        sounds = np.concatenate(self._pending, axis=1)  # [3, n x 160]
        self._pending.clear()
        made = self._mels.push(sounds)[:, -STEP_FRAMES:]
        rows = made.transpose(1, 0, 2).reshape(-1, N_INPUTS)
        if len(rows) == STEP_FRAMES:
            return rows
        whole = np.full((STEP_FRAMES, N_INPUTS), SILENT_MEL, np.float32)
        whole[STEP_FRAMES - len(rows) :] = rows
        return whole

    def _spotted(self, p: Array, at_s: float) -> Spotted:
        by_group = dict(zip(Group, (p @ self._groups).tolist(), strict=True))
        classes = self._network.card.classes
        named = zip((one.name for one in classes), p.tolist(), strict=True)
        words = [(p, name) for name, p in named if p >= _LEAST_WORD_P and name not in _NO_WORDS]
        return Spotted(
            at_s=at_s,
            p_stop=by_group[Group.STOP],
            p_acknowledgement=by_group[Group.ACKNOWLEDGEMENT],
            p_answer=by_group[Group.ANSWER],
            p_speech=by_group[Group.SPEECH],
            p_echo=by_group[Group.ECHO],
            p_nothing=by_group[Group.NOTHING],
            word=max(words, default=(0.0, ""))[1],
        )


def _with_own_words(spotted: Spotted, own_words: Sequence[OwnWord], recent: Array) -> Spotted:
    """Let a word of the user's own that is heard take nearly all of the whole."""
    heard = [(float(word.probabilities(recent)[0]), word.card) for word in own_words]
    over = [(p - card.threshold_p, card) for p, card in heard if p >= card.threshold_p]
    if not over:
        return spotted
    _, card = max(over, key=lambda one: one[0])
    p, rest = _OWN_WORD_P, 1.0 - _OWN_WORD_P
    return Spotted(
        at_s=spotted.at_s,
        p_stop=rest * spotted.p_stop + (p if card.meaning == "stop" else 0.0),
        p_acknowledgement=rest * spotted.p_acknowledgement,
        p_answer=rest * spotted.p_answer,
        p_speech=rest * spotted.p_speech + (p if card.meaning == "wake" else 0.0),
        p_echo=rest * spotted.p_echo,
        p_nothing=rest * spotted.p_nothing,
        word=card.phrase,
    )


_NO_WORDS = frozenset(group.value for group in (Group.SPEECH, Group.ECHO, Group.NOTHING))


def spotters(
    folder: Path = DEFAULT_FOLDER, own_words: Path | None = None
) -> Callable[[], SpotterStream | None]:
    """Return a maker of fresh streams on the weights of ``folder``; of None where there are none.

    The maker raises WeightsError for weights that cannot be used.

    Args:
        own_words: folder of the user's own words, read for every stream; they are left out, with a
            warning in the log, where one of them cannot be used.
    """

    @cache
    def network() -> SpotterNetwork | None:
        return read_spotter(folder) if spotter_files(folder) else None

    def make() -> SpotterStream | None:
        found = network()
        return None if found is None else SpotterStream(found, _own_words(own_words, found))

    return make


def spotter_files(folder: Path = DEFAULT_FOLDER) -> tuple[Path, ...]:
    """Return the files of the spotter in ``folder``; none where it has no card."""
    card = folder / CARD_NAME
    return (card, folder / WEIGHTS_NAME) if card.is_file() else ()


def group_matrix(classes: Sequence[SpottedClass]) -> Array:
    """Return float32 (n_classes, n_groups) that sums the probabilities of each group."""
    groups = tuple(Group)
    matrix = np.zeros((len(classes), len(groups)), np.float32)
    for i, one in enumerate(classes):
        matrix[i, groups.index(one.group)] = 1.0
    return matrix


def _or(frame: AudioFrame | None, samples: Samples = _SILENCE) -> Samples:
    return samples if frame is None else frame.samples


def _own_words(folder: Path | None, network: SpotterNetwork) -> tuple[OwnWord, ...]:
    if folder is None:
        return ()
    try:
        return read_own_words(folder, network)
    except WeightsError as error:
        log.warning("words of the user's own are left out: %s", error)
        return ()
