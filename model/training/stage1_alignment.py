"""Stage 1, audio-text alignment: a text model learns to hear and to speak, token by token.

    accelerate launch -m model.training.stage1_alignment \
        --recipe model/training/configurations/7b.toml \
        --data mixture.toml --parts PARTS --out out/stage1

All of the language model learns; of a Plus model the SenseVoice encoder stays as it is.
"""

import sys
from functools import partial

from model.training.initial_model import VOCABULARY, begin_from_recipe
from model.training.initialisation import freeze_hearing
from model.training.stage_command import StageRun, run_stage
from model.training.stage_setup import open_accelerator, train


def align(run: StageRun) -> None:
    """Train the language model that the recipe begins from."""
    accelerator = open_accelerator(run)
    model = begin_from_recipe(run)
    freeze_hearing(model)
    train(run, accelerator, model, run.out / VOCABULARY)


main = partial(run_stage, 1, __doc__, align)

if __name__ == "__main__":
    sys.exit(main())
