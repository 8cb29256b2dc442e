"""Speech engines: phonemes in, sound with the time of every symbol out.

Both networks predict how long each symbol lasts; that inner tensor is declared as an output, so
word times are exact rather than guessed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio_io.frames import Samples
from model.cascade.hibari_library import hibari_assets, waveform
from model.cascade.onnx_graph import with_output
from model.cascade.onnx_session import RunOptions, new_run_options, open_session
from model.errors import ModelError, WeightsError
from model.files.records import read_json

RATE_HZ = 24_000
_HIBARI_DURATIONS = "/Clip_output_0"
_KOKORO_DURATIONS = "/encoder/Clip_output_0"
_STYLE = 256  # floats per Kokoro style; a voice file holds one style per phoneme count
_MAX_SYMBOLS = 509  # Kokoro's context of 512 less padding
_NOISE_SEED = 5  # breath noise; the same phonemes always give the same samples


@dataclass(frozen=True, slots=True)
class RawSpeech:
    """Sound, and where each symbol begins: ``onsets[i]`` to ``onsets[i + 1]`` is symbol i.

    Attributes:
        samples: float32 (n,) at 24 kHz.
        onsets: int64 (n_symbols + 1,), in samples.
    """

    samples: Samples
    onsets: np.ndarray[Any, np.dtype[np.int64]]


class Stopped(Exception):
    """A synthesis was given up on request."""


class _Alphabet:
    def __init__(self) -> None:
        path = hibari_assets() / "vocab.json"
        self._ids = read_json(path, dict[str, int], ModelError, remedy="reinstall")

    def encode(self, symbols: str) -> tuple[list[int], list[int]]:
        """Return ids with padding, and for each symbol its index (or that of the next known)."""
        ids = [0]
        index: list[int] = []
        for symbol in symbols:
            index.append(len(ids))
            if symbol in self._ids:
                ids.append(self._ids[symbol])
        index.append(len(ids))
        return [*ids, 0], index


def _timed(samples: Samples, durations: Samples, index: list[int]) -> RawSpeech:
    """Place the symbols: durations count frames, which fill the samples exactly."""
    edges = np.concatenate([[0.0], np.cumsum(durations.reshape(-1), dtype=np.float64)])
    onsets = edges * (len(samples) / max(1.0, edges[-1]))
    return RawSpeech(samples, onsets[np.asarray(index)].astype(np.int64))


class HibariEngine:
    """The bundled voice, about fifty times faster than real time on one core."""

    def __init__(self) -> None:
        path = hibari_assets() / "hibari.onnx"
        self._session = open_session(with_output(path.read_bytes(), _HIBARI_DURATIONS))
        self._alphabet = _Alphabet()

    def synthesize(self, symbols: str, style: Samples | None, rate: float) -> RawSpeech:
        """Speak phonemes of misaki's alphabet; there is one voice, so ``style`` is ignored."""
        del style
        ids, index = self._alphabet.encode(symbols[:_MAX_SYMBOLS])
        feed = {"ids": np.array([ids], np.int64), "speed": np.array([rate], np.float32)}
        *frames, durations = self._session.run(None, feed)
        samples = waveform([part[0] for part in frames], np.random.default_rng(_NOISE_SEED))
        return _timed(samples, durations, index)

    def stop(self) -> None:
        """Do nothing: a synthesis is over before anybody could stop it."""


class KokoroEngine:
    """Kokoro-82M in 8 bits: many voices, about as fast as real time on one core."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise WeightsError(f"{path}: file is missing; fetch it with `parley models get`")
        self._session = open_session(with_output(path.read_bytes(), _KOKORO_DURATIONS))
        self._alphabet = _Alphabet()
        self._run_options: RunOptions | None = None

    def synthesize(self, symbols: str, style: Samples | None, rate: float) -> RawSpeech:
        """Speak phonemes of misaki's alphabet; ``style`` is a voice table (n, 256).

        Raises:
            Stopped: ``stop`` was called meanwhile.
        """
        if style is None:
            raise ValueError("Kokoro needs the style table of a voice")
        ids, index = self._alphabet.encode(symbols[:_MAX_SYMBOLS])
        row = min(max(len(ids) - 2, 0), len(style) - 1)
        feed = {
            "tokens": np.array([ids], np.int64),
            "style": style[row : row + 1],
            "speed": np.array([rate], np.float32),
        }
        options = new_run_options()
        self._run_options = options
        try:
            samples, durations = self._session.run(None, feed, options)
        except Exception as error:
            if options.terminate:
                raise Stopped from error
            raise
        finally:
            self._run_options = None
        return _timed(samples, durations, index)

    def stop(self) -> None:
        """End a synthesis that is running on another thread, which then raises ``Stopped``."""
        options = self._run_options
        if options is not None:
            options.terminate = True


SpeechEngine = HibariEngine | KokoroEngine  # each is called from one thread at a time


def read_style(path: Path) -> Samples:
    """Read a voice table, float32 (n, 256).

    Raises:
        WeightsError: the file is missing or has the wrong size.
    """
    try:
        table = np.fromfile(path, dtype="<f4")
    except OSError as error:
        raise WeightsError(
            f"{path}: voice is missing; fetch it with `parley models get`"
        ) from error
    if not len(table) or len(table) % _STYLE:
        raise WeightsError(
            f"{path}: {table.nbytes} bytes is no voice table; remove and fetch again"
        )
    return table.reshape(-1, _STYLE)
