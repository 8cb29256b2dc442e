"""Words of the open user turn: partial ones while it is spoken, final ones when it ends.

A small model follows the speaker; a larger one writes the final text. A long turn is cut at pauses
into segments that are transcribed once and then frozen, so the cost of a partial and of the final
pass is bounded. Everything is decided in audio time: the same frames give the same words.
"""

import logging
import re
from pathlib import Path

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, EndEvidence, Samples, level_dbfs
from model.cascade.clauses import is_cjk
from model.cascade.language_choice import BilingualTranscriber, Transcriber
from model.cascade.mandarin import FOLDER as MANDARIN_FOLDER
from model.cascade.mandarin import MandarinRecognizer
from model.cascade.moonshine import Moonshine, SharedDraft, Transcription
from model.cascade.short_words import TwoSizeTranscriber, margin_s
from model.cascade.turn_endings import Ending, EndingReader, ending_vector, read_endings
from model.errors import WeightsError

log = logging.getLogger(__name__)

_WINDOW = ENGINE_RATE_HZ // 50  # 20 ms: one look at the energy
_SPEECH_DBFS = -55.0  # clean microphones sit below -65 in silence; quiet talkers reach -45
_SPEECH_WINDOWS = 5  # 100 ms above the level: less is a click, and is not transcribed
_PARTIAL_EVERY_S = 0.4
_PARTIAL_PER_SEGMENT_S = 0.03  # longer segments cost more: be rarer (0.7 s at 10 s)
_CUT_AFTER_S = 6.0  # from here on the segment is cut at the next pause...
_CUT_AT_MOST_S = 8.5  # ...and here at its quietest place, pause or not (the models end at 9 s)
_GUESS_WINDOWS = 4  # 80 ms of quiet: the user may have finished
_GUESS_LOUD_WINDOWS = 10  # 200 ms of speech since the last guess; less is hardly a word
_PAUSE_WINDOWS = 12  # 240 ms of quiet is a pause between phrases
# Mean per token: of 50 clips of English none was below, of 49 of Mandarin none either; of 89 noises
# the Mandarin recogniser was surer of 2.
_MIN_LOGPROB = {"en": -1.2, "zh": -0.75}
_NOTHING = Transcription("", 0.0, 0)
_LETTER = re.compile(r"\w")
_WORDS = re.compile(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+")  # an ideograph is a word


class StreamingRecognizer:
    """Hears one turn at a time; positions are samples of what was heard of it."""

    def __init__(
        self, partial: Transcriber, final: Transcriber, endings: EndingReader | None = None
    ) -> None:
        self._partial = partial
        self._final = final
        self._endings = endings
        self.begin()

    def restart(self) -> None:
        """Begin another conversation: no language is likelier than another."""
        for transcriber in (self._partial, self._final):
            if isinstance(transcriber, BilingualTranscriber):
                transcriber.forget()
        self.begin()

    def begin(self) -> None:
        """Forget what was heard of the turn."""
        self._open: list[Samples] = []
        self._n_open = 0
        self._frozen: list[Transcription] = []
        self._end: int | None = None  # stream position after the last sample
        self._tried_at = 0  # samples of the open segment when the last partial was made
        self._text = ""
        self._language = "en"
        self._finished: tuple[int, Transcription] | None = None  # (samples it covers, words)
        self._quiet = _QuietCounter()
        self._is_confirmed = False

    @property
    def end_s(self) -> float:
        """Return the end of what was heard, in seconds on the stream's clock."""
        return (self._end or 0) / ENGINE_RATE_HZ

    @property
    def partial_text(self) -> str:
        """Return the words so far."""
        return self._text

    @property
    def language(self) -> str:
        """Return the language of most words so far, partial or final: "en", "zh"."""
        return self._language

    def hear(self, frame: AudioFrame) -> bool:
        """Take audio; return whether ``partial_text`` has changed.

        Samples that were heard before are not taken twice.
        """
        samples = frame.samples
        if self._end is not None and frame.start < self._end:
            samples = samples[self._end - frame.start :]
        if not len(samples):
            return False
        self._end = frame.end
        self._open.append(samples)
        self._n_open += len(samples)
        self._quiet.take(samples)
        if self._is_time_to_cut():
            while self._is_time_to_cut():
                self._cut()
            return self._set_text(_NOTHING)
        interval_s = _PARTIAL_EVERY_S + _PARTIAL_PER_SEGMENT_S * self._n_open / ENGINE_RATE_HZ
        if self._n_open - self._tried_at < interval_s * ENGINE_RATE_HZ:
            return False
        has_news = self._quiet.n_loud_since_try > 0
        self._tried_at = self._n_open
        self._quiet.n_loud_since_try = 0
        return has_news and self._set_text(self._partial_words())

    def guess(self) -> str | None:
        """Return the final words if this pause were the end, once in each pause; else None.

        What ``hear`` and ``finish`` say does not depend on it.
        """
        quiet = self._quiet
        is_new = quiet.n_loud_since_guess >= _GUESS_LOUD_WINDOWS and self._is_confirmed
        if not is_new or quiet.n_quiet < _GUESS_WINDOWS:
            return None
        quiet.n_loud_since_guess = 0
        return self._text_with(self._final_words())

    @property
    def has_said_more(self) -> bool:
        """Return whether words, not just a breath, followed the last guess."""
        return self._quiet.n_loud_since_guess >= _GUESS_LOUD_WINDOWS

    def finish(self) -> str:
        """Return the final words of all that was heard; free when nothing was heard since."""
        return self._joined(self._final_words())

    def ending(self) -> Ending | None:
        """Return how the speech stopped by the latest final pass; None where it told nothing."""
        last = _NOTHING if self._finished is None else self._finished[1]
        states = last.ending
        if states is None:
            return None
        counts = [len(_WORDS.findall(part.text)) for part in (*self._frozen, last)]
        vector = ending_vector(
            states,
            mean_logprob=last.mean_logprob,
            n_words=sum(counts),
            n_words_here=counts[-1],
        )
        return Ending(last.language, vector, self.end_s)

    def evidence(self) -> EndEvidence | None:
        """Return what the latest final pass says of the turn's end; None where it cannot tell."""
        ending = self.ending()
        return None if ending is None or self._endings is None else self._endings.read(ending)

    def _final_words(self) -> Transcription:
        if self._finished is None or self._finished[0] != self._n_open:
            self._finished = (self._n_open, words_in(self._final, self._segment()))
        return self._finished[1]

    def _partial_words(self) -> Transcription:
        """Follow the small model once the large one, which hears no words in noise, agreed."""
        segment = self._segment()
        heard = words_in(self._partial, segment)
        if heard.text and not self._is_confirmed:
            self._is_confirmed = bool(words_in(self._final, segment).text)
        return heard if self._is_confirmed else _NOTHING

    def _segment(self) -> Samples:
        if len(self._open) > 1:
            self._open = [np.concatenate(self._open)]
        return self._open[0] if self._open else np.zeros(0, np.float32)

    def _set_text(self, heard: Transcription) -> bool:
        text = self._joined(heard)
        has_changed = text != self._text
        self._text = text
        return has_changed

    def _joined(self, last: Transcription) -> str:
        parts = (*self._frozen, last)
        n_mandarin = sum(part.n_tokens for part in parts if part.text and part.language == "zh")
        is_mandarin = 2 * n_mandarin > sum(part.n_tokens for part in parts if part.text)
        self._language = "zh" if is_mandarin else "en"
        return self._text_with(last)

    def _text_with(self, last: Transcription) -> str:
        return joined([part.text for part in (*self._frozen, last) if part.text])

    def _is_time_to_cut(self) -> bool:
        seconds = self._n_open / ENGINE_RATE_HZ
        is_pause = self._quiet.n_quiet >= _PAUSE_WINDOWS
        return seconds >= _CUT_AT_MOST_S or (seconds >= _CUT_AFTER_S and is_pause)

    def _cut(self) -> None:
        segment = self._segment()
        at = quietest_place(segment, len(segment) // 2)
        self._frozen.append(words_in(self._final, segment[:at]))
        rest = segment[at:]
        self._open = [rest]
        self._n_open = len(rest)
        self._tried_at = 0
        self._finished = None


class _QuietCounter:
    """Counts quiet windows at the end, and loud ones since the last partial and the last guess."""

    def __init__(self) -> None:
        self.n_quiet = 0
        self.n_loud_since_try = 0
        self.n_loud_since_guess = 0
        self._rest: Samples = np.zeros(0, np.float32)

    def take(self, samples: Samples) -> None:
        joined = np.concatenate([self._rest, samples])
        n = len(joined) // _WINDOW
        for window in joined[: n * _WINDOW].reshape(n, _WINDOW):
            if level_dbfs(window) < _SPEECH_DBFS:
                self.n_quiet += 1
            else:
                self.n_quiet = 0
                self.n_loud_since_try += 1
                self.n_loud_since_guess += 1
        self._rest = joined[n * _WINDOW :]


def words_in(transcriber: Transcriber, samples: Samples) -> Transcription:
    """Transcribe; return no words where there is hardly a voice or the model doubts them."""
    voiced = trimmed(samples)
    if voiced is None:
        return _NOTHING
    heard = transcriber.transcribe(voiced)
    if heard.mean_logprob < _MIN_LOGPROB[heard.language] or not _LETTER.search(heard.text):
        return _NOTHING
    return heard


def trimmed(samples: Samples) -> Samples | None:
    """Give both ends the same quiet margin; return None where nothing is louder than silence.

    The margin depends on the length of the voice. Where the sound reaches the end of what was
    heard, silence is added: the models mistake a first word that has no quiet before it.
    """
    loud = np.flatnonzero(_levels_dbfs(samples) >= _SPEECH_DBFS)
    if len(loud) < _SPEECH_WINDOWS:
        return None
    begin, end = int(loud[0]) * _WINDOW, (int(loud[-1]) + 1) * _WINDOW
    margin = round(margin_s((end - begin) / ENGINE_RATE_HZ) * ENGINE_RATE_HZ)
    begin, end = begin - margin, end + margin
    inside = samples[max(0, begin) : end]
    return np.pad(inside, (max(0, -begin), max(0, end - len(samples))))


def quietest_place(samples: Samples, not_before: int) -> int:
    """Return the middle of the quietest 240 ms after ``not_before``."""
    levels = np.maximum(_levels_dbfs(samples), _SPEECH_DBFS - 20.0)
    if len(levels) <= _PAUSE_WINDOWS:
        return len(samples)
    kernel = np.ones(_PAUSE_WINDOWS) / _PAUSE_WINDOWS
    smooth = np.convolve(levels, kernel, mode="valid")
    first = min(not_before // _WINDOW, len(smooth) - 1)
    best = first + int(np.argmin(smooth[first:]))
    return (best + _PAUSE_WINDOWS // 2) * _WINDOW


def _levels_dbfs(samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    n = len(samples) // _WINDOW
    windows = samples[: n * _WINDOW].reshape(n, _WINDOW).astype(np.float64)
    return 10.0 * np.log10(np.maximum((windows**2).mean(axis=1), 1e-12))


def joined(parts: list[str]) -> str:
    """Join stretches with spaces; Mandarin, which is written without them, with commas."""
    text = ""
    for part in parts:
        if text:
            text += "，" if is_cjk(text[-1]) and is_cjk(part[0]) else " "
        text += part
    return text


def open_recognizer(weights_dir: Path, language: str = "en") -> StreamingRecognizer:
    """Open the recognisers of ``language``: "en", "zh", or "auto" for all that are installed.

    Raises:
        WeightsError: one that is needed is missing.
    """
    endings = read_endings()
    mandarin_folder = weights_dir / MANDARIN_FOLDER
    if language == "zh":
        mandarin = MandarinRecognizer(mandarin_folder)
        return StreamingRecognizer(mandarin, mandarin, endings)
    draft = SharedDraft()
    tiny = Moonshine(weights_dir / "moonshine-tiny-en", draft=draft)
    larger = _larger(weights_dir, draft)
    base = tiny if larger is None else TwoSizeTranscriber(larger, tiny)
    if language == "auto" and MandarinRecognizer.is_installed(mandarin_folder):
        mandarin = MandarinRecognizer(mandarin_folder)
        final = BilingualTranscriber(base, mandarin)
        return StreamingRecognizer(BilingualTranscriber(tiny, mandarin, final), final, endings)
    return StreamingRecognizer(tiny, base, endings)


class NoDraft:
    """A small recogniser that hears nothing: only the final words count."""

    def transcribe(self, samples: Samples) -> Transcription:
        """Return no words."""
        del samples
        return _NOTHING


def open_final_recognizer(weights_dir: Path) -> StreamingRecognizer:
    """Open only what writes final words, in both languages; it has no partial ones.

    Raises:
        WeightsError: a recogniser is missing.
    """
    large = Moonshine(weights_dir / "moonshine-base-en", fold=True)
    english = TwoSizeTranscriber(large, Moonshine(weights_dir / "moonshine-tiny-en"))
    mandarin = MandarinRecognizer(weights_dir / MANDARIN_FOLDER)
    return StreamingRecognizer(NoDraft(), BilingualTranscriber(english, mandarin))


def _larger(weights_dir: Path, draft: SharedDraft) -> Moonshine | None:
    """Open the model that writes the final text; where it is missing the smaller one does."""
    try:
        return Moonshine(weights_dir / "moonshine-base-en", fold=True, draft=draft)
    except WeightsError as error:
        log.info("using the small recogniser for everything: %s", error)
        return None
