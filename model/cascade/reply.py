"""Spoken replies: tokens to clauses to sound, language model and voice side by side."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as FutureTimeout

from model.cascade.clauses import Clause, ClauseSplitter
from model.cascade.engines import RATE_HZ, Stopped
from model.cascade.language_model import Completion
from model.cascade.synthesizer import Spoken, Synthesizer
from model.errors import ModelError
from model.events import Mark, ReplyEvent, SpeechChunk, TextDelta
from model.types import CancelToken, VoiceChoice

_WAIT_S = 0.05  # one step waits no longer; an empty delta says "nothing yet"
_MAX_SENTENCES = 3
_SENTENCE = re.compile(r"[^.!?。！？]*[.!?。！？]+[\"'”’)]*(?=\s|$)|[^。！？]*[。！？]")
# A list, or its second item: nobody listens to those. The letters keep "e.g. 3" and "No. 5" whole.
_LIST = re.compile(r"(?<=[.!?:])[^\S\n]*\n|(?<=[^\W\d_]{3}[.!?])\s+\d|(?<=[；;])\s*\d")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_LOOP_WORDS = 4  # a phrase of so many words...
_LOOP_REPEATS = 3  # ...so many times in a row is a stuck model


class SpokenReply:
    """Makes the events of one generation. A step works or waits for at most 200 ms.

    Kokoro's clauses take longer than that; they are made on another thread while the steps wait.
    """

    def __init__(
        self,
        generation: int,
        synthesizer: Synthesizer,
        pool: Executor,
        choice: VoiceChoice,
        language: str,
    ) -> None:
        self._generation = generation
        self._synthesizer = synthesizer
        self._pool = pool
        self._language = language
        self.use_voice(choice)
        self._splitter = ClauseSplitter()
        self._waiting: deque[Clause] = deque()
        self._job: tuple[Clause, Future[Spoken], float] | None = None
        self._n_samples = 0
        self._started = time.perf_counter()
        self._spans: dict[str, float] = {}

    def use_voice(self, choice: VoiceChoice) -> None:
        """Speak with ``choice`` from the next clause on."""
        self._rate = choice.rate
        self._voice = self._synthesizer.resolve(choice, self._language)

    def from_text(self, text: str) -> Iterator[ReplyEvent]:
        """Speak a text that is known already."""
        yield TextDelta(self._generation, text)
        self._waiting.extend([*self._splitter.push(text), *self._splitter.finish()])
        try:
            while self._waiting or self._job:
                yield self._speech_or_nothing(_WAIT_S)
        finally:
            self._give_up()

    def from_model(self, completion: Completion, cancel: CancelToken) -> Iterator[ReplyEvent]:
        """Speak what the language model writes, while it writes.

        Raises:
            ModelError: the language model failed.
        """
        try:
            is_writing = True
            while (is_writing or self._waiting or self._job) and not cancel.is_cancelled:
                has_speech = bool(self._waiting or self._job)
                if is_writing:
                    text, is_writing = self._read(completion, 0.0 if has_speech else _WAIT_S)
                    if text:
                        yield TextDelta(self._generation, text)
                        continue
                if self._waiting or self._job:
                    yield self._speech_or_nothing(_WAIT_S)
                else:
                    yield TextDelta(self._generation, "")
        finally:
            completion.cancel()
            self._give_up()

    def _read(self, completion: Completion, wait_s: float) -> tuple[str, bool]:
        """Take all the text there is; return it and whether more will come."""
        piece = completion.take(wait_s)
        text = ""
        is_writing = True
        while piece is not None:
            if piece.error:
                raise ModelError(f"the language model stopped: {piece.error}")
            text += piece.text
            if piece.is_last:
                is_writing = False
                break
            piece = completion.take()
        text = text if self._splitter.text else text.lstrip()
        if text:
            self._spans.setdefault("first_token", time.perf_counter() - self._started)
        n_allowed = allowed_length(self._splitter.text + text) - len(self._splitter.text)
        if n_allowed < len(text):
            text = text[: max(0, n_allowed)]
            is_writing = False
            completion.cancel()
        self._waiting.extend(self._splitter.push(text))
        if not is_writing:
            self._waiting.extend(self._splitter.finish())
        if self._waiting:
            self._spans.setdefault("first_clause", time.perf_counter() - self._started)
        return text, is_writing

    def _speech_or_nothing(self, wait_s: float) -> ReplyEvent:
        if self._job is None:
            clause = self._waiting.popleft()
            future = self._pool.submit(
                self._synthesizer.speak, clause.text, self._voice, self._rate
            )
            self._job = (clause, future, time.perf_counter())
        clause, future, started = self._job
        try:
            spoken = future.result(timeout=wait_s)
        except FutureTimeout:
            return TextDelta(self._generation, "")
        self._job = None
        self._spans["synthesis"] = time.perf_counter() - started
        return self._chunk(clause, spoken)

    def _chunk(self, clause: Clause, spoken: Spoken) -> ReplyEvent:
        if not len(spoken.samples):
            return TextDelta(self._generation, "")
        start = self._n_samples
        self._n_samples += len(spoken.samples)
        marks = tuple(
            Mark(
                clause.start + mark.text_start,
                clause.start + mark.text_end,
                start + mark.sample_start,
                start + mark.sample_end,
            )
            for mark in spoken.marks
        )
        spans, self._spans = self._spans, {"first_token": 0.0, "first_clause": 0.0}
        shown = {name: seconds for name, seconds in spans.items() if seconds > 0.0}
        return SpeechChunk(self._generation, spoken.samples, start, RATE_HZ, marks, shown)

    def _give_up(self) -> None:
        """Free what is still running; its result is not wanted."""
        if self._job is None:
            return
        _, future, _ = self._job
        self._job = None
        if not future.cancel():
            self._synthesizer.stop()
            future.add_done_callback(_swallow_stop)


def _swallow_stop(future: Future[Spoken]) -> None:
    """Ignore ``Stopped`` of a synthesis that was given up; nobody waits for it."""
    error = future.exception()
    if error is not None and not isinstance(error, Stopped):
        raise error


def allowed_length(text: str) -> int:
    """Return where a reply must end: after three sentences, at a list, or where it loops."""
    if found := _LIST.search(text.rstrip("\n")):
        text = text[: found.start()]
    sentences = list(_SENTENCE.finditer(text))
    if (
        len(sentences) >= _MAX_SENTENCES
        and len(text.rstrip()) > sentences[_MAX_SENTENCES - 1].end()
    ):
        text = text[: sentences[_MAX_SENTENCES - 1].end()]
    return min(len(text), _loop_start(text))


def _loop_start(text: str) -> int:
    words = [(m.group().lower(), m.end()) for m in re.finditer(r"\S+", text)]
    n = _LOOP_WORDS * _LOOP_REPEATS
    for at in range(len(words) - n + 1):
        phrases = [
            tuple(word for word, _ in words[at + k * _LOOP_WORDS : at + (k + 1) * _LOOP_WORDS])
            for k in range(_LOOP_REPEATS)
        ]
        if len(set(phrases)) == 1:
            return words[at + _LOOP_WORDS - 1][1]
    return len(text)


class ReplyAhead:
    """A reply that is begun on a guess of the user's words, and used where the guess comes true.

    The final words take the larger recogniser a quarter of a second in which the language model
    would have nothing to do. At most one reply is ahead.

    Args:
        complete: begins a generation for a prompt.
    """

    def __init__(self, complete: Callable[[str], Completion]) -> None:
        self._complete = complete
        self._begun: Completion | None = None
        self._answers: tuple[str, tuple[str, ...]] = ("", ())  # prompt and words that it is for

    def begin(self, before: str, user_text: str, prompt: str) -> None:
        """Begin a reply.

        Args:
            before: the prompt up to the user's words.
            prompt: the whole of it.
        """
        self.drop()
        self._answers = (before, spoken_words(user_text))
        self._begun = self._complete(prompt)

    def take(self, before: str, user_text: str) -> Completion | None:
        """Return the reply to these very words; None where there is none. Others are ended.

        Spelling and punctuation may differ: nobody hears them.
        """
        if self._answers != (before, spoken_words(user_text)):
            self.drop()
        begun, self._begun = self._begun, None
        return begun

    def drop(self) -> None:
        """End what was begun: the user goes on, or wants no answer."""
        if self._begun is not None:
            self._begun.cancel()
            self._begun = None


def spoken_words(text: str) -> tuple[str, ...]:
    """Return the words in small letters; "double-shot" gives two."""
    return tuple(_WORD.findall(text.casefold().replace("\u2019", "'")))
