"""Rows for training, in an order that a seed decides and that a run can take up again anywhere.

The samples of a mixture are dealt out to as many streams as one optimizer step has rows; each
stream packs its own. A process serves some of the streams, so the rows of a step are the same
however many processes share the work.

Source of the greedy packing, in which a row holds samples of one source: VITA-Audio, data pipeline.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Self

from model.training.data.mixture import Entry, read_mixture
from model.training.data.packing import PackedRow, pack
from model.training.data.problems import BadSample, DataError, Fault, SkipLog
from model.training.data.sample_encoder import EncodedSample, SampleEncoder

logger = logging.getLogger(__name__)

_STATE_FORMAT = 1
_KEPT_ORDERS = 4  # streams differ by an epoch at most; a buffer may hold samples of one before
_AHEAD = 4  # samples of a stream that workers read before they are asked for


@dataclass(frozen=True, slots=True)
class RowOptions:
    """How rows are made.

    Attributes:
        row_tokens: longest row; a sample that is longer is skipped.
        n_streams: rows of one optimizer step, over all processes.
        rank, n_processes: this process serves the streams rank, rank + n_processes, …
        n_workers: threads that read ahead; 0: none.
        is_padded: every row is ``row_tokens`` long.
        n_epochs: a stream ends when the mixture was dealt out so often; None: never.
    """

    row_tokens: int = 8192
    n_streams: int = 1
    rank: int = 0
    n_processes: int = 1
    n_workers: int = 0
    is_padded: bool = False
    n_epochs: int | None = None

    def __post_init__(self) -> None:
        if self.n_streams < 1 or self.n_streams % self.n_processes:
            raise DataError(
                f"{self.n_streams} rows of a step cannot be shared by {self.n_processes} "
                "processes; set stages.rows to a multiple"
            )


class PackedRows:
    """The rows of a mixture (TOML) or of a single JSONL file. For one thread.

    Raises:
        DataError: the mixture cannot be used.
    """

    def __init__(
        self, path: Path, encoder: SampleEncoder, options: RowOptions | None = None
    ) -> None:
        self.mixture = mixture = read_mixture(path)
        self.encoder = encoder
        self.options = options = options or RowOptions()
        self.skipped = SkipLog()
        self._order = lru_cache(maxsize=_KEPT_ORDERS)(mixture.order)
        n_workers = options.n_workers
        self._pool = ThreadPoolExecutor(n_workers, "training-data") if n_workers else None
        served = range(options.rank, options.n_streams, options.n_processes)
        self._streams = [_Stream(self, number) for number in served]
        self._turn = 0  # index of the stream that gives the next row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[PackedRow]:
        return self

    def __next__(self) -> PackedRow:
        """Return the next row.

        Raises:
            DataError: no sample can be used, or codes cannot be written.
        """
        for _ in self._streams:
            stream = self._streams[self._turn]
            self._turn = (self._turn + 1) % len(self._streams)
            if (row := stream.next_row()) is not None:
                return row
        raise StopIteration

    def state_dict(self) -> dict[str, Any]:
        """Return the place of this process in the data; the next row comes first after loading."""
        return {
            "format": _STATE_FORMAT,
            "data": self._fingerprint,
            "turn": self._turn,
            "streams": {str(stream.number): stream.state() for stream in self._streams},
        }

    def load_state_dict(self, *states: Mapping[str, Any]) -> None:
        """Go on where ``states`` were taken: that of this process, or those of all processes.

        With all of them the number of processes may have changed, between two optimizer steps.

        Raises:
            DataError: they are of other data or options, or lack a stream.
        """
        streams: dict[str, Any] = {}
        for state in states:
            if state.get("format") != _STATE_FORMAT or state.get("data") != self._fingerprint:
                raise DataError(
                    f"{self.mixture.path}: the run was begun with other data, another mixture or "
                    "other rows; give it what it began with, or begin a new one"
                )
            streams |= state["streams"]
        missing = [stream.number for stream in self._streams if str(stream.number) not in streams]
        if missing:
            raise DataError(
                f"the state of the data lacks stream {missing[0]}; the run had another number of "
                "processes, so the states of all of them are needed"
            )
        for stream in self._streams:
            stream.load(streams[str(stream.number)])
        self._turn = int(states[0]["turn"]) % len(self._streams)

    def close(self) -> None:
        """End the workers, and log how often the data was read and what was skipped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        n_epochs = max(stream.next_deal for stream in self._streams) / len(self.mixture)
        path, summary = self.mixture.path, self.skipped.summary()
        logger.info("%s: read %.1f times; %s", path, n_epochs, summary)

    def deal(self, number: int) -> Entry | None:
        """Return the sample with this number of all epochs; None behind the last."""
        epoch, index = divmod(number, len(self.mixture))
        if self.options.n_epochs is not None and epoch >= self.options.n_epochs:
            return None
        return self.mixture.entry(int(self._order(epoch)[index]))

    def read(self, entry: Entry) -> EncodedSample | BadSample:
        """Read and encode a sample. Runs on any thread."""
        try:
            sample = self.encoder.encode(entry.sample(), entry.source.system)
        except BadSample as error:
            return error
        longest = self.options.row_tokens
        if len(sample) > longest:
            return BadSample(Fault.TOO_LONG, f"has {len(sample)} tokens and a row {longest}")
        return sample

    def submit(self, entry: Entry) -> Callable[[], EncodedSample | BadSample]:
        """Begin to read ``entry`` where there are workers."""
        if self._pool is None:
            return lambda: self.read(entry)
        future: Future[EncodedSample | BadSample] = self._pool.submit(self.read, entry)
        return future.result

    def packed(self, buffer: Sequence[tuple[int, EncodedSample]]) -> PackedRow:
        """Return a row of numbered samples."""
        padded_to = self.options.row_tokens if self.options.is_padded else None
        return pack([sample for _, sample in buffer], self.encoder.pad_id, padded_to)

    @property
    def _fingerprint(self) -> str:
        options = self.options
        pattern = " ".join(map(str, self.encoder.pattern))
        return (
            f"{self.mixture.fingerprint} {options.row_tokens} [{pattern}] source "
            f"{options.n_streams}"
        )


class _Stream:
    """Every n-th sample, packed; rows that are not full wait in a buffer for each source."""

    def __init__(self, rows: PackedRows, number: int) -> None:
        self.number = number
        self.next_deal = number  # of the sample that is taken next
        self._rows = rows
        self._samples = self._read_ahead()
        self._buffers: dict[str, list[tuple[int, EncodedSample]]] = {}

    def next_row(self) -> PackedRow | None:
        """None when the last epoch is over."""
        while (taken := self._take()) is not None:
            source, number, sample = taken
            buffer = self._buffers.setdefault(source, [])
            n_tokens = sum(len(waiting) for _, waiting in buffer)
            if n_tokens + len(sample) > self._rows.options.row_tokens:
                self._buffers[source] = [(number, sample)]
                return self._rows.packed(buffer)
            buffer.append((number, sample))
        for source in list(self._buffers):
            if buffer := self._buffers.pop(source):
                return self._rows.packed(buffer)
        return None

    def state(self) -> dict[str, Any]:
        waiting = {key: [number for number, _ in buffer] for key, buffer in self._buffers.items()}
        return {"next": self.next_deal, "waiting": waiting}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on at ``state``; read the samples that were waiting again."""
        self.next_deal = int(state["next"])
        self._samples = self._read_ahead()
        self._buffers = {
            source: [(number, self._again(number)) for number in numbers]
            for source, numbers in state["waiting"].items()
        }

    def _take(self) -> tuple[str, int, EncodedSample] | None:
        """Return the next good sample, behind its source's name and its number."""
        rows = self._rows
        for _ in range(len(rows.mixture) + 1):
            found = next(self._samples, None)
            if found is None:
                return None
            number, entry, result = found
            self.next_deal = number + rows.options.n_streams
            sample = result()
            if isinstance(sample, EncodedSample):
                return entry.source.name, number, sample
            rows.skipped.add(entry.place, sample)
        raise DataError(f"{rows.mixture.path}: no sample can be used: {rows.skipped.summary()}")

    def _read_ahead(self) -> Iterator[tuple[int, Entry, Callable[[], EncodedSample | BadSample]]]:
        """Yield the samples from the next one on; with workers some are in work already."""
        rows = self._rows
        n_ahead = _AHEAD if rows.options.n_workers else 1
        ahead: deque[tuple[int, Entry, Callable[[], EncodedSample | BadSample]]] = deque()
        for number in count(self.next_deal, rows.options.n_streams):
            entry = rows.deal(number)
            if entry is None:
                break
            ahead.append((number, entry, rows.submit(entry)))
            if len(ahead) == n_ahead:
                yield ahead.popleft()
        yield from ahead

    def _again(self, number: int) -> EncodedSample:
        entry = self._rows.deal(number)
        if entry is None:
            raise DataError(f"the state of the data names sample {number}, which does not exist")
        sample = self._rows.read(entry)
        if isinstance(sample, BadSample):
            raise DataError(f"{entry.place}: could be read before and cannot now: {sample}")
        return sample
