"""Stage 4, supervised fine-tuning: backbone and modules learn conversations together.

    accelerate launch -m model.training.stage4_fine_tuning \
        --recipe model/training/configurations/7b.toml \
        --start out/stage3 --data conversations.toml --parts PARTS --out out/stage4

The modules learn at ten times the backbone's rate. The result is what people talk to:

    parley models add out/stage4
    parley answer question.wav --model local:stage4
"""

from __future__ import annotations

import sys

from model.training.stage_run import StageRun, run_stage
from model.training.stage_training import open_accelerator, train
from model.vita_audio.language_model.initialisation import freeze_hearing, grow_modules

NUMBER = 4


def main(arguments: list[str] | None = None) -> int:
    return run_stage(NUMBER, __doc__, _fine_tune, arguments)


def _fine_tune(run: StageRun) -> None:
    accelerator = open_accelerator(run)
    model = grow_modules(run.load_start(), run.stage.modules)
    freeze_hearing(model)
    train(run, accelerator, model, run.start_folder)


if __name__ == "__main__":
    sys.exit(main())
