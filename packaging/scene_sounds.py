"""Makes the sounds that the bundled scenes need: a living room's echo and a busy desk.

Run: python packaging/scene_sounds.py  (writes resources/scenes/sounds/*.flac; same bits every time)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
RT60_S = 0.4
FOLDER = Path(__file__).resolve().parents[1] / "resources" / "scenes" / "sounds"


def living_room(rng: np.random.Generator) -> np.ndarray:
    """Direct sound, six early reflections and an exponential tail, float64 (0.5 s,)."""
    n = RATE_HZ // 2
    t = np.arange(n) / RATE_HZ
    response = 0.08 * rng.standard_normal(n) * 10.0 ** (-3.0 * t / RT60_S)
    response[: int(0.004 * RATE_HZ)] = 0.0
    for delay_ms, gain in ((0, 1.0), (4, 0.5), (7, -0.4), (11, 0.35), (17, 0.25), (23, -0.2)):
        response[int(delay_ms * RATE_HZ / 1000)] += gain
    return response / np.max(np.abs(response))


def busy_desk(rng: np.random.Generator) -> np.ndarray:
    """A fan, keystrokes, and things put down on a table, float64 (8 s,)."""
    n = 8 * RATE_HZ
    spectrum = np.fft.rfft(rng.standard_normal(n))
    frequency = np.maximum(np.fft.rfftfreq(n, 1.0 / RATE_HZ), 40.0)
    sound = 0.02 * np.fft.irfft(spectrum * (200.0 / frequency), n)
    for at_s in np.cumsum(rng.uniform(0.09, 0.35, 28)):
        _strike(sound, at_s, rng, length_ms=18.0, pitch_hz=rng.uniform(1500, 4000), level=0.12)
    for at_s in (1.7, 4.1, 6.3):
        _strike(sound, at_s, rng, length_ms=120.0, pitch_hz=rng.uniform(150, 400), level=0.35)
    return 0.5 * sound / np.max(np.abs(sound))


def _strike(
    sound: np.ndarray,
    at_s: float,
    rng: np.random.Generator,
    *,
    length_ms: float,
    pitch_hz: float,
    level: float,
) -> None:
    n = int(length_ms * RATE_HZ / 1000)
    begin = int(at_s * RATE_HZ)
    if begin + n > len(sound):
        return
    t = np.arange(n) / RATE_HZ
    decay = np.exp(-6.0 * np.arange(n) / n)
    tone = np.sin(2 * np.pi * pitch_hz * t) + rng.standard_normal(n)
    sound[begin : begin + n] += level * decay * tone


def main() -> None:
    """Writes both files."""
    rng = np.random.default_rng(20)
    FOLDER.mkdir(parents=True, exist_ok=True)
    soundfile.write(FOLDER / "living_room.flac", living_room(rng), RATE_HZ, subtype="PCM_16")
    soundfile.write(FOLDER / "busy_desk.flac", busy_desk(rng), RATE_HZ, subtype="PCM_16")


if __name__ == "__main__":
    main()
