"""A chat model on llama.cpp: text in, tokens out as they come, cancellable, its prompt kept warm.

Generation runs on one native thread; the caller takes the text in pieces.
"""

import hashlib
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from model.cascade.llama_server import LlamaServer
from model.errors import ModelError, WeightsError
from model.files.whole_file import replacing

log = logging.getLogger(__name__)

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]

CONTEXT_TOKENS = 4096
_SLOT = 0  # one conversation, one KV cache
_BATCH_TOKENS = 64  # a prompt is given up between two batches: about 0.9 s on one slow core
_TEMPERATURE = 0.2
_REPEAT_PENALTY = 1.08  # more makes a 0.5B model avoid plain words
# Replies are spoken: one line, no list, no markdown, no link. Small models are told so in vain.
_SPEAKABLE = r"root ::= [^0-9\n*#`\[\]] [^\n*#`\[\]]*"  # llama.cpp's grammar notation
_SEED = 7  # the same conversation gives the same reply
_PREFIX_SUFFIX = ".kv"
_N_PREFIXES = 12  # files of 3 MB: languages and models, and a few wishes how to talk


@dataclass(frozen=True, slots=True)
class Piece:
    """What a completion reports: text, or its end, with an error where it failed."""

    text: str = ""
    is_last: bool = False
    error: str | None = None


class Completion:
    """One running generation, read from one thread.

    Attributes:
        is_kept: the computed prompt is kept on disk, and taken from there.
    """

    def __init__(self, prompt: str, max_tokens: int, *, is_kept: bool = False) -> None:
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.is_kept = is_kept
        self._pieces: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        self._is_cancelled = threading.Event()
        self.is_done = threading.Event()

    def cancel(self) -> None:
        """Stop at the next token, or the next batch of the prompt."""
        self._is_cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Return whether ``cancel`` was called."""
        return self._is_cancelled.is_set()

    def take(self, timeout_s: float = 0.0) -> Piece | None:
        """Return the next piece; None when there is none within ``timeout_s``."""
        try:
            return self._pieces.get(block=timeout_s > 0.0, timeout=timeout_s)
        except queue.Empty:
            return None

    def put(self, piece: Piece) -> None:
        """Add a piece; called by the generating thread."""
        self._pieces.put(piece)
        if piece.is_last:
            self.is_done.set()


class PrefixStore:
    """Computed beginnings of prompts on disk, named after everything they depend on.

    Three seconds of one core become a millisecond. Holds the instructions of the assistant only,
    never what anybody said; a file that the runtime refuses is made anew.
    """

    def __init__(self, weights: Path, runtime_version: str) -> None:
        self.folder = weights.parent / "prefixes"
        self._basis = f"{weights.name} {weights.stat().st_size} {runtime_version}"

    def restore(self, ask: Ask, prompt: str) -> bool:
        """Return whether the slot now holds ``prompt``."""
        path = self._path(prompt)
        if not path.is_file():
            return False
        try:
            ask("/slots/0?action=restore", {"filename": path.name})
        except ModelError as error:
            log.info("the saved prompt is made anew: %s", error)
            path.unlink(missing_ok=True)
            return False
        return True

    def save(self, ask: Ask, prompt: str) -> None:
        """Keep the slot's state as that of ``prompt``; a full disk only costs the next start."""
        path = self._path(prompt)
        try:
            with replacing(path) as partial:
                ask("/slots/0?action=save", {"filename": partial.name})
            files = sorted(
                self.folder.glob(f"*{_PREFIX_SUFFIX}"), key=lambda found: found.stat().st_mtime
            )
            for old in files[:-_N_PREFIXES]:
                old.unlink(missing_ok=True)
        except (ModelError, OSError) as error:
            log.info("the computed prompt was not kept: %s", error)

    def _path(self, prompt: str) -> Path:
        digest = hashlib.sha256(f"{self._basis}\n{prompt}".encode()).hexdigest()
        return self.folder / f"{digest[:24]}{_PREFIX_SUFFIX}"


class LanguageModel:
    """Owns the weights and the generating thread; completions run one after the other."""

    def __init__(self, path: Path, n_threads: int = 1) -> None:
        """Load the weights.

        Raises:
            WeightsError: the file is missing or is not a model.
        """
        if not path.is_file():
            raise WeightsError(f"{path}: file is missing; fetch it with `parley models get`")
        self._prefixes = PrefixStore(path, version("xllamacpp"))
        self._server = LlamaServer(
            path,
            n_context=CONTEXT_TOKENS,
            n_batch=_BATCH_TOKENS,
            n_threads=n_threads,
            adjust=self._configure,
        )
        self._jobs: queue.SimpleQueue[Completion | None] = queue.SimpleQueue()
        self._running: Completion | None = None
        self._token_counts: dict[str, int] = {}
        self._thread = threading.Thread(
            target=self._generate_all, name="language-model", daemon=True
        )
        self._thread.start()

    def complete(self, prompt: str, max_tokens: int) -> Completion:
        """Queue a generation."""
        job = Completion(prompt, max_tokens)
        self._jobs.put(job)
        return job

    def warm(self, prompt: str) -> Completion:
        """Compute the KV cache of ``prompt``, so that a completion that starts with it is quick."""
        return self.complete(prompt, max_tokens=0)

    def warm_opening(self, prompt: str) -> Completion:
        """Warm what every conversation begins with; it is taken from disk where it is there."""
        job = Completion(prompt, max_tokens=0, is_kept=True)
        self._jobs.put(job)
        return job

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of ``text``, by the model's own tokenizer."""
        known = self._token_counts.get(text)
        if known is None:
            known = len(self._server.ask("/tokenize", {"content": text})["tokens"])
            self._token_counts[text] = known
        return known

    def close(self) -> None:
        """End the thread and free the weights."""
        running = self._running
        if running is not None:
            running.cancel()
        self._jobs.put(None)
        self._thread.join()
        self._server.close()

    def _configure(self, params: Any) -> None:  # noqa: ANN401 - a compiled type
        self._prefixes.folder.mkdir(parents=True, exist_ok=True)
        params.slot_save_path = f"{self._prefixes.folder}/"
        params.endpoint_slots = True

    def _generate_all(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.is_cancelled:
                job.put(Piece(is_last=True))
                continue
            self._running = job
            self._generate(job)
            self._running = None

    def _generate(self, job: Completion) -> None:
        request: dict[str, Any] = {
            "prompt": job.prompt,
            "n_predict": job.max_tokens,
            "stream": True,
            "cache_prompt": True,
            "id_slot": _SLOT,
            "temperature": _TEMPERATURE,
            "repeat_penalty": _REPEAT_PENALTY,
            "seed": _SEED,
            "return_progress": True,
        }
        if job.max_tokens > 0:
            request["grammar"] = _SPEAKABLE
        if job.is_kept and self._prefixes.restore(self._server.ask, job.prompt):
            job.put(Piece(is_last=True))
            return
        try:
            self._server.complete(request, _receiver(job))
        # The native side raises anything, and the reader must hear of it.
        except Exception as error:  # noqa: BLE001
            job.put(Piece(is_last=True, error=f"{type(error).__name__}: {error}"))
            return
        if job.is_kept and not job.is_cancelled:
            self._prefixes.save(self._server.ask, job.prompt)
        job.put(Piece(is_last=True))


def _receiver(job: Completion) -> Callable[[object], bool]:
    def receive(chunk: object) -> bool:
        """Take a chunk of the answer; returning True ends the generation."""
        if isinstance(chunk, dict):
            data = cast("dict[str, Any]", chunk)
            if "error" in data:
                job.put(Piece(error=str(data["error"].get("message", "unknown error"))))
                return True
            choices = cast("list[dict[str, Any]]", data.get("choices") or [{}])
            text = str(choices[0].get("text") or "")
            if text and job.max_tokens > 0:
                job.put(Piece(text))
        return job.is_cancelled

    return receive
