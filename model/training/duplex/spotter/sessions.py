"""Sessions for the spotter: half a minute in one room, replies sounding, a user talking over them.

A session is heard by one canceller from its cold start on, so that replies of a cold and of a warm
one are learnt from.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from audio_io.aec import FRAME, WebRtcEchoCanceller
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.log_mel import LogMelStream
from model.duplex.spotter.vocabulary import CLASSES, ECHO, NOTHING, OTHER_SPEECH, Group
from model.training.duplex.data import acoustics
from model.training.duplex.data.chance import between
from model.training.duplex.data.rooms import Room, SoundStock
from model.training.duplex.data.utterance import Utterance, runs
from model.training.duplex.spotter.people import People

SESSION_S = 36.0
IGNORED = -1
INDEX = {one.name: i for i, one in enumerate(CLASSES)}

_P_NO_REPLIES, _P_HEADPHONES, _P_SPEAKS_A_WORD = 0.12, 0.12, 0.2
_REPLY_S, _PAUSE_S = (2.5, 9.0), (0.4, 3.5)
_GAP_S, _LONG_GAP_S, _P_LONG_GAP = (0.35, 1.6), (1.6, 5.0), {False: 0.3, True: 0.12}
_LEVEL_DB = (-6.0, 5.0)  # of one utterance against the user's usual level
_KINDS: dict[bool, dict[Group | str, float]] = {  # by whether a session is dense
    False: {
        Group.STOP: 0.24, Group.ACKNOWLEDGEMENT: 0.16, Group.ANSWER: 0.11, "wake": 0.02,
        "word": 0.24, "sentence": 0.23,
    },
    True: {
        Group.STOP: 0.25, Group.ACKNOWLEDGEMENT: 0.2, Group.ANSWER: 0.16, "wake": 0.02,
        "word": 0.33, "sentence": 0.04,
    },
}  # fmt: skip
_DENSE_SHARES = {Group.STOP: 0.35, Group.ACKNOWLEDGEMENT: 0.12, Group.ANSWER: 0.15}
_EVENT_EVERY_S, _EVENT_DBFS, _P_BREATH = 7.0, (-46.0, -20.0), 0.4
_P_BACKGROUND, _BACKGROUND_DB, _LOUDEST_BACKGROUND_DBFS = 0.2, (-26.0, -12.0), -36.0
_FAR_ACTIVE_DBFS, _ECHO_TAIL_FRAMES = -50.0, 25

# Frames of 10 ms around the begin and end of a voice, and what is asked of the network then.
_UNHEARD_FRAMES = 8  # nobody knows a voice by its first 80 ms
_EARLY_FRAMES, _LATE_FRAMES = 10, 30  # a word may be named from 100 ms before its end to 300 after
_AFTER_WORD_FRAMES, _AFTER_SPEECH_FRAMES = 45, 30  # the voice may still be remembered until then
_HELD_SPEECH_FRAMES = 10  # a voice is still there this long after its end
_LOUD_DB, _BRIDGED_FRAMES = 32.0, 20

Mels16 = npt.NDArray[np.float16]
Labels = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Said:
    """The user says ``name``, a class, from ``start_s`` to ``end_s``."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """What the microphone and the loudspeaker had, (n,) at 16 kHz, and what was to be heard.

    Attributes:
        labels: the class of each 10 ms frame, or ``IGNORED``.
        said: in order.
    """

    microphone: Samples
    loudspeaker: Samples
    labels: Labels
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A session as the network gets it; ``mels``: float16 (n, 120)."""

    mels: Mels16
    labels: Labels


def make_session(
    people: People, stock: SoundStock, rng: np.random.Generator, *, is_dense: bool = False
) -> Session:
    """Make a session; the same generator makes the same one.

    Args:
        is_dense: the user says little but single words.
    """
    room = stock.room(rng, is_echo=True)
    if rng.random() < _P_HEADPHONES:
        room = replace(room, echo_db=None)
    n = round(SESSION_S * ENGINE_RATE_HZ)
    far = np.zeros(n, np.float32)
    if rng.random() >= _P_NO_REPLIES:
        _place_replies(far, room, people, rng)
    labels = labels_of_replies(far, has_echo=room.echo_db is not None)
    near = np.zeros(n, np.float32)
    _place_noises(near, room, people, stock, rng)
    said = _place_user(near, labels, room, _Talker(people, is_dense), rng)
    microphone = room.through_microphone(near + room.echo(far), rng)
    return Session(microphone, far, labels, said)


def heard(session: Session) -> Heard:
    """Send a session through a fresh canceller."""
    return Heard(mels_of(session.microphone, session.loudspeaker), session.labels)


def mels_of(microphone: Samples, loudspeaker: Samples) -> Mels16:
    """Return what the spotter gets of a recording, float16 (n // 160, 120)."""
    canceller = WebRtcEchoCanceller()
    n = len(microphone) // FRAME * FRAME
    near, far = np.ascontiguousarray(microphone[:n]), np.ascontiguousarray(loudspeaker[:n])
    clean = [canceller.process(near[i : i + FRAME], far[i : i + FRAME]) for i in range(0, n, FRAME)]
    sounds = (np.concatenate(clean), near, far)
    mels = np.concatenate([LogMelStream().push(sound) for sound in sounds], axis=1)
    return mels.astype(np.float16)


def _place_replies(far: Samples, room: Room, people: People, rng: np.random.Generator) -> None:
    at_s = rng.uniform(0.0, 2.5)
    while at_s < SESSION_S - 1.0:
        reply = people.reply(between(rng, _REPLY_S), rng).samples
        if rng.random() < _P_SPEAKS_A_WORD:  # the assistant says such words too
            _, word = people.word_of(Group(rng.choice(_SPOKEN_GROUPS)), rng)
            silence = np.zeros(round(rng.uniform(0.1, 0.7) * ENGINE_RATE_HZ), np.float32)
            reply = np.concatenate([reply, silence, word.samples])
        added = _add(far, acoustics.at_level(reply, room.far_dbfs + between(rng, (-2, 2))), at_s)
        at_s += added / ENGINE_RATE_HZ + between(rng, _PAUSE_S)


_SPOKEN_GROUPS = (Group.STOP.value, Group.STOP.value, Group.ACKNOWLEDGEMENT.value)


def labels_of_replies(far: Samples, *, has_echo: bool) -> Labels:
    """Return what is to be heard where the user is silent."""
    power = np.square(far.reshape(-1, FRAME), dtype=np.float64).mean(axis=1)
    is_active = power > 10.0 ** (_FAR_ACTIVE_DBFS / 10.0)
    labels = np.full(len(is_active), INDEX[NOTHING], np.int16)
    if has_echo:
        for run in runs(is_active):
            labels[run.start : run.stop + _ECHO_TAIL_FRAMES] = INDEX[ECHO]
    return labels


def _place_noises(
    near: Samples, room: Room, people: People, stock: SoundStock, rng: np.random.Generator
) -> None:
    at_s = rng.exponential(_EVENT_EVERY_S)
    while at_s < SESSION_S:
        _, sound = stock.event(rng, is_breath=bool(rng.random() < _P_BREATH))
        _add(near, acoustics.at_level(sound, between(rng, _EVENT_DBFS)), at_s)
        at_s += rng.exponential(_EVENT_EVERY_S)
    if rng.random() >= _P_BACKGROUND:
        return
    at_s = rng.uniform(0.0, 8.0)
    while at_s < SESSION_S:
        talk = people.sentence(rng)
        heard_talk = room.distant_sound(talk.samples, between(rng, _BACKGROUND_DB))
        loudest = acoustics.at_level(heard_talk, _LOUDEST_BACKGROUND_DBFS)
        softer = heard_talk if np.abs(heard_talk).max() < np.abs(loudest).max() else loudest
        at_s += _add(near, softer, at_s) / ENGINE_RATE_HZ + rng.uniform(0.5, 6.0)


@dataclass(frozen=True, slots=True)
class _Talker:
    people: People
    is_dense: bool

    def says(self, rng: np.random.Generator) -> tuple[str, Utterance]:
        """Return something and its class."""
        kinds = _KINDS[self.is_dense]
        kind = list(kinds)[int(rng.choice(len(kinds), p=list(kinds.values())))]
        people = self.people
        if isinstance(kind, Group):
            if self.is_dense:
                return people.word_of(kind, rng, _DENSE_SHARES[kind])
            return people.word_of(kind, rng)
        if kind == "wake":
            return "hey parley", people.word("hey parley", rng)
        said = people.other_word(rng) if kind == "word" else people.sentence(rng)
        return OTHER_SPEECH, said


def _place_user(
    near: Samples, labels: Labels, room: Room, talker: _Talker, rng: np.random.Generator
) -> tuple[Said, ...]:
    at_s = rng.uniform(0.3, 2.0)
    all_said: list[Said] = []
    p_long_gap = _P_LONG_GAP[talker.is_dense]
    while True:
        name, said = talker.says(rng)
        sound = room.near_sound(said.samples, between(rng, _LEVEL_DB))
        if at_s + len(sound) / ENGINE_RATE_HZ > SESSION_S - 0.5:
            return tuple(all_said)
        begin = _add(near, sound, at_s, returns_begin=True)
        voiced = voiced_runs(said.samples)
        label_voice(labels, voiced, begin // FRAME, name)
        all_said += [
            Said(name, at_s + run.start / 100.0, at_s + run.stop / 100.0)
            for run in ([slice(voiced[0].start, voiced[-1].stop)] if voiced else [])
        ]
        gap_s = between(rng, _LONG_GAP_S if rng.random() < p_long_gap else _GAP_S)
        at_s += len(sound) / ENGINE_RATE_HZ + gap_s


def voiced_runs(samples: Samples) -> list[slice]:
    """Return the frames in which somebody speaks, short gaps included."""
    n = len(samples) // FRAME
    if not n:
        return []
    power = np.square(samples[: n * FRAME].reshape(n, FRAME), dtype=np.float64).mean(axis=1)
    least = np.percentile(power, 95.0) * 10.0 ** (-_LOUD_DB / 10.0)
    is_voiced = power > max(least, 1e-10)
    for gap in runs(~is_voiced):
        if gap.stop - gap.start <= _BRIDGED_FRAMES and gap.start > 0 and gap.stop < n:
            is_voiced[gap] = True
    return runs(is_voiced)


def label_voice(labels: Labels, voiced: list[slice], first: int, name: str) -> None:
    """Write what is to be heard of an utterance that begins in frame ``first``."""
    if not voiced:
        return
    is_word = name != OTHER_SPEECH
    spans = [slice(voiced[0].start, voiced[-1].stop)] if is_word else voiced
    after = _AFTER_WORD_FRAMES if is_word else _AFTER_SPEECH_FRAMES
    for span in spans:
        begin, end = first + span.start, first + span.stop
        heard_from = min(begin + _UNHEARD_FRAMES, end)
        labels[begin:heard_from] = IGNORED
        labels[end : end + after] = IGNORED
        labels[heard_from : end + _HELD_SPEECH_FRAMES] = INDEX[OTHER_SPEECH]
        if is_word:
            named_from = max(heard_from, end - _EARLY_FRAMES)
            labels[named_from : end + _LATE_FRAMES] = INDEX[name]


def _add(track: Samples, sound: Samples, at_s: float, *, returns_begin: bool = False) -> int:
    """Add ``sound``; return how many samples it took, or where it begins."""
    begin = round(at_s * ENGINE_RATE_HZ)
    fits = sound[: len(track) - begin]
    track[begin : begin + len(fits)] += fits
    return begin if returns_begin else len(fits)
