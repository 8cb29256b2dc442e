import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_decoder.decoder import networks  # noqa: E402
from model.vita_audio.speech_decoder.decoder_config import DecoderConfig  # noqa: E402
from tests.fakes.vita_checkpoints.tiny_speech_decoder import with_weight_norm  # noqa: E402

FLOW_SHAPES = {
    "input_embedding.weight": (16384, 512),
    "spk_embed_affine_layer.weight": (80, 192),
    "encoder.embed.out.0.weight": (512, 512),
    "encoder.embed.out.1.bias": (512,),
    "encoder.encoders.5.norm_mha.weight": (512,),
    "encoder.encoders.0.self_attn.linear_q.bias": (512,),
    "encoder.encoders.0.self_attn.linear_out.bias": (512,),
    "encoder.encoders.0.self_attn.linear_pos.weight": (512, 512),
    "encoder.encoders.0.self_attn.pos_bias_u": (8, 64),
    "encoder.encoders.0.self_attn.pos_bias_v": (8, 64),
    "encoder.encoders.0.norm_ff.weight": (512,),
    "encoder.encoders.0.feed_forward.w_1.weight": (2048, 512),
    "encoder.encoders.0.feed_forward.w_2.weight": (512, 2048),
    "encoder.after_norm.weight": (512,),
    "encoder_proj.weight": (80, 512),
    "length_regulator.model.0.weight": (80, 80, 3),
    "length_regulator.model.10.weight": (80,),
    "length_regulator.model.12.weight": (80, 80, 1),
    "decoder.estimator.time_mlp.linear_1.weight": (1024, 320),
    "decoder.estimator.time_mlp.linear_2.weight": (1024, 1024),
    "decoder.estimator.down_blocks.0.0.block1.block.0.weight": (256, 320, 3),
    "decoder.estimator.down_blocks.0.0.block1.block.1.weight": (256,),
    "decoder.estimator.down_blocks.0.0.mlp.1.weight": (256, 1024),
    "decoder.estimator.down_blocks.0.0.res_conv.weight": (256, 320, 1),
    "decoder.estimator.down_blocks.0.1.3.attn1.to_q.weight": (512, 256),
    "decoder.estimator.down_blocks.0.1.0.attn1.to_out.0.weight": (256, 512),
    "decoder.estimator.down_blocks.0.1.0.norm1.weight": (256,),
    "decoder.estimator.down_blocks.0.1.0.norm3.weight": (256,),
    "decoder.estimator.down_blocks.0.1.0.ff.net.0.proj.weight": (1024, 256),
    "decoder.estimator.down_blocks.0.1.0.ff.net.2.weight": (256, 1024),
    "decoder.estimator.down_blocks.0.2.conv.weight": (256, 256, 3),
    "decoder.estimator.down_blocks.1.2.weight": (256, 256, 3),
    "decoder.estimator.mid_blocks.11.1.3.attn1.to_v.weight": (512, 256),
    "decoder.estimator.up_blocks.0.0.block1.block.0.weight": (256, 512, 3),
    "decoder.estimator.up_blocks.0.2.conv.weight": (256, 256, 4),
    "decoder.estimator.up_blocks.1.2.weight": (256, 256, 3),
    "decoder.estimator.final_block.block.0.weight": (256, 256, 3),
    "decoder.estimator.final_proj.weight": (80, 256, 1),
}
HIFT_SHAPES = {
    "m_source.l_linear.weight": (1, 9),
    "conv_pre.weight_g": (512, 1, 1),
    "conv_pre.weight_v": (512, 80, 7),
    "ups.0.weight_g": (512, 1, 1),
    "ups.1.weight_v": (256, 128, 16),
    "source_downs.0.weight": (256, 18, 16),
    "source_downs.1.weight": (128, 18, 1),
    "source_resblocks.0.convs1.0.weight_v": (256, 256, 7),
    "source_resblocks.1.convs2.2.weight_v": (128, 128, 11),
    "resblocks.0.convs1.2.weight_v": (256, 256, 3),
    "resblocks.5.convs1.2.weight_v": (128, 128, 11),
    "resblocks.5.activations1.2.alpha": (128,),
    "resblocks.0.activations2.0.alpha": (256,),
    "conv_post.weight_v": (18, 128, 7),
    "f0_predictor.condnet.0.weight_v": (512, 80, 3),
    "f0_predictor.condnet.8.weight_v": (512, 512, 3),
    "f0_predictor.classifier.weight": (1, 512),
}


def test_published_flow_has_its_keys_and_111_166_208_parameters():
    flow, _ = networks(DecoderConfig())
    shapes = {name: tuple(tensor.shape) for name, tensor in flow.state_dict().items()}

    assert FLOW_SHAPES.items() <= shapes.items()
    assert sum(tensor.numel() for tensor in flow.state_dict().values()) == 111_166_208
    assert not any("linear_pos.bias" in name or "to_q.bias" in name for name in shapes)


def test_published_vocoder_has_its_keys_and_20_460_591_parameters_with_weight_norm():
    _, hift = networks(DecoderConfig())
    state = with_weight_norm(hift, hift.state_dict())
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}

    assert HIFT_SHAPES.items() <= shapes.items()
    assert sum(tensor.numel() for tensor in state.values()) == 20_460_591


def test_building_networks_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()

    networks(DecoderConfig())

    assert torch.equal(before, torch.random.get_rng_state())
