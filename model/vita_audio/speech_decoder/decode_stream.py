"""Decodes the codes of one reply as they come: each sample is emitted once and never changes.

A block is given earlier codes and their mel as a prompt and noise by frame index, so that old
frames stay what they are. The last frames of a block are kept back and faded into the next one.
All state of a reply lives here. Source: GLM-4-Voice's streaming scheme.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.errors import ModelError
from model.vita_audio.speech_decoder.decoder_config import DecoderConfig
from model.vita_audio.speech_decoder.flow import Flow
from model.vita_audio.speech_decoder.hift import Hift
from model.vita_audio.speech_decoder.source import NoiseTape
from model.vita_audio.speech_decoder.vocoder_stream import VocoderStream


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """Sizes of the blocks and what each sees of the one before.

    The blocks depend on the number of codes alone, never on how they arrive. Source of the growing
    sizes: GLM-4-Voice's own streaming demo.

    Attributes:
        first_codes: size of the first block, 8 codes (0.64 s) by default: the first audio segment
            of the Boost pattern.
        growth: sizes of the blocks after it, in codes; the last one repeats.
        prompt_codes: so many earlier codes, with their mel, are given again to each block. It
            bounds the cost of a block of a long reply.
        keep_back_frames: the last frames of a block are kept back and faded into the next block's
            version of them. 34 mel frames are 5 codes.
        first_keep_back_frames: the same for the first block, which would otherwise be over before
            the second one is there.
        slice_frames: at most so many frames are vocoded at once.
    """

    first_codes: int = 8
    growth: tuple[int, ...] = (25, 50, 100, 150, 200)
    prompt_codes: int = 50
    keep_back_frames: int = 34
    first_keep_back_frames: int = 0
    slice_frames: int = 256

    def size(self, n_blocks_done: int) -> int:
        """Return the codes of the next block."""
        if n_blocks_done == 0:
            return self.first_codes
        return self.growth[min(n_blocks_done, len(self.growth)) - 1]

    def keep_back(self, n_blocks_done: int) -> int:
        """Return the mel frames that the next block keeps back if codes may follow."""
        return self.first_keep_back_frames if n_blocks_done == 0 else self.keep_back_frames

    def window_start(self, n_decoded: int, encoder_block: int) -> int:
        """Return the first code that the next block is given, at the start of an encoder block."""
        return max(0, n_decoded - self.prompt_codes) // encoder_block * encoder_block


# Measured on two cores: larger blocks with a longer prompt are no cheaper per second of speech,
# because attention grows with the square of the window, and one step of them takes three times as
# long, which is how long a cancelled reply would go on working.
CPU_PLAN = BlockPlan(growth=(25,), prompt_codes=15, slice_frames=86)
ACCELERATOR_PLAN = BlockPlan()


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How one reply is decoded.

    Attributes:
        first_steps: flow steps of the first block; fewer are heard sooner.
        steps: flow steps of the others.
    """

    seed: int
    first_steps: int
    steps: int
    plan: BlockPlan


class MelStretcher:
    """Frames in, frames at another speaking rate out; at rate 1 they pass through untouched.

    Mel frames are drawn closer or further apart before they become sound. The pitch stays, because
    the vocoder reads it from each frame. Not part of the published decoder.

    Attributes:
        rate: 0.7-1.5; 1.0 is the voice's own. May change between two calls.
    """

    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate
        self._held: Tensor | None = None  # frames that the next output frame lies between
        self._at = 0.0  # place of the next output frame, from the first frame held

    def feed(self, mel: Tensor) -> Tensor:
        """Return (1, bands, about frames / rate) of ``mel`` (1, bands, frames)."""
        if self._held is None:
            if self.rate == 1.0:
                return mel
            self._held = mel[..., :0]
        frames = torch.cat((self._held, mel), dim=-1)
        n_out = max(0, math.ceil((frames.shape[-1] - 1 - self._at) / self.rate))
        places = self._at + self.rate * torch.arange(n_out, device=frames.device)
        left = places.long().clamp_max(frames.shape[-1] - 2)  # places are rounded
        out = torch.lerp(frames[..., left], frames[..., left + 1], (places - left).to(frames))
        end = self._at + self.rate * n_out
        n_done = min(math.floor(end), frames.shape[-1])
        self._held, self._at = frames[..., n_done:], end - n_done
        return out

    def finish(self) -> Tensor | None:
        """Return the last frame where it is still due."""
        held, self._held = self._held, None
        is_due = held is not None and self._at <= held.shape[-1] - 1
        return held[..., -1:] if held is not None and is_due else None


class SpeechDecodeStream:
    """The decoder of one reply: codes in, 22 050 Hz pieces out.

    The iterators of ``push`` and ``finish`` yield None after each flow step, so that the caller can
    look at its cancel token. One that is left early loses nothing: the next call starts the open
    block again and gives the same samples.
    """

    def __init__(
        self, flow: Flow, hift: Hift, config: DecoderConfig, options: StreamOptions
    ) -> None:
        self._flow = flow
        self._config = config
        self._options = options
        self._device = flow.input_embedding.weight.device
        self._noise = NoiseTape(options.seed, config.flow.n_mels)
        self._vocoder = VocoderStream(hift, options.seed, options.plan.slice_frames)
        self._stretcher = MelStretcher()
        self._codes: list[int] = []
        self._n_decoded = 0  # codes
        self._n_blocks = 0
        self._mel = torch.zeros(1, config.flow.n_mels, 0, device=self._device)
        self._first_frame = 0  # where _mel begins
        self._kept_back = self._mel  # the draft of the frames after _mel
        self._is_finished = False

    def speak_at(self, rate: float) -> None:
        """Speak at ``rate`` the blocks that are not decoded yet; 1.0 is the voice's own."""
        self._stretcher.rate = rate

    def push(self, codes: Sequence[int]) -> Iterator[NDArray[np.float32] | None]:
        """Take codes at once; the iterator decodes the blocks that became full.

        Raises:
            ModelError: a code is no code of this model, or the stream was finished.
        """
        if self._is_finished:
            raise ModelError("codes came after the end of a reply: open a new decode stream")
        n_known = self._config.flow.n_codes
        strange = [code for code in codes if not 0 <= code < n_known]
        if strange:
            raise ModelError(
                f"audio code {strange[0]} is outside 0…{n_known - 1}: the decoder and the language "
                "model belong to different vocabularies"
            )
        self._codes.extend(codes)
        return self._decode_full_blocks()

    def finish(self) -> Iterator[NDArray[np.float32] | None]:
        """Decode all that is left, including what was kept back: no code follows."""
        self._is_finished = True
        return self._flush()

    def _decode_full_blocks(self) -> Iterator[NDArray[np.float32] | None]:
        yield from self._vocoder.due()
        while len(self._codes) - self._n_decoded >= self._options.plan.size(self._n_blocks):
            stop = self._n_decoded + self._options.plan.size(self._n_blocks)
            yield from self._decode(stop, self._options.plan.keep_back(self._n_blocks))
            yield from self._vocoder.due()

    def _flush(self) -> Iterator[NDArray[np.float32] | None]:
        yield from self._decode_full_blocks()
        if len(self._codes) > self._n_decoded:
            yield from self._decode(len(self._codes), n_keep_back=0)
        self._fix(self._kept_back)
        self._kept_back = self._kept_back[..., :0]
        last = self._stretcher.finish()
        if last is not None:
            self._vocoder.feed(last)
        self._vocoder.complete()
        yield from self._vocoder.due()

    def _decode(self, stop: int, n_keep_back: int) -> Iterator[None]:
        """Decodes the codes up to ``stop``; nothing of the stream changes before the last step."""
        options, config = self._options, self._config
        first_code = options.plan.window_start(self._n_decoded, config.flow.encoder.block_codes)
        start, end = config.n_frames(first_code), config.n_frames(stop)
        fixed = self._mel[..., start - self._first_frame :]
        codes = torch.tensor([self._codes[first_code:stop]], device=self._device)
        conditions = self._flow.conditions(codes, end - start, fixed)
        noise = self._noise.cut(start, end).T[None].to(self._device)
        n_steps = options.first_steps if self._n_blocks == 0 else options.steps
        mel = noise
        for state in self._flow.sample(conditions, noise, n_steps):
            mel = state
            yield None
        fresh = fade(self._kept_back, mel[..., fixed.shape[-1] :])
        n_fixed = fresh.shape[-1] - n_keep_back
        self._kept_back = fresh[..., n_fixed:]
        self._fix(fresh[..., :n_fixed])
        self._n_decoded = stop
        self._n_blocks += 1
        self._forget()

    def _fix(self, mel: Tensor) -> None:
        """These frames will not change any more."""
        self._mel = torch.cat((self._mel, mel), dim=-1)
        self._vocoder.feed(self._stretcher.feed(mel))

    def _forget(self) -> None:
        """Drops mel and noise that no later block is given."""
        encoder_block = self._config.flow.encoder.block_codes
        first_code = self._options.plan.window_start(self._n_decoded, encoder_block)
        first = self._config.n_frames(first_code)
        self._mel = self._mel[..., first - self._first_frame :]
        self._first_frame = first
        self._noise.forget_before(first)


def fade(draft: Tensor, fresh: Tensor) -> Tensor:
    """Return ``fresh``, faded in from ``draft`` over its first frames by a Hamming window.

    The two halves of the window are scaled to a sum of one: a plain Hamming pair sums to 1.08,
    which would be heard in a logarithmic mel as a change of level.
    """
    n_frames = draft.shape[-1]
    if n_frames == 0:
        return fresh
    window = torch.hamming_window(2 * n_frames, periodic=False, device=fresh.device)
    rise, fall = window[:n_frames], window[n_frames:]
    share = rise / (rise + fall)
    head = torch.lerp(draft, fresh[..., :n_frames], share)
    return torch.cat((head, fresh[..., n_frames:]), dim=-1)
