"""Stage 3, ten MCTP modules: each begins as a copy of the one before it.

    accelerate launch -m model.training.stage3_ten_mctp \
        --recipe model/training/configurations/7b.toml \
        --start out/stage2 --data mixture.toml --parts PARTS --out out/stage3

All but the modules is frozen, as in stage 2; the loss is the mean of theirs.
"""

import sys
from functools import partial

from model.training.initialisation import freeze_all_but_modules
from model.training.stage_command import run_stage
from model.training.stage_setup import train_grown

main = partial(run_stage, 3, __doc__, partial(train_grown, freeze=freeze_all_but_modules))

if __name__ == "__main__":
    sys.exit(main())
