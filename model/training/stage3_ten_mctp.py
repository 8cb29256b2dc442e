"""Stage 3, ten MCTP modules: each begins as a copy of the one before it.

    accelerate launch -m model.training.stage3_ten_mctp \
        --recipe model/training/configurations/7b.toml \
        --start out/stage2 --data mixture.toml --parts PARTS --out out/stage3

All but the modules is frozen, as in stage 2; the loss is the mean of theirs.
"""

from __future__ import annotations

import sys

from model.training.stage_run import StageRun, run_stage
from model.training.stage_training import open_accelerator, train
from model.vita_audio.initialisation import freeze_all_but_modules, grow_modules

NUMBER = 3


def main(arguments: list[str] | None = None) -> int:
    return run_stage(NUMBER, __doc__, _add_the_others, arguments)


def _add_the_others(run: StageRun) -> None:
    accelerator = open_accelerator(run)
    model = grow_modules(run.load_start(), run.stage.modules)
    freeze_all_but_modules(model)
    train(run, accelerator, model, run.start_folder)


if __name__ == "__main__":
    sys.exit(main())
