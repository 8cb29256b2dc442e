"""``parley bench spotter``: what the word spotter hears over a reply, and where nobody speaks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.evaluation.scorecard import Row, Scorecard, Value
from app.evaluation.spotter_sessions import (
    ECHOES_DB,
    NOISE,
    OTHER_TALK,
    OWN_VOICE,
    WORDS,
    Said,
    SpotterSession,
)
from audio_io.aec import WebRtcEchoCanceller
from audio_io.capture import FrontEnd
from audio_io.frames import Samples, Spotted
from model.duplex.spotter.card import SpotterThresholds, read_card, write_card
from model.duplex.spotter.network import CARD_NAME, SpotterNetwork
from model.duplex.spotter.stream import SpotterStream
from model.duplex.spotter.vocabulary import CLASSES, OTHER_SPEECH, Group

_IN_TIME_S = 0.5  # after a word's end
_EARLY_S = 0.25  # before its end: a word can be known before it is over
_VOICE_STEPS = 2  # decisions in a row that make a voice
_VOICE_AFTER_S = 0.3  # after a word's end, its voice may still be found
_FALSE_APART_S = 1.0  # of one false alarm from the next

# What the thresholds are chosen for, on tune.
_MOST_STOPS_AN_HOUR, _MOST_DUCKS_AN_HOUR = 1.0, 8.0
_MOST_OTHERS_ACKNOWLEDGED = 0.03
_MOST_VOICES_AN_HOUR = 40.0  # of the reply alone and of noise
_LEVELS = (*(round(0.02 * i, 2) for i in range(5, 50)), 0.985, 0.99, 0.995)

_GROUPS = {one.name: one.group for one in CLASSES}


@dataclass(frozen=True, slots=True, eq=False)
class Listened:
    """The decisions about a session: times ``at_s`` (n,) and probabilities ``p`` (n, 4).

    The columns of ``p`` are stop, acknowledgement, answer and voice.
    """

    kind: str
    echo_db: float | None
    seconds: float
    said: tuple[Said, ...]
    at_s: Samples
    p: Samples

    def first(self, column: int, level: float, said: Said) -> float | None:
        """Return when a word was first heard, against its end; None where it was not in time."""
        from_s, until_s = said.end_s - _EARLY_S, said.end_s + _IN_TIME_S
        inside = (self.at_s >= from_s) & (self.at_s <= until_s) & (self.p[:, column] >= level)
        return float(self.at_s[inside][0]) - said.end_s if inside.any() else None

    def first_voice(self, level: float, said: Said) -> float | None:
        """Return when a voice was first heard, against its begin; None where it was not."""
        inside = (self.at_s >= said.begin_s) & (self.at_s <= said.end_s + _VOICE_AFTER_S)
        is_voice = inside & _lasting(self.p[:, _VOICE] >= level)
        return float(self.at_s[is_voice][0]) - said.begin_s if is_voice.any() else None

    def alarms(self, column: int, level: float) -> int:
        """Return how often a level is reached, alarms within a second counting once."""
        is_over = self.p[:, column] >= level
        if column == _VOICE:
            is_over = _lasting(is_over)
        n, last_s = 0, -_FALSE_APART_S
        for at_s in self.at_s[is_over]:
            n += at_s - last_s >= _FALSE_APART_S
            last_s = float(at_s)
        return n


_STOP, _ACKNOWLEDGEMENT, _ANSWER, _VOICE = range(4)


def listened(network: SpotterNetwork, session: SpotterSession) -> Listened:
    """Let the front end hear a session, from cold."""
    front_end = FrontEnd(WebRtcEchoCanceller(), _NoDetector(), spotter=SpotterStream(network))
    found: list[Spotted] = []
    for user, _ in front_end.process_recording(session.microphone, session.loudspeaker):
        spotted = user.spotted
        if spotted is not None and (not found or spotted.at_s > found[-1].at_s):
            found.append(spotted)
    p = np.array([[s.p_stop, s.p_acknowledgement, s.p_answer, s.p_voice] for s in found])
    at_s = np.array([spotted.at_s for spotted in found], np.float32)
    return Listened(
        session.kind, session.echo_db, session.seconds, session.said, at_s, p.astype(np.float32)
    )


def run_spotter(
    sessions: Iterable[SpotterSession],
    network: SpotterNetwork,
    *,
    command: str,
    card_folder: Path | None = None,
    set_by: str = "",
) -> Scorecard:
    """Return the table.

    Raises LabelsError, WeightsError.

    Args:
        card_folder: thresholds are chosen, and written into the card in it...
        set_by: ...with the command that others would type for it.
    """
    measured = Measured([listened(network, session) for session in sessions])
    thresholds = network.card.thresholds
    if card_folder is not None:
        thresholds = measured.chosen_thresholds(set_by)
        path = card_folder / CARD_NAME
        write_card(path, replace(read_card(path), thresholds=thresholds))
    return Scorecard(
        "spotter", command, tuple(measured.rows(thresholds)), notes=measured.notes(thresholds)
    )


class Measured:
    """All sessions of a split, heard."""

    def __init__(self, heard: Sequence[Listened]) -> None:
        self._heard = heard
        self._words = [one for one in heard if one.kind == WORDS]
        self._without = [one for one in heard if one.kind != WORDS]

    def rows(self, thresholds: SpotterThresholds) -> Iterator[Row]:
        """Yield a row for each echo and one for all, then one for each hour without words."""
        for echo_db in ECHOES_DB:
            name = f"words, {_echo_name(echo_db)}"
            yield _row(name, self._word_columns((echo_db,), thresholds))
        yield _row("words, all", self._word_columns(ECHOES_DB, thresholds))
        for kind in (OWN_VOICE, OTHER_TALK, NOISE):
            yield _row(kind, self._hour_columns((kind,), thresholds))
        kinds = (OWN_VOICE, OTHER_TALK, NOISE)
        yield _row("all without words", self._hour_columns(kinds, thresholds))

    def notes(self, thresholds: SpotterThresholds) -> tuple[str, ...]:
        """Return what the columns mean, and the thresholds."""
        hours = sum(one.seconds for one in self._without) / 3600.0
        levels = f"duck {thresholds.duck_p:g}, stop {thresholds.stop_p:g}, acknowledgement "
        levels += f"{thresholds.acknowledgement_p:g}, voice {thresholds.voice_p:g}"
        return (
            f"thresholds: {levels}; set by {thresholds.set_by}",
            'stop, duck: a real "stop" is heard at the upper, the lower threshold',
            "a word is heard in time from 0.25 s before its end to 0.5 s after it",
            "voice: two decisions in a row until 0.3 s after the word",
            f"late_ms: after the word's end; {hours:.2f} h without words",
        )

    def chosen_thresholds(self, set_by: str) -> SpotterThresholds:
        """Return the lowest thresholds with few enough false alarms."""
        kinds = (OWN_VOICE, OTHER_TALK, NOISE)
        stop_p = self._lowest(lambda p: self._an_hour(kinds, _STOP, p) <= _MOST_STOPS_AN_HOUR)
        duck_p = self._lowest(lambda p: self._an_hour(kinds, _STOP, p) <= _MOST_DUCKS_AN_HOUR)
        others = self._of(ECHOES_DB, lambda said: said.name == OTHER_SPEECH)
        acknowledgement_p = self._lowest(
            lambda p: (_share(others, _ACKNOWLEDGEMENT, p) or 0.0) <= _MOST_OTHERS_ACKNOWLEDGED
        )
        voice_p = self._lowest(
            lambda p: self._an_hour((OWN_VOICE, NOISE), _VOICE, p) <= _MOST_VOICES_AN_HOUR
        )
        return SpotterThresholds(min(duck_p, stop_p), stop_p, acknowledgement_p, voice_p, set_by)

    @staticmethod
    def _lowest(is_enough: Callable[[float], bool]) -> float:
        return next((level for level in _LEVELS if is_enough(level)), _LEVELS[-1])

    def _of(
        self, echoes: Sequence[float | None], is_wanted: Callable[[Said], bool]
    ) -> list[tuple[Listened, Said]]:
        return [
            (one, said)
            for one in self._words
            if one.echo_db in echoes
            for said in one.said
            if is_wanted(said)
        ]

    def _word_columns(
        self, echoes: Sequence[float | None], thresholds: SpotterThresholds
    ) -> dict[str, Value]:
        def words(is_wanted: Callable[[Said], bool]) -> list[tuple[Listened, Said]]:
            return self._of(echoes, is_wanted)

        stops = words(lambda said: said.word == "stop")
        acks = words(lambda said: _group(said) is Group.ACKNOWLEDGEMENT)
        answers = words(lambda said: _group(said) is Group.ANSWER)
        others = words(lambda said: _group(said) is Group.SPEECH)
        late = [one.first(_STOP, thresholds.stop_p, said) for one, said in stops]
        in_time = [1000.0 * at_s for at_s in late if at_s is not None]
        ack_p = thresholds.acknowledgement_p
        return {
            "stops": len(stops),
            "stop": _share(stops, _STOP, thresholds.stop_p),
            "duck": _share(stops, _STOP, thresholds.duck_p),
            "late_ms": float(np.median(in_time)) if in_time else None,
            "stop_voice": _voice_share(stops, thresholds.voice_p),
            "acks": len(acks),
            "ack": _share(acks, _ACKNOWLEDGEMENT, ack_p),
            "ack_as_stop": _share(acks, _STOP, thresholds.stop_p),
            "others": len(others),
            "other_voice": _voice_share(others, thresholds.voice_p),
            "other_as_ack": _share(others, _ACKNOWLEDGEMENT, ack_p),
            "other_as_stop": _share(others, _STOP, thresholds.stop_p),
            "answers": len(answers),
            "answer_as_stop": _share(answers, _STOP, thresholds.stop_p),
        }

    def _hour_columns(
        self, kinds: Sequence[str], thresholds: SpotterThresholds
    ) -> dict[str, Value]:
        is_talk = OTHER_TALK in kinds
        return {
            "hours": sum(one.seconds for one in self._without if one.kind in kinds) / 3600.0,
            "stops_h": self._an_hour(kinds, _STOP, thresholds.stop_p),
            "ducks_h": self._an_hour(kinds, _STOP, thresholds.duck_p),
            "voices_h": None if is_talk else self._an_hour(kinds, _VOICE, thresholds.voice_p),
        }

    def _an_hour(self, kinds: Sequence[str], column: int, level: float) -> float:
        chosen = [one for one in self._without if one.kind in kinds]
        hours = sum(one.seconds for one in chosen) / 3600.0
        return sum(one.alarms(column, level) for one in chosen) / hours if hours else 0.0


def _row(what: str, columns: dict[str, Value]) -> Row:
    return {"what": what, **dict.fromkeys(_COLUMNS), **columns}


_COLUMNS = (
    "stops", "stop", "duck", "late_ms", "stop_voice", "acks", "ack", "ack_as_stop", "others",
    "other_voice", "other_as_ack", "other_as_stop", "answers", "answer_as_stop", "hours",
    "stops_h", "ducks_h", "voices_h",
)  # fmt: skip


def _echo_name(echo_db: float | None) -> str:
    return "headphones" if echo_db is None else f"echo {echo_db:g} dB"


def _group(said: Said) -> Group:
    return _GROUPS[said.name]


def _share(words: Sequence[tuple[Listened, Said]], column: int, level: float) -> float | None:
    if not words:
        return None
    return sum(one.first(column, level, said) is not None for one, said in words) / len(words)


def _voice_share(words: Sequence[tuple[Listened, Said]], level: float) -> float | None:
    if not words:
        return None
    return sum(one.first_voice(level, said) is not None for one, said in words) / len(words)


def _lasting(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return where a flag stands for ``_VOICE_STEPS`` in a row by then."""
    lasting = flags.copy()
    for back in range(1, _VOICE_STEPS):
        lasting[back:] &= flags[:-back]
        lasting[:back] = False
    return lasting


class _NoDetector:
    """Hears no voice: the spotter does without."""

    window = 512  # samples

    def probability(self, window: Samples) -> float:
        """Return 0."""
        del window
        return 0.0

    def reset(self) -> None:
        """Do nothing: it remembers nothing."""
