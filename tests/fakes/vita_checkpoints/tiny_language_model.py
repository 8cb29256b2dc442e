"""Writes a tiny checkpoint in the published layout: config, tokenizer and sharded weights.

What it says is noise, but in the rhythm of a reply: letters, then a segment of audio codes, and
after some of these the end (without MCTP modules it seldom comes). Its layers are random and
small; embeddings and head hold a table of which kind of token follows which. Knows nothing of how
it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from model.training.published_layout import write_configuration, write_shards
from model.training.vocabulary import write_byte_vocabulary
from model.vita_audio.decoding.schedule import BOOST, VANILLA
from model.vita_audio.language_model.model_config import BACKBONE_TINY, make_config
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.language_model.tokens import N_CODES

_N_SHARDS = 3
_ROWS_MULTIPLE = 8  # the published tables are padded to a multiple of it

_ENCODER_SIZES = {
    "width": 32,
    "n_heads": 2,
    "n_inner": 48,
    "n_layers": 3,
    "n_tp_layers": 2,
    "n_tokens": 16,
}

_LETTERS = "abcdefghijklmnopqrstuvwxyz "

# Spread of the scores of tokens of one kind: so wide that a few of the 16 384 codes hold all the
# probability, with any sampler. The best code then has 3.9 times as much, the best letter twice.
_SPREAD = 5.0
_NEVER = -40.0
_AGAIN = -30.0  # the same token twice in a row would go on for ever where nothing is drawn
# Scores of the kinds that may follow a kind, set so that in the Boost pattern a text run has some
# 4 tokens, a segment 8 codes and a reply 20 to 300 tokens.
_FOLLOWS: dict[str, dict[str, float]] = {
    "other": {"letter": 0.0},
    "letter": {"letter": 0.0, "begin": 7.5},
    "begin": {"code": 0.0},
    "code": {"code": 0.0, "end": 17.0},
    "end": {"letter": 0.0, "stop": 9.0},
    "stop": {"letter": 0.0},
}
_KINDS = tuple(_FOLLOWS)
# Of the layers: what they add to the embeddings makes replies to different turns differ.
_LAYER_SPREAD = 0.035


def write_tiny_language_model(
    directory: Path, plus: bool = False, k: int = 10, seed: int = 0
) -> None:
    """Writes a model with ``k`` MCTP modules and its tokenizer, about 9 MB in bf16."""
    n_tokens = len(write_byte_vocabulary(directory, plus=plus))
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    names = _Names.of(tokenizer)
    n_rows = -(-n_tokens // _ROWS_MULTIPLE) * _ROWS_MULTIPLE
    config = make_config(
        BACKBONE_TINY,
        k=k,
        plus=plus,
        vocabulary_rows=n_rows,
        bos_token_id=names.pad,
        eos_token_id=names.stop,
        initializer_range=_LAYER_SPREAD,
        **({"audio_encoder": _ENCODER_SIZES} if plus else {}),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = VitaAudioForCausalLM(config)
        _teach_rhythm(model, names)
    pattern = (BOOST if k else VANILLA).pattern
    write_configuration(directory, config, TextTokenizer.from_directory(directory), pattern)
    tensors = model.state_dict()
    keys = list(tensors)
    borders = [shard * len(keys) // _N_SHARDS for shard in range(_N_SHARDS + 1)]
    write_shards(directory, tensors, [keys[a:b] for a, b in pairwise(borders)])


@dataclass(frozen=True, slots=True)
class _Names:
    """Ids of the tokens that the rhythm is made of."""

    letters: tuple[int, ...]
    begin: int
    first_code: int
    end: int
    stop: int
    pad: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> _Names:
        def one(name: str) -> int:
            token_id = tokenizer.token_to_id(name)
            assert token_id is not None, name
            return token_id

        return cls(
            letters=tuple(tokenizer.encode(char).ids[0] for char in _LETTERS),
            begin=one("<|begin_of_audio|>"),
            first_code=one("<|audio_0|>"),
            end=one("<|end_of_audio|>"),
            stop=one("<|im_end|>"),
            pad=one("<|endoftext|>"),
        )

    def kinds(self, n_rows: int) -> Tensor:
        """(n_rows,) index into ``_KINDS`` of each id."""
        kinds = torch.full((n_rows,), _KINDS.index("other"))
        kinds[list(self.letters)] = _KINDS.index("letter")
        kinds[self.first_code : self.first_code + N_CODES] = _KINDS.index("code")
        for name, token_id in (("begin", self.begin), ("end", self.end), ("stop", self.stop)):
            kinds[token_id] = _KINDS.index(name)
        return kinds


def _teach_rhythm(model: VitaAudioForCausalLM, names: _Names) -> None:
    """Embeddings hold kind and a random direction; the head scores what follows the kind."""
    n_rows, hidden = model.model.embed_tokens.weight.shape
    n_kinds = len(_KINDS)
    kinds = names.kinds(n_rows)
    directions = functional.normalize(torch.randn(n_rows, hidden - n_kinds), dim=1)
    embeddings = torch.cat((functional.one_hot(kinds, n_kinds), directions), dim=1)
    # A norm makes the two unit vectors of a row this long.
    length = (hidden / 2) ** 0.5
    scores = torch.tensor(
        [[_FOLLOWS[before].get(after, _NEVER) for before in _KINDS] for after in _KINDS]
    )
    drawn = torch.randn(n_rows, hidden - n_kinds) * _SPREAD + _AGAIN * directions
    head = torch.cat((scores[kinds], drawn), dim=1)
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(embeddings)
        model.lm_head.weight.copy_(head / length)
        for name, parameter in model.model.layers.named_parameters():
            # The kind of the last token passes the layers as it is.
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter[:n_kinds] = 0.0
        # What a module reads of the token before it is all that the rhythm needs.
        reads_token = torch.cat((torch.eye(hidden) / length, torch.zeros(hidden, hidden)), dim=1)
        for projection in model.mtp_projs:
            cast(nn.Linear, projection).weight.copy_(reads_token)
