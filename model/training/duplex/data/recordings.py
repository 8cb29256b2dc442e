"""Real recordings to learn from: speech, noises and rooms that are free and in no test.

Everybody who speaks in the labelled tests, and every clip they were made of, stays out. Does not
know what scenes are.

Sounds of people and things that are no speech, made from scratch where no recording is free.

Coarse: they have the envelope, pitch and colour of what they stand for. Knows no levels of scenes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import soundfile as sf

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.training.duplex.data.acoustics import band_limited, coloured_noise
from model.training.duplex.data.records import DataError, Json, Record, read_records
from model.training.duplex.data.speakers import TRAIN, VALIDATION
from model.training.duplex.data.utterance import Utterance, trimmed

_FloatArray = npt.NDArray[np.float64]


def _times(seconds: float) -> _FloatArray:
    return np.arange(round(seconds * ENGINE_RATE_HZ)) / ENGINE_RATE_HZ


def _burst(n: int, attack_s: float, decay_s: float) -> _FloatArray:
    at_s = np.arange(n) / ENGINE_RATE_HZ
    return np.minimum(at_s / attack_s, 1.0) * np.exp(-np.maximum(at_s - attack_s, 0.0) / decay_s)


def _formants(samples: _FloatArray, hz: tuple[float, ...], width_hz: float) -> _FloatArray:
    spectrum = np.fft.rfft(samples)
    at_hz = np.fft.rfftfreq(len(samples), 1.0 / ENGINE_RATE_HZ)
    shape = sum(np.exp(-0.5 * ((at_hz - f) / width_hz) ** 2) / (1 + i) for i, f in enumerate(hz))
    return np.fft.irfft(spectrum * (shape + 0.02), len(samples))


def _glottal(pitch_hz: _FloatArray) -> _FloatArray:
    """Pulses of a voice."""
    phase = np.cumsum(pitch_hz / ENGINE_RATE_HZ)
    return np.where(np.diff(np.floor(phase), prepend=0.0) > 0.0, 1.0, 0.0) - 0.01


def cough(rng: np.random.Generator) -> Samples:
    """One to three explosive bursts, the later ones partly voiced."""
    parts: list[_FloatArray] = []
    for _ in range(int(rng.integers(1, 4))):
        n = len(_times(rng.uniform(0.18, 0.4)))
        breath = coloured_noise(rng, n, rng.uniform(1.0, 4.0)).astype(np.float64)
        voice = _glottal(np.linspace(rng.uniform(180, 320), rng.uniform(100, 160), n))
        mixed = breath + rng.uniform(0.0, 3.0) * voice
        formants = (rng.uniform(500, 800), rng.uniform(1200, 1700), rng.uniform(2400, 3000))
        parts.append(_formants(mixed, formants, 300.0) * _burst(n, 0.01, rng.uniform(0.05, 0.12)))
        parts.append(np.zeros(len(_times(rng.uniform(0.03, 0.2)))))
    return np.concatenate(parts).astype(np.float32)


def throat_clearing(rng: np.random.Generator) -> Samples:
    """A rough low voice with breath, twice."""
    parts: list[_FloatArray] = []
    for _ in range(2):
        n = len(_times(rng.uniform(0.15, 0.35)))
        rough = 1.0 + 0.7 * np.sin(2 * np.pi * rng.uniform(25, 40) * np.arange(n) / ENGINE_RATE_HZ)
        pitch = rng.uniform(80, 140) * (1.0 + 0.1 * rng.standard_normal(n))
        mixed = (_glottal(pitch) + 0.2 * coloured_noise(rng, n, 3.0)) * rough
        parts.append(_formants(mixed, (550.0, 1100.0), 250.0) * _burst(n, 0.03, 0.15))
        parts.append(np.zeros(len(_times(0.05))))
    return np.concatenate(parts).astype(np.float32)


def laughter(rng: np.random.Generator) -> Samples:
    """Four to eight "ha" at five a second, falling in pitch and level."""
    pitch = rng.uniform(140.0, 320.0)
    step_s = rng.uniform(0.17, 0.24)
    parts: list[_FloatArray] = []
    n_syllables = int(rng.integers(4, 9))
    for i in range(n_syllables):
        n = len(_times(step_s))
        fall = 1.0 - 0.3 * i / n_syllables
        voice = _glottal(np.linspace(1.15, 0.9, n) * pitch * fall)
        voiced = np.arange(n) > n * 0.35
        mixed = voice * voiced * 3.0 + 0.25 * coloured_noise(rng, n, 2.0)
        shaped = _formants(mixed, (700.0, 1200.0, 2500.0), 200.0)
        parts.append(shaped * _burst(n, 0.05, 0.12) * fall)
    return np.concatenate(parts).astype(np.float32)


def sniff(rng: np.random.Generator) -> Samples:
    """Breath through the nose."""
    n = len(_times(rng.uniform(0.2, 0.6)))
    window = np.sin(np.pi * np.arange(n) / n) ** 1.5
    noise = coloured_noise(rng, n, rng.uniform(-1.0, 2.0)) * window
    return band_limited(noise.astype(np.float32), rng.uniform(300, 900), 6000.0)


def typing(rng: np.random.Generator) -> Samples:
    """Key strokes: a click, sometimes a second one at the release."""
    out = np.zeros(len(_times(rng.uniform(0.6, 3.0))))
    at_s = 0.05
    while at_s < len(out) / ENGINE_RATE_HZ - 0.1:
        for offset_s, level in ((0.0, 1.0), (rng.uniform(0.06, 0.1), 0.4)):
            n = len(_times(0.03))
            click = coloured_noise(rng, n, rng.uniform(-2.0, 2.0)) * _burst(n, 0.001, 0.006)
            first = round((at_s + offset_s) * ENGINE_RATE_HZ)
            out[first : first + n] += (level * rng.uniform(0.3, 1.0) * click)[: len(out) - first]
        at_s += rng.uniform(0.08, 0.35)
    return out.astype(np.float32)


def thump(rng: np.random.Generator) -> Samples:
    """A door, a cup put down, a knock: one to three low bursts."""
    parts: list[_FloatArray] = []
    tone_hz = rng.uniform(60.0, 400.0)
    for _ in range(int(rng.integers(1, 4))):
        n = len(_times(rng.uniform(0.12, 0.4)))
        ring = np.sin(2 * np.pi * tone_hz * np.arange(n) / ENGINE_RATE_HZ)
        mixed = ring + rng.uniform(0.2, 1.0) * coloured_noise(rng, n, 4.0)
        parts.append(mixed * _burst(n, 0.002, rng.uniform(0.02, 0.1)))
    return np.concatenate(parts).astype(np.float32)


def music(rng: np.random.Generator) -> Samples:
    """Chords of decaying harmonics over a beat, 3 to 6 s."""
    out = np.zeros(len(_times(rng.uniform(3.0, 6.0))))
    beat_s = rng.uniform(0.3, 0.6)
    scale = 220.0 * 2.0 ** (np.array((0, 2, 4, 7, 9, 12)) / 12.0)
    for beat in range(int(len(out) / ENGINE_RATE_HZ / beat_s)):
        first = round(beat * beat_s * ENGINE_RATE_HZ)
        n = min(len(_times(2.0 * beat_s)), len(out) - first)
        at_s = np.arange(n) / ENGINE_RATE_HZ
        for note in rng.choice(scale, 3):
            tones = sum(np.sin(2 * np.pi * note * k * at_s) / k for k in range(1, 6))
            out[first : first + n] += tones * np.exp(-at_s / 0.4)
        drum = coloured_noise(rng, n, 2.0) * np.exp(-at_s / 0.03)
        out[first : first + n] += 1.5 * drum
    return out.astype(np.float32)


EFFECTS: Mapping[str, Callable[[np.random.Generator], Samples]] = {
    "cough": cough,
    "throat": throat_clearing,
    "laughter": laughter,
    "sniff": sniff,
    "typing": typing,
    "thump": thump,
    "music": music,
}


MANIFEST = "manifest.jsonl"
TEST_LABELS = ("turns/labels.jsonl", "bargein/labels.jsonl")
SHORT_SPEECH = ("command", "wakeword")
READ_SPEECH = ("read", "read_noref", "speech_public")
NOISE, ROOM, CROWD = "noise", "rir", "dialog_meeting"

_USED = (*SHORT_SPEECH, *READ_SPEECH, NOISE, ROOM, CROWD)
_CLIP_KEYS = ("clip", "source_id", "near_rir", "rir")
_VALIDATION_PART = 6  # one of so many speakers, and of noises


@dataclass(frozen=True, slots=True)
class Recording:
    """One row of the manifest that may be used.

    Attributes:
        category: of a noise ("dog_bark"); "" otherwise.
        text: "" where nobody wrote it down.
    """

    id: str
    path: Path
    kind: str
    category: str
    language: str
    speaker: str
    text: str
    licence: str
    split: str

    def samples(self) -> Samples:
        """float32 (n,), 16 kHz. Raises DataError."""
        return read_mono(self.path)

    def utterance(self) -> Utterance:
        """Without silence at its ends and without word times. Raises DataError."""
        return trimmed(
            Utterance(
                self.samples(), (), self.text, self.language, self.speaker, self.id, self.licence
            )
        )


@dataclass(frozen=True, slots=True)
class Recordings:
    """All that may be learnt from, in the order of the manifest."""

    rows: tuple[Recording, ...]

    def of_kind(self, *kinds: str, split: str | None = None) -> tuple[Recording, ...]:
        """``split`` None: of both."""
        return tuple(r for r in self.rows if r.kind in kinds and split in (None, r.split))


def read_recordings(folder: Path) -> Recordings:
    """Reads ``folder/manifest.jsonl`` and leaves out what the tests beside it are made of.

    Raises:
        DataError: the folder, a file in it or a row is not as it should be.
    """
    if not (folder / MANIFEST).is_file():
        raise DataError(f"{folder}: no {MANIFEST} in it; give a folder with recordings to --real")
    names = _names_in_tests(folder)
    rows: list[Recording] = []
    for row in read_records(folder / MANIFEST):
        if row.values.get("train_ok") is not True or row.values.get("kind") not in _USED:
            continue
        recording = _recording(row, folder)
        people = set(recording.speaker.split(","))
        if recording.id not in names and not people & names:
            rows.append(recording)
    return Recordings(tuple(rows))


def read_mono(path: Path) -> Samples:
    """float32 (n,) at 16 kHz, the first channel. Raises DataError."""
    return read_channels(path, 1)[0]


def read_channels(path: Path, n_channels: int) -> Samples:
    """float32 (n_channels, n) at 16 kHz. Raises DataError."""
    try:
        samples, rate_hz = sf.read(str(path), dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError) as error:
        raise DataError(f"{path}: not a readable recording ({error})") from error
    if rate_hz != ENGINE_RATE_HZ:
        raise DataError(f"{path}: {rate_hz} Hz; resample it to {ENGINE_RATE_HZ} Hz")
    if samples.shape[1] < n_channels:
        raise DataError(f"{path}: {samples.shape[1]} channels where {n_channels} are needed")
    return frozen(np.ascontiguousarray(samples.T[:n_channels], np.float32))


def _names_in_tests(folder: Path) -> set[str]:
    """Speakers and clips of the labelled tests; none where there are no tests."""
    names: set[str] = set()
    for labels in TEST_LABELS:
        if (folder / labels).is_file():
            for row in read_records(folder / labels):
                names.update(_names(row.values))
    return names


def _names(value: object) -> Iterator[str]:
    """All speakers and clips below ``value``."""
    if isinstance(value, Mapping):
        for key, child in cast(Json, value).items():
            if isinstance(child, str) and (key in _CLIP_KEYS or key == "speaker"):
                yield from child.split(",")
            yield from _names(child)
    elif isinstance(value, list):
        for child in cast("list[object]", value):
            yield from _names(child)


def _recording(row: Record, folder: Path) -> Recording:
    path = folder / row.text("path")
    if not path.is_file():
        raise DataError(f'{row.where}: key "path": {path} is missing')
    group = row.text_or_nothing("speaker") or row.text("id")
    is_validation = zlib.crc32(group.encode()) % _VALIDATION_PART == 0
    return Recording(
        id=row.text("id"),
        path=path,
        kind=row.text("kind"),
        category=row.text_or_nothing("category"),
        language=row.text_or_nothing("lang") or "en",
        speaker=row.text_or_nothing("speaker"),
        text=row.text_or_nothing("text"),
        licence=row.text("licence"),
        split=VALIDATION if is_validation else TRAIN,
    )
