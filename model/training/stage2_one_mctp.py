"""Stage 2, one MCTP module: it learns to predict one token further than the backbone.

    accelerate launch -m model.training.stage2_one_mctp \
        --recipe model/training/configurations/7b.toml \
        --start out/stage1 --data mixture.toml --parts PARTS --out out/stage2

Its block begins as a copy of the backbone's last layer. All else is frozen, so the module's loss is
the only one.
"""

from __future__ import annotations

import sys

from model.training.stage_run import run_stage
from model.training.stage_training import train_modules

NUMBER = 2


def main(arguments: list[str] | None = None) -> int:
    return run_stage(NUMBER, __doc__, train_modules, arguments)


if __name__ == "__main__":
    sys.exit(main())
