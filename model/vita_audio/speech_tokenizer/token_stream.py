"""The user's speech to codes while it is spoken, in blocks of 4 s; a block's codes are final.

Whisper clips features 80 dB below the loudest frame of a segment of 30 s, and the loudest frame may
still come. A stream therefore clips every block relative to the loudest frame from the segment's
start to that block's end, and never touches a finished block again. Its codes are those of one
pass over the segment with features normalised in that way, whatever the sizes of the pieces it was
given. They are upstream's codes as well wherever no later block holds the segment's loudest frame,
or nothing earlier lies more than 80 dB below it.
"""

import math

import numpy as np
import torch
from torch import Tensor

from audio_io.frames import Samples
from model.errors import ModelError
from model.vita_audio.speech_tokenizer.block_encoder import BlockCausalEncoder, Codes, SegmentState
from model.vita_audio.speech_tokenizer.tokenizer_config import FRAME_SAMPLES, HOP
from model.vita_audio.speech_tokenizer.whisper_mel import REACH, LogMel, normalised

# A block starts with a mel frame that belongs to the one before; this lies before the block.
_CONTEXT = HOP + REACH


class SpeechTokenStream:
    """The codes of one turn. Work is done at block ends and in ``finish``, one block each time."""

    def __init__(
        self, network: BlockCausalEncoder, codes: Codes, mel: LogMel, state: SegmentState
    ) -> None:
        self._network = network
        self._codes = codes
        self._mel = mel
        self._state = state
        # The end of the block before, then the open block; a segment starts without the former.
        self._signal = np.zeros(_CONTEXT + network.config.block_samples, np.float32)
        self._n_open = 0
        self._open_codes: list[int] = []
        self._loudest: Tensor | None = None  # log power of this segment's complete blocks

    def hear(self, samples: Samples) -> list[int]:
        """Take the next samples (n,) at 16 kHz; return the codes of blocks that are now complete.

        They replace what ``finish`` returned of those blocks.

        Raises:
            ModelError: ``samples`` are no mono float audio.
        """
        rest = checked(samples)
        final: list[int] = []
        while len(rest):
            taken = rest[: self._n_block - self._n_open]
            rest = rest[len(taken) :]
            self._signal[_CONTEXT + self._n_open :][: len(taken)] = taken
            self._n_open += len(taken)
            self._open_codes = []
            if self._n_open == self._n_block:
                final += self._encode_open(is_complete=True)
                self._begin_block()
        return final

    def finish(self) -> list[int]:
        """Return the codes of the open block, as if the user had stopped here.

        The user may go on all the same: nothing is closed.
        """
        if self._n_open and not self._open_codes:
            self._open_codes = self._encode_open(is_complete=False)
        return list(self._open_codes)

    @property
    def _n_block(self) -> int:
        """Samples of the open block when it is complete; a segment's last one may be shorter."""
        config = self._network.config
        n_left = config.segment_samples - self._state.n_frames * FRAME_SAMPLES
        return min(config.block_samples, n_left)

    def _begin_block(self) -> None:
        self._signal[:_CONTEXT] = self._signal[self._n_open :][:_CONTEXT]
        self._n_open = 0
        if self._state.n_frames == self._network.config.n_positions:
            self._state.restart()
            self._loudest = None

    @torch.inference_mode()
    def _encode_open(self, is_complete: bool) -> list[int]:
        log_mel = self._mel.frames(self._mel.tensor(torch.from_numpy(self._padded())))
        loudest = log_mel.max()
        if self._loudest is not None:
            loudest = torch.maximum(loudest, self._loudest)
        if is_complete:
            self._loudest = loudest
        n_heard = math.ceil(self._n_open / FRAME_SAMPLES)
        hidden = self._network(normalised(log_mel, loudest), n_heard, self._state, is_complete)
        return self._codes.nearest(hidden).tolist()

    def _padded(self) -> Samples:
        """The open block up to a whole code, after what lies before it."""
        code_samples = self._network.config.code_samples
        end = _CONTEXT + math.ceil(self._n_open / code_samples) * code_samples
        self._signal[_CONTEXT + self._n_open : end] = 0.0
        if self._state.n_frames:
            return self._signal[:end]
        block = self._signal[_CONTEXT:end]
        return np.concatenate((block[REACH:0:-1], block))  # Whisper mirrors a segment's start


def checked(samples: Samples) -> Samples:
    """Return ``samples`` (n,) as float32.

    Raises:
        ModelError: they are not one channel, not float, or not finite.
    """
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise ModelError(
            "the speech tokenizer hears one channel of float samples in -1 ... 1 at 16 kHz, "
            f"got {samples.dtype} of shape {samples.shape}"
        )
    if not np.isfinite(samples).all():
        raise ModelError("the speech tokenizer was given samples that are not finite")
    return np.ascontiguousarray(samples, np.float32)
