"""Prints how often the MCTP modules of a finished model choose what its backbone chooses.

    python -m model.training.measure out/stage2 out/stage3 --data held_out.jsonl --parts PARTS

A model with one module is measured as stage 3 begins with it too: with all modules copies of it.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from model.errors import ModelError
from model.training.acceptance import Acceptance, measure_acceptance
from model.training.curves import agreement_table
from model.training.data.sample_encoder import SampleEncoder
from model.training.initialisation import grow_modules
from model.training.stage_command import model_folder
from model.training.stage_setup import read_held_out
from model.vita_audio.checkpoint.directory import SPEECH_TOKENIZER
from model.vita_audio.decoding.schedule import BOOST, Schedule
from model.vita_audio.language_model.modeling import load_language_model

_ROW_LENGTH = 8192


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    args = _parser().parse_args(arguments)
    try:
        found = {str(folder): _measured(folder, args) for folder in args.models}
    except (ModelError, OSError) as error:
        sys.stderr.write(f"measure: {' '.join(str(error).split())}\n")
        return 1
    records = {name: one.as_record() for name, one in found.items()}
    as_json = json.dumps(records, indent=2) + "\n"
    sys.stdout.write(as_json if args.json else agreement_table(records))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path, help="folders of stages or models")
    parser.add_argument("--data", type=Path, required=True, help="held-out JSONL or mixture")
    parser.add_argument("--parts", type=Path, help="folder of the speech tokenizer")
    parser.add_argument("--pattern", default=" ".join(map(str, BOOST.pattern)))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--modules", type=int, default=0, help="grow to so many before measuring")
    parser.add_argument("--json", action="store_true")
    return parser


def _measured(folder: Path, args: argparse.Namespace) -> Acceptance:
    place = model_folder(folder)
    encoder = SampleEncoder.from_directory(
        place,
        Schedule.parse(args.pattern).pattern,
        speech_tokenizer=args.parts / SPEECH_TOKENIZER if args.parts else None,
        device=args.device,
    )
    rows = read_held_out(args.data, encoder, _ROW_LENGTH)
    dtype = torch.float32 if args.device == "cpu" else torch.bfloat16
    model = load_language_model(place, dtype, args.device)
    if args.modules > model.num_mctp_modules:
        model = grow_modules(model, args.modules)
    return measure_acceptance(model, (row.to(args.device) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
