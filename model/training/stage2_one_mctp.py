"""Stage 2, one MCTP module: it learns to predict one token further than the backbone.

    accelerate launch -m model.training.stage2_one_mctp \
        --recipe model/training/configurations/7b.toml \
        --start out/stage1 --data mixture.toml --parts PARTS --out out/stage2

Its block begins as a copy of the backbone's last layer. All else is frozen, so the module's loss is
the only one.
"""

from __future__ import annotations

import sys

from model.training.stage_run import StageRun, run_stage
from model.training.stage_training import open_accelerator, train
from model.vita_audio.initialisation import freeze_all_but_modules, grow_modules

NUMBER = 2


def main(arguments: list[str] | None = None) -> int:
    return run_stage(NUMBER, __doc__, _add_one, arguments)


def _add_one(run: StageRun) -> None:
    accelerator = open_accelerator(run)
    model = grow_modules(run.load_start(), run.stage.modules)
    freeze_all_but_modules(model)
    train(run, accelerator, model, run.start_folder)


if __name__ == "__main__":
    sys.exit(main())
