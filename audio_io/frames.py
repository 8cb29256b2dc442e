"""Audio in transit: a block of samples with its place on a stream's clock."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]  # (n,) mono in [-1, 1] unless said otherwise

ENGINE_RATE_HZ = 16_000  # what the canceller, the detector and the recogniser hear
SILENT_DBFS = -120.0  # level of exact zeros


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """Mono samples and the index of the first one on its stream.

    Attributes:
        samples: float32 (n,), mono, in [-1, 1], read-only.
        start: index of ``samples[0]`` since the stream was opened, at ``rate_hz``.
        rate_hz: samples per second.
    """

    samples: Samples
    start: int
    rate_hz: int = ENGINE_RATE_HZ

    @property
    def end(self) -> int:
        """Return the index one past the last sample."""
        return self.start + len(self.samples)

    @property
    def start_s(self) -> float:
        """Return the begin in seconds on the stream's clock."""
        return self.start / self.rate_hz

    @property
    def end_s(self) -> float:
        """Return the end in seconds on the stream's clock."""
        return self.end / self.rate_hz


@dataclass(frozen=True, slots=True)
class Spotted:
    """What a word spotter hears in the last moments; the six probabilities sum to 1.

    Attributes:
        at_s: end of the sound it is about, on the microphone's clock.
        p_stop: a stop word of the user's just ended.
        p_acknowledgement: an acknowledgement did.
        p_answer: "yes", "no" or a digit did.
        p_speech: the user is saying something else, or has not finished a word.
        p_echo: only the reply itself is heard.
        p_nothing: silence, noise, music, a cough.
        word: the likeliest word, for people; "" for none.
    """

    at_s: float = 0.0
    p_stop: float = 0.0
    p_acknowledgement: float = 0.0
    p_answer: float = 0.0
    p_speech: float = 0.0
    p_echo: float = 0.0
    p_nothing: float = 1.0
    word: str = ""

    @property
    def p_voice(self) -> float:
        """Return the probability of the user's voice, whatever it says."""
        return max(0.0, 1.0 - self.p_echo - self.p_nothing)


@dataclass(frozen=True, slots=True)
class EndEvidence:
    """What a recogniser that has just read the open turn adds to the log-odds of its end.

    Attributes:
        log_odds: after 0.5 s of silence...
        rise: ...and for each unit of ln(silence / 0.5 s).
        at_s: end of the audio it covers, on the microphone's clock.
    """

    log_odds: float = 0.0
    rise: float = 0.0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class UserFrame:
    """Ten milliseconds of the user; capture fills in the sound, the dialogue the words.

    Attributes:
        clean: 160 samples at 16 kHz after echo cancellation and noise suppression.
        near: the microphone before either; None where it was not kept.
        voice: the user as recognisers should hear it: less echo is taken away, and nothing of the
            voice; None where that is ``clean``.
        spotted: the latest of the word spotter; None where there is none.
        p_speech: latest voice probability of the voice activity detector.
        is_speech: whether the segmenter is inside speech.
        clean_dbfs: level of ``clean``.
        far: what the loudspeaker was given, aligned with ``clean`` but for the device's delay; None
            where nothing is played.
        far_dbfs: level of ``far``.
        aec_has_converged: False raises the bar for interruptions.
        partial_text: words recognised so far in the open turn, "" if there are none yet.
        partial_at_s: end of the audio that ``partial_text`` covers.
        ending: what the recogniser says of the open turn's end; None where it cannot tell.
    """

    clean: AudioFrame
    p_speech: float
    is_speech: bool
    clean_dbfs: float
    far: AudioFrame | None = None
    far_dbfs: float = SILENT_DBFS
    aec_has_converged: bool = True
    partial_text: str = ""
    partial_at_s: float = 0.0
    near: AudioFrame | None = None
    ending: EndEvidence | None = None
    spotted: Spotted | None = None
    voice: AudioFrame | None = None

    @property
    def for_words(self) -> AudioFrame:
        """Return the sound in which words are looked for."""
        return self.clean if self.voice is None else self.voice


def frozen(samples: npt.ArrayLike) -> Samples:
    """Return ``samples`` as a read-only float32 array, copying only when it must."""
    array = np.asarray(samples, dtype=np.float32)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def level_dbfs(samples: Samples) -> float:
    """Return the root mean square level in dB relative to full scale; -120 for silence."""
    if not len(samples):
        return SILENT_DBFS
    mean_square = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10.0 * float(np.log10(max(mean_square, 1e-12)))
