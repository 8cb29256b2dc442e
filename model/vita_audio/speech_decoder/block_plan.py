"""How a stream of codes is cut into blocks for decoding.

The blocks depend on the number of codes alone, never on how they arrive. Source of the growing
sizes: GLM-4-Voice's own streaming demo. Knows no network.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """Sizes of the blocks and what each sees of the one before.

    Attributes:
        first_codes: size of the first block, 8 codes (0.64 s) by default: the first audio segment
            of the Boost pattern.
        growth: sizes of the blocks after it, in codes; the last one repeats.
        prompt_codes: so many earlier codes, with their mel, are given again to each block. It
            bounds the cost of a block of a long reply.
        keep_back_frames: the last frames of a block are kept back and faded into the next block's
            opinion of them. 34 mel frames are 5 codes.
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
        """Codes of the next block."""
        if n_blocks_done == 0:
            return self.first_codes
        return self.growth[min(n_blocks_done, len(self.growth)) - 1]

    def keep_back(self, n_blocks_done: int) -> int:
        """Mel frames that the next block keeps back if codes may follow."""
        return self.first_keep_back_frames if n_blocks_done == 0 else self.keep_back_frames

    def window_start(self, n_decoded: int, encoder_block: int) -> int:
        """First code that is given to the next block, at the start of an encoder block."""
        return max(0, n_decoded - self.prompt_codes) // encoder_block * encoder_block


# Measured on two cores: larger blocks with a longer prompt are no cheaper per second of speech,
# because attention grows with the square of the window, and one step of them takes three times as
# long, which is how long a cancelled reply would go on working.
CPU_PLAN = BlockPlan(growth=(25,), prompt_codes=15, slice_frames=86)
ACCELERATOR_PLAN = BlockPlan()
