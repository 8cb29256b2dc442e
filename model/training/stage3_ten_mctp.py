"""Stage 3, ten MCTP modules: each begins as a copy of the one before it.

    accelerate launch -m model.training.stage3_ten_mctp \
        --recipe model/training/configurations/7b.toml \
        --start out/stage2 --data mixture.toml --parts PARTS --out out/stage3

All but the modules is frozen, as in stage 2; the loss is the mean of theirs.
"""

from __future__ import annotations

import sys

from model.training.stage_run import run_stage
from model.training.stage_training import train_modules

NUMBER = 3


def main(arguments: list[str] | None = None) -> int:
    return run_stage(NUMBER, __doc__, train_modules, arguments)


if __name__ == "__main__":
    sys.exit(main())
