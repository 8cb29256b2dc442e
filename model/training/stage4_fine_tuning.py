"""Stage 4, supervised fine-tuning: backbone and modules learn conversations together.

    accelerate launch -m model.training.stage4_fine_tuning \
        --recipe model/training/configurations/7b.toml \
        --start out/stage3 --data conversations.toml --parts PARTS --out out/stage4

The modules learn at ten times the backbone's rate. The result is what people talk to:

    parley models add out/stage4
    parley answer question.wav --model local:stage4
"""

import sys
from functools import partial

from model.training.initialisation import freeze_hearing
from model.training.stage_command import run_stage
from model.training.stage_setup import train_grown

main = partial(run_stage, 4, __doc__, partial(train_grown, freeze=freeze_hearing))

if __name__ == "__main__":
    sys.exit(main())
