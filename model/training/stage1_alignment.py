"""Stage 1, audio-text alignment: a text model learns to hear and to speak, token by token.

    accelerate launch -m model.training.stage1_alignment \
        --recipe model/training/configurations/7b.toml \
        --data mixture.toml --parts PARTS --out out/stage1

All of the language model learns; of a Plus model the SenseVoice encoder stays as it is.
"""

from __future__ import annotations

import sys

from model.training.initial_model import VOCABULARY, begin_from_recipe
from model.training.stage_command import StageRun, run_stage
from model.training.stage_setup import open_accelerator, train
from model.vita_audio.language_model.initialisation import freeze_hearing


def main(arguments: list[str] | None = None) -> int:
    """Run stage 1; return the exit status."""
    return run_stage(1, __doc__, _align, arguments)


def _align(run: StageRun) -> None:
    accelerator = open_accelerator(run)
    model = begin_from_recipe(run)
    freeze_hearing(model)
    train(run, accelerator, model, run.out / VOCABULARY)


if __name__ == "__main__":
    sys.exit(main())
