"""Tokenizer files for a model that begins from a stock Qwen2.5, or from nothing.

Source: VITA-Audio; its special tokens follow Qwen2.5's own in a fixed order, then the audio codes.
That the result of the published Qwen2.5 files has the published ids is checked for the order only:
the files themselves were not at hand.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, pre_tokenizers
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer

from model.training.recipe import TrainingError
from model.vita_audio.language_model.text_tokenizer import (
    ADDED_FILE,
    MERGES_FILE,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    VOCABULARY_FILE,
    TextTokenizer,
)
from model.vita_audio.language_model.tokens import N_CODES

_QWEN_SPECIALS = (
    *("endoftext", "im_start", "im_end", "object_ref_start", "object_ref_end", "box_start"),
    *("box_end", "quad_start", "quad_end", "vision_start", "vision_end", "vision_pad"),
    *("image_pad", "video_pad"),
)
_QWEN_ORDINARY = (
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
    *("<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"),
)
_EMPTY_LINE = ("Ċ", "Ċ")  # two line feeds: prompts hold them, so pieces must be cut as in the whole
# All that travels with the weights from stage to stage; the last four are of SenseVoice.
_TRAVELLING = (
    *(TOKENIZER_FILE, VOCABULARY_FILE, MERGES_FILE, ADDED_FILE, SETTINGS_FILE),
    *("special_tokens_map.json", "chat_template.jinja"),
    *("am.mvn", "config.yaml", "configuration.json", "chn_jpn_yue_eng_ko_spectok.bpe.model"),
)


def write_byte_vocabulary(directory: Path, *, plus: bool, n_base: int = 257) -> TextTokenizer:
    """Write the tokenizer of a backbone without a past: bytes, special tokens and audio codes.

    Args:
        n_base: entries before the special tokens; those above 257 are never produced.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*alphabet, "".join(_EMPTY_LINE)]
    names += [f"Ġunused{index}" for index in range(len(names), n_base)]
    vocabulary = {name: token_id for token_id, name in enumerate(names)}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[_EMPTY_LINE]).backend_tokenizer
    tokenizer.add_tokens([_added(f"<|{name}|>", special=True) for name in _QWEN_SPECIALS])
    tokenizer.add_tokens([_added(name, special=False) for name in _QWEN_ORDINARY])
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / VOCABULARY_FILE, vocabulary)
    merges = f"#version: 0.2\n{' '.join(_EMPTY_LINE)}\n"
    (directory / MERGES_FILE).write_text(merges, encoding="utf-8")
    marks = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    _write_json(directory / SETTINGS_FILE, {"tokenizer_class": "Qwen2Tokenizer", **marks})
    return _extended(tokenizer, directory, plus=plus)


def extend_stock_vocabulary(source: Path, directory: Path, *, plus: bool) -> TextTokenizer:
    """Write the tokenizer of a Qwen2.5 and what VITA-Audio adds to it.

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
    copy_tokenizer(source, directory)
    return _extended(tokenizer, directory, plus=plus)


def vita_audio_specials(*, plus: bool) -> list[str]:
    """Return the special tokens in the order in which they follow Qwen2.5's own."""
    names = [
        f"{edge}_of_{kind}"
        for kind in ("image", "video", "patch", "audio")
        for edge in ("begin", "end", "context")
        if plus or (edge, kind) != ("context", "audio")
    ]
    names += [f"{edge}_of_{kind}" for kind in ("quad", "ref", "box") for edge in ("begin", "end")]
    return [f"<|{name}|>" for name in (*names, "image", "video", "audio")]


def copy_tokenizer(source: Path, directory: Path) -> None:
    """Copy all that belongs beside the weights, as far as ``source`` has it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in _TRAVELLING:
        if (source / name).is_file():
            shutil.copyfile(source / name, directory / name)


def _extended(tokenizer: Tokenizer, directory: Path, *, plus: bool) -> TextTokenizer:
    """Add VITA-Audio's tokens; write ``tokenizer.json`` and the list of added tokens."""
    tokenizer.add_tokens([_added(name, special=True) for name in vita_audio_specials(plus=plus)])
    codes = (f"<|audio_{code}|>" for code in range(N_CODES))
    tokenizer.add_tokens([_added(name, special=False) for name in codes])
    tokenizer.save(str(directory / TOKENIZER_FILE), pretty=False)
    added = {one.content: number for number, one in tokenizer.get_added_tokens_decoder().items()}
    _write_json(directory / ADDED_FILE, added)
    return TextTokenizer.from_directory(directory)


def _added(name: str, *, special: bool) -> AddedToken:
    return AddedToken(name, special=special, normalized=False)


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
