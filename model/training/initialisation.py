"""Where each training stage starts from: new vocabulary rows, new MCTP modules, a stock backbone.

Source: VITA-Audio, training stages 1 to 4.
"""

from pathlib import Path

import torch
from torch import nn
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM

from model.errors import ModelError
from model.vita_audio.checkpoint.pickled_weights import read_pickled, require_fit
from model.vita_audio.language_model.model_config import BackboneSize, VitaAudioConfig, make_config
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

ROWS_MULTIPLE = 8  # the embedding table is padded to a multiple of it


def begin_from_backbone(
    backbone: Qwen2ForCausalLM, n_tokens: int, *, plus: bool = False
) -> VitaAudioForCausalLM:
    """Begin stage 1: a stock Qwen2 under a vocabulary of ``n_tokens``, without modules.

    Tensors are shared with ``backbone``, which is not to be used any more. The encoder of a Plus
    model is random until ``load_sense_voice``.

    Raises:
        ModelError: the backbone has a sliding window.
    """
    stock = backbone.config
    heads = stock.num_attention_heads
    size = BackboneSize(
        hidden=stock.hidden_size,
        mlp=stock.intermediate_size,
        layers=stock.num_hidden_layers,
        heads=heads,
        kv_heads=stock.num_key_value_heads or heads,
        are_embeddings_tied=stock.tie_word_embeddings,
        max_positions=stock.max_position_embeddings,
    )
    config = make_config(
        size,
        k=0,
        plus=plus,
        vocabulary_rows=stock.vocab_size,
        initializer_range=stock.initializer_range,
        rms_norm_eps=stock.rms_norm_eps,
        rope_parameters=stock.rope_parameters,
        use_sliding_window=stock.use_sliding_window,
    )
    model = _with_weights_of(backbone, config)
    extend_vocabulary(model, n_tokens)
    return model


def extend_vocabulary(model: VitaAudioForCausalLM, n_tokens: int) -> None:
    """Give embeddings and head rows for ``n_tokens``, padded; never takes rows away.

    New rows are drawn around the mean of the old ones, as the library does. Rows that the table
    already had beyond the tokenizer's are reused as they are.
    """
    n_rows = max(-(-n_tokens // ROWS_MULTIPLE) * ROWS_MULTIPLE, model.config.vocab_size)
    if n_rows > model.config.vocab_size:
        model.resize_token_embeddings(n_rows)


def grow_modules(model: VitaAudioForCausalLM, k: int) -> VitaAudioForCausalLM:
    """Begin stage 2 or 3: return a model with ``k`` modules that starts from one with fewer.

    The block of each new module is a copy of the layer before it, in ascending order: the first
    one's of the last backbone layer. Norms and projection are copies of the module before; those
    of the first module are new. Old tensors are shared with ``model``, which is not to be used
    any more.

    Raises:
        ModelError: ``model`` has more modules already.
    """
    n_old = model.num_mctp_modules
    if k < n_old:
        raise ModelError(f"the model has {n_old} MCTP modules; it cannot start one with {k}")
    fields = model.config.to_dict()
    for derived in ("layer_types", "model_type"):
        fields.pop(derived)
    fields |= {
        "num_nextn_predict_layers": k,
        "num_hidden_layers": model.num_backbone_layers + k,
    }
    grown = _with_weights_of(model, type(model.config)(**fields))
    for new in range(n_old, k):
        _copy_predecessor(grown, new)
    return grown


def freeze_all_but_modules(model: VitaAudioForCausalLM) -> None:
    """Let only the modules learn, from the MCTP losses alone: stages 2 and 3."""
    model.requires_grad_(False)
    for k in range(model.num_mctp_modules):
        model.model.layers[model.num_backbone_layers + k].requires_grad_(True)
    for modules in (model.mtp_embed_norms, model.mtp_hidden_norms, model.mtp_projs):
        modules.requires_grad_(True)


def freeze_hearing(model: VitaAudioForCausalLM) -> None:
    """Let all learn but the SenseVoice encoder: stages 1 and 4."""
    model.requires_grad_(True)
    if model.is_plus:
        model.model.audio_model.requires_grad_(False)


def load_sense_voice(model: VitaAudioForCausalLM, path: Path) -> None:
    """Fill the encoder of a Plus model from the ``model.pt`` of FunAudioLLM/SenseVoiceSmall.

    That the published file holds exactly the encoder's names was not verified.

    Raises:
        WeightsError: the file is missing or damaged or holds other tensors.
    """
    if not model.is_plus:
        raise ModelError(f"a model of type {model.config.model_type} has no SenseVoice encoder")
    encoder = model.model.audio_model.model
    state = read_pickled(path)
    require_fit(encoder, state, path)
    encoder.load_state_dict(state)


def _with_weights_of(
    source: VitaAudioForCausalLM | Qwen2ForCausalLM, config: VitaAudioConfig
) -> VitaAudioForCausalLM:
    """A model of ``config`` in the type and on the device of ``source``; the rest is random."""
    model = VitaAudioForCausalLM(config)
    # Not the whole module at once: the rotary frequencies stay float32.
    for parameter in model.parameters():
        parameter.data = parameter.data.to(source.device, source.dtype)
    model.model.rotary_emb.to(source.device)
    _, unexpected = model.load_state_dict(source.state_dict(), strict=False, assign=True)
    assert not unexpected, unexpected
    model.tie_weights()
    return model


@torch.no_grad()
def _copy_predecessor(model: VitaAudioForCausalLM, k: int) -> None:
    index = model.num_backbone_layers + k
    _copy(model.model.layers, index)
    if k > 0:
        for modules in (model.mtp_embed_norms, model.mtp_hidden_norms, model.mtp_projs):
            _copy(modules, k)


def _copy(modules: nn.ModuleList, index: int) -> None:
    modules[index].load_state_dict(modules[index - 1].state_dict())
