"""Writes the files that a Plus directory has of SenseVoice beside the weights, in small.

The weights themselves are part of the language model's checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from transformers.convert_slow_tokenizer import import_protobuf

from model.vita_audio.sense_voice.kaldi_features import SCALING_FILE
from model.vita_audio.sense_voice.tags import NAMES_FILE

_CONTROLS = ("<unk>", "<s>", "</s>")
_TAGS = (
    *("<|zh|>", "<|en|>", "<|nospeech|>", "<|HAPPY|>", "<|SAD|>", "<|NEUTRAL|>", "<|EMO_UNKNOWN|>"),
    *("<|Speech|>", "<|Laughter|>", "<|Event_UNK|>", "<|withitn|>", "<|woitn|>"),
)
_WORDS = ("▁a",)
N_TOKENS = len(_CONTROLS) + len(_TAGS) + len(_WORDS)  # of the CTC head that goes with the files

_N_INPUTS = 560
# About what the log energies of speech are centred on and spread by, at 16 bits.
_CENTRE = 10.0
_SPREAD = 4.0


def write_tiny_sense_voice_files(directory: Path, seed: int = 0) -> int:
    """Writes ``am.mvn`` and the names of ``N_TOKENS`` tokens; returns ``N_TOKENS``."""
    directory.mkdir(parents=True, exist_ok=True)
    source = np.random.default_rng(seed)
    shift = -_CENTRE + source.normal(size=_N_INPUTS)
    scale = np.exp(0.1 * source.normal(size=_N_INPUTS)) / _SPREAD
    lines = ["<Nnet> ", f"<Splice> {_N_INPUTS} {_N_INPUTS}", "[ 0 ]"]
    for name, values in (("AddShift", shift), ("Rescale", scale)):
        numbers = " ".join(f"{value:.6f}" for value in values)
        lines += [f"<{name}> {_N_INPUTS} {_N_INPUTS} ", f"<LearnRateCoef> 0 [ {numbers} ]"]
    (directory / SCALING_FILE).write_text("\n".join([*lines, "</Nnet> ", ""]), encoding="utf-8")
    (directory / NAMES_FILE).write_bytes(encode_token_names((*_CONTROLS, *_TAGS, *_WORDS)))
    return N_TOKENS


def encode_token_names(names: Iterable[str]) -> bytes:
    """The pieces of a SentencePiece file, without settings."""
    file = import_protobuf().ModelProto()
    for name in names:
        file.pieces.add(piece=name)
    return file.SerializeToString()
