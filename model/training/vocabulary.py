"""Tokenizer files for a model that begins from a stock Qwen2.5, or from nothing.

Source: VITA-Audio; its special tokens follow Qwen2.5's own in a fixed order, then the audio codes.
Knows no weights. That the result of the published Qwen2.5 files has the published ids is checked
for the order only: the files themselves were not at hand.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from model.training.recipe import TrainingError
from model.vita_audio.text_tokenizer import (
    ADDED_FILE,
    MERGES_FILE,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    VOCABULARY_FILE,
    TextTokenizer,
    vita_audio_specials,
    write_tiny_text_tokenizer,
)
from model.vita_audio.tokens import N_CODES

# All that travels with the weights from stage to stage; the last four are of SenseVoice.
_TRAVELLING = (
    *(TOKENIZER_FILE, VOCABULARY_FILE, MERGES_FILE, ADDED_FILE, SETTINGS_FILE),
    *("special_tokens_map.json", "chat_template.jinja"),
    *("am.mvn", "config.yaml", "configuration.json", "chn_jpn_yue_eng_ko_spectok.bpe.model"),
)


def write_byte_vocabulary(directory: Path, *, plus: bool, n_base: int) -> TextTokenizer:
    """For a backbone without a past: bytes, the special tokens and the audio codes."""
    write_tiny_text_tokenizer(directory, plus, n_base)
    return TextTokenizer.from_directory(directory)


def extend_stock_vocabulary(source: Path, directory: Path, *, plus: bool) -> TextTokenizer:
    """Writes the tokenizer of a Qwen2.5 and what VITA-Audio adds to it.

    Raises:
        TrainingError: ``source`` has no tokenizer.json that can be read.
    """
    path = source / TOKENIZER_FILE
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"{path} cannot be read: {reason}; stage 1 begins from a folder of Qwen2.5"
        ) from error
    names = vita_audio_specials(plus)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names])
    codes = (f"<|audio_{code}|>" for code in range(N_CODES))
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in codes])
    copy_tokenizer(source, directory)
    tokenizer.save(str(directory / TOKENIZER_FILE), pretty=False)
    added = {one.content: number for number, one in tokenizer.get_added_tokens_decoder().items()}
    (directory / ADDED_FILE).write_text(json.dumps(added, ensure_ascii=False), encoding="utf-8")
    return TextTokenizer.from_directory(directory)


def copy_tokenizer(source: Path, directory: Path) -> None:
    """Copies all that belongs beside the weights, as far as ``source`` has it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in _TRAVELLING:
        if (source / name).is_file():
            shutil.copyfile(source / name, directory / name)
