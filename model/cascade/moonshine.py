"""Moonshine on onnxruntime: a stretch of English speech in, its words out."""

import logging
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.onnx_graph import with_named_subgraphs
from model.cascade.onnx_session import RUNTIME_VERSION, Session, open_session
from model.cascade.turn_endings import MARKS, EndingStates, ending_states, log_softmax
from model.errors import WeightsError
from model.files.whole_file import replacing

log = logging.getLogger(__name__)

_START_TOKEN, _END_TOKEN = 1, 2  # Moonshine's tokenizer
_TOKENS_PER_S = 6.5  # upper bound of speech; above it the model hallucinates (Moonshine paper, 3.2)
_SPARE_TOKENS = 4
MAX_SAMPLES = 9 * ENGINE_RATE_HZ  # the attention masks in the files end at 9.3 s
_MIN_SAMPLES = ENGINE_RATE_HZ // 2  # the encoder needs some context; shorter sounds are padded
_BYTE_TOKEN = re.compile(rb"<0x([0-9A-F]{2})>")
_WORD_MARK = "\u2581"
_LEAST_BEGINNING = -6.0  # log probability of a first token; less likely readings never win
_SEARCH = 6  # tokens of a draft in which the writer's own one is looked for: two words or so
_IN_DOUBT = 4  # tokens offered while the writer goes its own way: each has its price


@dataclass(frozen=True, slots=True)
class Transcription:
    """Words, and how sure the model was of them.

    Attributes:
        mean_logprob: mean natural log probability of the tokens; when there are none, that of
            silence, or 0.0.
        language: what the model writes, "en" or "zh".
        ending: how the speech stopped; None where the model does not tell.
    """

    text: str
    mean_logprob: float
    n_tokens: int
    language: str = "en"
    ending: EndingStates | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One reading of a short sound.

    Attributes:
        logprob: natural log probability of the whole reading, its end included.
        ending: how the speech stopped; None of silence.
    """

    text: str
    logprob: float
    n_tokens: int
    ending: EndingStates | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class _Reading:
    """A reading that is being decoded."""

    tokens: list[int]
    logprob: float
    has_ended: bool = False
    at_end: np.ndarray[Any, Any] | None = None  # logits that wrote the final mark, or the end

    def take(self, logits: np.ndarray[Any, Any], marks: Sequence[int]) -> None:
        """Go on with the likeliest token, unless it has ended or loops."""
        if self.has_ended:
            return
        token = int(logits.argmax())
        if token != _END_TOKEN or self.tokens[-1] not in marks:
            self.at_end = logits
        self.logprob += float(logits[token]) - _log_sum_exp(logits)
        self.has_ended = token == _END_TOKEN or has_looped(self.tokens)
        if not self.has_ended:
            self.tokens.append(token)


class SharedDraft:
    """The latest tokens of all models that hear the same speaker."""

    def __init__(self) -> None:
        self.tokens: tuple[int, ...] = ()


class TokenDraft:
    """A draft of what a decoder is about to write, kept in step with what it does write.

    Whoever heard the beginning of a sentence, or heard it less well, wrote nearly the same tokens.
    A decoder checks many of them at once in hardly more time than it needs to write one. What is
    wrong in a draft costs time only, never a word.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tuple(tokens)
        self._at = 0  # where the draft and the writer last agreed
        self._n_own = 0  # tokens the writer put in the draft's place since then

    def ahead(self) -> tuple[int, ...]:
        """Return what may come next; each token of the writer's own replaces one of the draft."""
        follows = self._at + self._n_own
        return self._tokens[follows : follows + _IN_DOUBT if self._n_own else None]

    def written(self, token: int) -> None:
        """Take the writer's next token, which may be the expected one."""
        follows = self._at + self._n_own
        if follows < len(self._tokens) and self._tokens[follows] == token:
            self._at, self._n_own = follows + 1, 0
            return
        around = self._tokens[self._at : follows + _SEARCH]
        if token in around:
            self._at, self._n_own = self._at + around.index(token) + 1, 0
        else:
            self._n_own += 1


class Moonshine:
    """An offline recogniser of one size; ``folder`` holds encoder, decoder and tokenizer."""

    def __init__(self, folder: Path, fold: bool = False, draft: SharedDraft | None = None) -> None:
        """Open the weights.

        Args:
            fold: unpack the quantised constants once, to a file kept beside the weights. Without
                it the base size unpacks all of its weights at every token.
            draft: shared by all sizes that hear the same speaker; their tokens are the same. Only a
                folded model reads it: elsewhere the rounding depends on what is computed at once.

        Raises:
            WeightsError: a file is missing or cannot be opened.
        """
        encoder = _existing(folder / "encoder_model.ort")
        decoder = _existing(folder / "decoder_model_merged.ort")
        self._pieces = _read_pieces(_existing(folder / "tokenizer.bin"))
        self._encoder = open_session(_folded(encoder) if fold else encoder)
        self._decoder = open_session(_folded(decoder) if fold else decoder)
        self._last_ids = [*(_last_index(self._pieces, mark) for mark in MARKS), _END_TOKEN]
        self._encoder_names = {i.name for i in self._encoder.get_inputs()}
        self._draft = draft or SharedDraft()
        self._reads_draft = fold
        self._empty_past = {
            i.name: np.zeros((1, cast(int, i.shape[1]), 0, cast(int, i.shape[3])), np.float32)
            for i in self._decoder.get_inputs()
            if i.name.startswith("past")
        }

    def transcribe(self, samples: Samples) -> Transcription:
        """Return the words in ``samples``, float32 (n,) at 16 kHz, decoded greedily.

        Raises:
            ValueError: more than ``MAX_SAMPLES``.
        """
        most_tokens, samples = _most_tokens(samples), _padded(samples)
        return self._decode(self._encoded(samples), most_tokens, samples)

    def hypotheses(self, samples: Samples, n: int) -> tuple[Hypothesis, ...]:
        """Return readings that begin with the ``n`` likeliest tokens at most, and silence.

        Each goes on greedily; all are computed side by side. The likeliest beginning comes first,
        so where silence is first ``transcribe`` would write nothing.

        Raises:
            ValueError: more than ``MAX_SAMPLES``.
        """
        most_tokens, samples = _most_tokens(samples), _padded(samples)
        hidden = self._encoded(samples)
        run = _DecoderRun(self._decoder, hidden, self._empty_past)
        logits = run.logits(_START_TOKEN, ())[0]
        first = logits - _log_sum_exp(logits)
        silence = Hypothesis("", float(first[_END_TOKEN]), 0)
        likely = [int(t) for t in np.argsort(-first)[: n + _END_TOKEN + 1] if t > _END_TOKEN][:n]
        begins = [t for t in likely if first[t] >= _LEAST_BEGINNING] or likely[:1]
        readings = [_Reading([token], float(first[token])) for token in begins]
        run.split(len(readings))
        for _ in range(most_tokens):
            if all(reading.has_ended for reading in readings):
                break
            rows = run.next_logits([reading.tokens[-1] for reading in readings])
            for reading, row in zip(readings, rows, strict=True):
                reading.take(row, self._last_ids)
        words = [
            Hypothesis(
                self._text(reading.tokens),
                reading.logprob,
                len(reading.tokens),
                self._ending(hidden, samples, reading.at_end),
            )
            for reading in readings
        ]
        is_silent = silence.logprob > float(first[begins[0]])
        return (silence, *words) if is_silent else (*words, silence)

    def _encoded(self, samples: Samples) -> np.ndarray[Any, Any]:
        """Return the encoder's states [1, n_frames, n_channels]."""
        if len(samples) > MAX_SAMPLES:
            raise ValueError(f"{len(samples)} samples; one pass takes at most {MAX_SAMPLES}")
        feed: dict[str, Any] = {"input_values": samples[np.newaxis].astype(np.float32)}
        if "attention_mask" in self._encoder_names:
            feed["attention_mask"] = np.ones((1, len(samples)), np.int64)
        return cast("np.ndarray[Any, Any]", self._encoder.run(None, feed)[0])

    def _decode(
        self, hidden: np.ndarray[Any, Any], max_tokens: int, samples: Samples
    ) -> Transcription:
        """Decode as if token by token; where a draft was right, many in one run."""
        known = [t for t in self._draft.tokens if t < len(self._pieces)]
        draft = TokenDraft(known if self._reads_draft else ())
        run = _DecoderRun(self._decoder, hidden, self._empty_past)
        tokens: list[int] = []
        logprob = silence = 0.0
        last = _START_TOKEN
        at_end: np.ndarray[Any, Any] | None = None  # logits that wrote the final mark, or the end
        while last != _END_TOKEN and len(tokens) < max_tokens and not has_looped(tokens):
            guessed = draft.ahead()[: max_tokens - len(tokens) - 1]
            for logits, expected in zip_longest(run.logits(last, guessed), guessed):
                last = int(logits.argmax())
                has_mark = bool(tokens) and tokens[-1] in self._last_ids
                at_end = at_end if last == _END_TOKEN and has_mark else logits
                if not tokens:
                    silence = float(logits[_END_TOKEN]) - _log_sum_exp(logits)
                if last == _END_TOKEN or has_looped(tokens):
                    break
                tokens.append(last)
                draft.written(last)
                logprob += float(logits[last]) - _log_sum_exp(logits)
                if last != expected:
                    break
            run.keep(len(tokens))
        tokens = without_loop(tokens)
        self._draft.tokens = tuple(tokens)
        text, mean_logprob = self._text(tokens), logprob / len(tokens) if tokens else silence
        ending = self._ending(hidden, samples, at_end)
        return Transcription(text, mean_logprob, len(tokens), ending=ending)

    def _ending(
        self,
        hidden: np.ndarray[Any, Any],
        samples: Samples,
        at_end: np.ndarray[Any, Any] | None,
    ) -> EndingStates | None:
        if at_end is None:
            return None
        return ending_states(hidden[0], samples, log_softmax(at_end, self._last_ids))

    def _text(self, tokens: list[int]) -> str:
        raw = b"".join(
            _BYTE_TOKEN.sub(lambda m: bytes([int(m[1], 16)]), self._pieces[token])
            for token in tokens
        )
        return raw.decode("utf-8", "replace").replace(_WORD_MARK, " ").strip()


class _DecoderRun:
    """The decoder, with what it has computed of one sentence so far."""

    def __init__(
        self, decoder: Session, hidden: np.ndarray[Any, Any], empty_past: dict[str, Any]
    ) -> None:
        self._decoder = decoder
        self._past = dict(empty_past)
        self._output_names = [o.name for o in decoder.get_outputs()]
        self._fixed: dict[str, Any] = {"encoder_hidden_states": hidden}
        if any(i.name == "encoder_attention_mask" for i in decoder.get_inputs()):
            self._fixed["encoder_attention_mask"] = np.ones((1, hidden.shape[1]), np.int64)
        self._is_begun = False

    def logits(self, token: int, guessed: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Return [1 + n_guessed, n_vocabulary]: what follows ``token``, and each guess."""
        return self._run(np.array([[token, *guessed]], np.int64))[0]

    def split(self, n: int) -> None:
        """Go on with ``n`` readings side by side."""
        for values in (self._fixed, self._past):
            values.update({name: np.repeat(value, n, axis=0) for name, value in values.items()})

    def next_logits(self, tokens: Sequence[int]) -> np.ndarray[Any, Any]:
        """Return [n_readings, n_vocabulary]: what follows the next token of each reading."""
        return self._run(np.array(tokens, np.int64)[:, np.newaxis])[:, 0]

    def _run(self, input_ids: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        feed = {**self._fixed, **self._past, "input_ids": input_ids}
        feed["use_cache_branch"] = np.array([self._is_begun])
        values = self._decoder.run(None, feed)
        outputs = dict(zip(self._output_names, values, strict=True))
        for name in self._past:
            if not self._is_begun or ".decoder." in name:
                self._past[name] = outputs[name.replace("past_key_values", "present")]
        self._is_begun = True
        return outputs["logits"]

    def keep(self, n_tokens: int) -> None:
        """Forget what was computed of guesses that were wrong."""
        for name, value in self._past.items():
            if ".decoder." in name:
                self._past[name] = value[:, :, :n_tokens]


def _most_tokens(samples: Samples) -> int:
    return int(len(samples) / ENGINE_RATE_HZ * _TOKENS_PER_S) + _SPARE_TOKENS


_LOOP_PERIODS = range(1, 9)  # tokens; a phrase of eight tokens is about five words
_LOOP_REPEATS = 4  # "no, no, no" is speech; four times the same phrase is a stuck decoder


def has_looped(tokens: list[int]) -> bool:
    """Return whether the tokens end in the same phrase ``_LOOP_REPEATS`` times."""
    return any(_loops_with(tokens, period) for period in _LOOP_PERIODS)


def without_loop(tokens: list[int]) -> list[int]:
    """Return the tokens with a final loop reduced to one round."""
    for period in _LOOP_PERIODS:
        if _loops_with(tokens, period):
            return tokens[: len(tokens) - period * (_LOOP_REPEATS - 1)]
    return tokens


def _loops_with(tokens: list[int], period: int) -> bool:
    n = period * _LOOP_REPEATS
    if len(tokens) < n:
        return False
    tail = tokens[-n:]
    return all(tail[i] == tail[i % period] for i in range(n))


def _log_sum_exp(logits: np.ndarray[Any, Any]) -> float:
    top = float(logits.max())
    return top + math.log(float(np.exp(logits - top).sum()))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(f"{path}: file is missing; fetch the weights with `parley models get`")
    return path


def _read_pieces(path: Path) -> list[bytes]:
    """Read the vocabulary: length (one byte, or two from 128 on), then the piece."""
    raw = path.read_bytes()
    pieces: list[bytes] = []
    at = 0
    while at < len(raw):
        size = raw[at]
        at += 1
        if size >= 128:
            size = raw[at] * 128 + size - 128
            at += 1
        pieces.append(raw[at : at + size])
        at += size
    return pieces


def _padded(samples: Samples) -> Samples:
    """Return at least ``_MIN_SAMPLES``: the encoder needs some context."""
    return np.pad(samples, (0, max(0, _MIN_SAMPLES - len(samples))))


def _last_index(pieces: list[bytes], mark: str) -> int:
    """Return the id of ``mark`` as a piece, which byte tokens come before; -1: there is none."""
    found = [i for i, piece in enumerate(pieces) if piece == mark.encode()]
    return found[-1] if found else -1


def _folded(path: Path) -> Path:
    """Return the constant-folded twin of an ``.ort`` file, made on first use.

    The name carries onnxruntime's version, as each version writes what it likes.

    Raises:
        WeightsError: the folder cannot be written.
    """
    target = path.with_name(f"{path.stem}.folded-{RUNTIME_VERSION}.onnx")
    if target.is_file():
        return target
    log.info("folding %s once; this takes some seconds", path.name)
    plain = path.with_name(f"{path.stem}.{os.getpid()}.plain.onnx")
    try:
        open_session(path, optimized=plain, level="basic")
        plain.write_bytes(with_named_subgraphs(plain.read_bytes()))
        with replacing(target) as folded:
            open_session(plain, optimized=folded, level="extended")
            open_session(folded)  # a file that does not load must not be kept
    except OSError as error:
        raise WeightsError(f"{path.parent}: cannot keep the folded model: {error}") from error
    finally:
        plain.unlink(missing_ok=True)
    return target
