"""Where a scene takes place: its echo, its noise, its microphone; drawn by chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.room_acoustics import level_of_active_speech
from model.training.duplex.data import acoustics
from model.training.duplex.data.chance import between, pick
from model.training.duplex.data.recordings import CROWD, NOISE, ROOM, Recordings, of_kind
from model.training.duplex.data.sound_effects import EFFECTS
from model.training.duplex.data.utterance import tilted

# What goes on for long; the rest of the recorded noises are events.
STEADY = (
    "clock_tick", "fire_crackling", "helicopter", "home_background", "rain", "sea_waves",
    "chainsaw",
)  # fmt: skip
_BREATHS = ("cough", "throat", "sniff", "laughter", "person_sneeze")
_NEAR_DBFS = (-38.0, -18.0)
_FAR_DBFS = (-28.0, -16.0)
_ECHO_DB = (-30.0, -5.0)  # of the microphone's echo against the loudspeaker's signal
_SIGNAL_TO_ECHO_DB = (-5.0, 30.0)
_LOUDEST_NEAR_DBFS, _SOFTEST_NEAR_DBFS = -14.0, -46.0
_NOISE_DB = (5.0, 40.0)  # speech over noise
_LOUDEST_NOISE_DBFS = -34.0
_FLOOR_DBFS = -78.0  # self-noise of a microphone
_RT60_S = (0.15, 0.8)
_DIRECT_DB = (-3.0, 12.0)
_DELAY_S = (0.015, 0.15)
_DRIFTS_PPM = (0.0, 0.0, 0.0, 30.0, -50.0)
# A loudspeaker that distorts is what the canceller cannot model: its residual sounds like speech.
_P_DISTORTS, _DRIVE_DB = 0.3, (6.0, 28.0)
_P_JUMPS, _JUMP_S = 0.08, (0.01, 0.06)  # a device that loses some samples in between
_EVENT_S = 4.0  # longer recorded events are cut


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A place with its levels and devices.

    Attributes:
        near: response from the user to the microphone; None: close to the mouth.
        far_away, loudspeaker: responses from people far away, and from the loudspeaker.
        echo_db: None: headphones, no echo at all.
        drive_db: how far the loudspeaker is driven beyond where it is linear; 0: it is.
        jump_s: by how much the echo's delay grows in the middle of the scene.
        noise: of unit level, as long as needed by looping; None: only the microphone's own.
        line: what the microphone's signal goes through: "", "telephone", "mu_law", "narrow".
        tilt_db: colour of the microphone.
    """

    near: Samples | None
    far_away: Samples
    loudspeaker: Samples
    near_dbfs: float
    far_dbfs: float
    echo_db: float | None
    delay_s: float
    drift_ppm: float
    drive_db: float
    jump_s: float
    noise: Samples | None
    noise_dbfs: float
    line: str
    tilt_db: float

    def near_sound(self, samples: Samples, level_db: float) -> Samples:
        """Place somebody in front of the microphone, ``level_db`` above the user's usual level."""
        heard = samples if self.near is None else acoustics.convolved(samples, self.near)
        return acoustics.at_level(heard, self.near_dbfs + level_db)

    def distant_sound(self, samples: Samples, level_db: float) -> Samples:
        """Place people in the background: dull, with a late echo (Full-Duplex-Bench v1.5)."""
        dull = _reflected(acoustics.band_limited(samples, 0.0, 3000.0), ((0.1, -10.0),))
        heard = acoustics.convolved(dull, self.far_away)
        return acoustics.at_level(heard, self.near_dbfs + level_db)

    def averted_sound(self, samples: Samples, level_db: float) -> Samples:
        """Turn the user away, to talk to somebody else (Full-Duplex-Bench v1.5)."""
        reflected = _reflected(samples, ((0.045, -6.0), (0.12, -12.0)))
        return self.near_sound(acoustics.shelved(reflected, 4000.0, -5.0), level_db)

    def echo(self, far: Samples) -> Samples:
        """Return what the microphone hears of the loudspeaker's signal."""
        if self.echo_db is None:
            return np.zeros(len(far), np.float32)
        played = acoustics.drifted(far, self.drift_ppm)
        if self.drive_db:
            played = acoustics.soft_clipped(played, self.drive_db)
        middle = len(played) // 2
        heard = acoustics.delayed(played, self.delay_s)
        if self.jump_s:
            heard[middle:] = acoustics.delayed(played, self.delay_s + self.jump_s)[middle:]
        echo = acoustics.convolved(heard, self.loudspeaker)
        level_db = level_of_active_speech(far) + self.echo_db - level_of_active_speech(echo)
        return echo * acoustics.gain(level_db)

    def through_microphone(self, samples: Samples, rng: np.random.Generator) -> Samples:
        """Add noise, apply the microphone's colour and its line, clip at full scale."""
        coloured = tilted(self._with_noise(samples, rng), self.tilt_db)
        if self.line:
            coloured = _LINES[self.line](coloured)
        return np.clip(coloured, -1.0, 1.0)

    def _with_noise(self, samples: Samples, rng: np.random.Generator) -> Samples:
        hiss = acoustics.coloured_noise(rng, len(samples), 0.0) * acoustics.gain(_FLOOR_DBFS)
        mixed = (samples + hiss).astype(np.float32)
        if self.noise is None or not len(self.noise):
            return mixed
        bed = acoustics.looped(self.noise, len(samples), rng)
        rms = float(np.sqrt(np.mean(np.square(bed, dtype=np.float64)))) + 1e-9
        return (mixed + bed * (acoustics.gain(self.noise_dbfs) / rms)).astype(np.float32)


_LINES = {
    "telephone": acoustics.telephone,
    "mu_law": acoustics.mu_law,
    "narrow": lambda samples: acoustics.band_limited(samples, 150.0, 4000.0),
}


def _reflected(samples: Samples, reflections: Sequence[tuple[float, float]]) -> Samples:
    heard = np.array(samples, np.float32)
    for delay_s, db in reflections:
        n = round(delay_s * ENGINE_RATE_HZ)
        if n < len(samples):
            heard[n:] += acoustics.gain(db) * samples[: len(samples) - n]
    return heard


class SoundStock:
    """Rooms and noises of one split, recorded ones where there are some."""

    def __init__(self, recordings: Recordings, split: str) -> None:
        rows = of_kind(recordings, NOISE, split=split)
        self._steady = [row for row in rows if row.category in STEADY]
        self._events = [row for row in rows if row.category not in STEADY]
        self._crowd = of_kind(recordings, CROWD, split=split)
        self._rooms = of_kind(recordings, ROOM)  # walls are nobody's voice: both splits

    def room(self, rng: np.random.Generator, *, is_echo: bool) -> Room:
        """Draw a room; ``is_echo``: with levels at which the user is heard against an echo."""
        far_dbfs = between(rng, _FAR_DBFS)
        echo_db = between(rng, _ECHO_DB) if is_echo and rng.random() < 0.92 else None
        near_dbfs = between(rng, _NEAR_DBFS)
        if echo_db is not None:
            near_dbfs = far_dbfs + echo_db + between(rng, _SIGNAL_TO_ECHO_DB)
            near_dbfs = min(max(near_dbfs, _SOFTEST_NEAR_DBFS), _LOUDEST_NEAR_DBFS)
        noise_dbfs = min(near_dbfs - between(rng, _NOISE_DB), _LOUDEST_NOISE_DBFS)
        lines = ("", "", "", "", "narrow") if is_echo else ("", "", "", "", "narrow", "telephone")
        return Room(
            near=self._response(rng) if rng.random() < 0.8 else None,
            far_away=acoustics.simulated_room(rng, rng.uniform(0.5, 1.0), rng.uniform(-12.0, -4.0)),
            loudspeaker=self._response(rng),
            near_dbfs=near_dbfs,
            far_dbfs=far_dbfs,
            echo_db=echo_db,
            delay_s=between(rng, _DELAY_S),
            drift_ppm=float(rng.choice(_DRIFTS_PPM)),
            drive_db=between(rng, _DRIVE_DB) if rng.random() < _P_DISTORTS else 0.0,
            jump_s=between(rng, _JUMP_S) if rng.random() < _P_JUMPS else 0.0,
            noise=self._bed(rng),
            noise_dbfs=noise_dbfs,
            line="mu_law" if rng.random() < 0.04 else str(rng.choice(lines)),
            tilt_db=between(rng, (-5.0, 5.0)),
        )

    def event(self, rng: np.random.Generator, *, is_breath: bool = False) -> tuple[str, Samples]:
        """Return name and sound of no speech; ``is_breath``: of those that people make."""
        made = [name for name in EFFECTS if not is_breath or name in _BREATHS]
        found = [row for row in self._events if not is_breath or row.category in _BREATHS]
        if found and rng.random() < 0.5:
            row = pick(rng, found)
            samples = row.samples()
            return row.category, samples[: round(_EVENT_S * ENGINE_RATE_HZ)]
        name = pick(rng, made)
        return name, EFFECTS[name](rng)

    def crowd(self, rng: np.random.Generator, seconds: float) -> Samples | None:
        """Return people who talk to each other; None where there is no recording."""
        if not self._crowd:
            return None
        row = pick(rng, self._crowd)
        return acoustics.looped(row.samples(), round(seconds * ENGINE_RATE_HZ), rng)

    def _response(self, rng: np.random.Generator) -> Samples:
        if self._rooms and rng.random() < 0.3:
            return pick(rng, self._rooms).samples()
        return acoustics.simulated_room(rng, rng.uniform(*_RT60_S), rng.uniform(*_DIRECT_DB))

    def _bed(self, rng: np.random.Generator) -> Samples | None:
        chance = rng.random()
        if chance < 0.25:
            return None
        if self._steady and chance < 0.65:
            return pick(rng, self._steady).samples()
        return acoustics.coloured_noise(rng, 4 * ENGINE_RATE_HZ, rng.uniform(0.0, 7.0))
