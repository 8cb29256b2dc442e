"""Stage 2, one MCTP module: it learns to predict one token further than the backbone.

    accelerate launch -m model.training.stage2_one_mctp \
        --recipe model/training/configurations/7b.toml \
        --start out/stage1 --data mixture.toml --parts PARTS --out out/stage2

Its block begins as a copy of the backbone's last layer. All else is frozen, so the module's loss is
the only one.
"""

import sys
from functools import partial

from model.training.initialisation import freeze_all_but_modules
from model.training.stage_command import run_stage
from model.training.stage_setup import train_grown

main = partial(run_stage, 2, __doc__, partial(train_grown, freeze=freeze_all_but_modules))

if __name__ == "__main__":
    sys.exit(main())
