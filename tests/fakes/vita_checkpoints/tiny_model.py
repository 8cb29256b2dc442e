"""Writes a whole model folder of a few megabytes in the published layout, with random weights.

    python -m tests.fakes.vita_checkpoints.tiny_model DIR [--plus]

It says nothing of sense, but mixes text and sound as a trained one does: what can be tried with it
is everything but the words.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from model.vita_audio.checkpoint.directory import SPEECH_DECODER, SPEECH_TOKENIZER
from tests.fakes.vita_checkpoints.tiny_language_model import write_tiny_language_model
from tests.fakes.vita_checkpoints.tiny_sense_voice import write_tiny_sense_voice_files
from tests.fakes.vita_checkpoints.tiny_speech_decoder import write_tiny_speech_decoder
from tests.fakes.vita_checkpoints.tiny_speech_tokenizer import write_tiny_speech_tokenizer

_LIVELY_SEED = 9  # answers with many seconds of noise
_PLAIN, _PLUS = "VITA-Audio-Tiny", "VITA-Audio-Plus-Tiny"


def write_tiny_model(root: Path, *, plus: bool = False, k: int = 10, seed: int = 0) -> Path:
    """Writes the parts beside each other below ``root``; returns the language model's folder.

    Args:
        plus: the variant that hears SenseVoice features.
        k: MCTP modules.
    """
    folder = root / (_PLUS if plus else _PLAIN)
    write_tiny_language_model(folder, plus=plus, k=k, seed=seed)
    if plus:
        write_tiny_sense_voice_files(folder, seed)
    else:
        write_tiny_speech_tokenizer(root / SPEECH_TOKENIZER, seed)
    write_tiny_speech_decoder(root / SPEECH_DECODER, seed)
    return folder


def main(arguments: list[str] | None = None) -> int:
    """Writes one and says where."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.vita_checkpoints.tiny_model")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--plus", action="store_true", help="the variant that hears features")
    parser.add_argument("--seed", type=int, default=_LIVELY_SEED)
    args = parser.parse_args(arguments)
    folder = write_tiny_model(args.directory, plus=args.plus, seed=args.seed)
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
