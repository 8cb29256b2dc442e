"""Decoding: the same logits as one pass over everything, for any order of steps."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from model.errors import ModelError  # noqa: E402
from model.types import CancelReason, CancelToken  # noqa: E402
from model.vita_audio.decoding.generator import DecodeOptions, decode  # noqa: E402
from model.vita_audio.decoding.output_head import (  # noqa: E402
    FullHead,
    SamplingSettings,
)
from model.vita_audio.decoding.schedule import BOOST, TURBO, VANILLA, Policy, Schedule  # noqa: E402
from model.vita_audio.decoding.state import DecodingState, HeardSpan  # noqa: E402
from model.vita_audio.decoding.step_runner import StepRunner  # noqa: E402
from model.vita_audio.language_model.tokens import TokenKind  # noqa: E402
from tests.fakes.vita_reference import teacher_forced_logits  # noqa: E402

PROMPT = (3, 7, 1, 9, 12, 5, 30, 2)
TOLERANCE = 1e-10
GREEDY = SamplingSettings(repetition_penalty=1.0)


class RecordingHead(FullHead):
    """Keeps the scores that it chose from."""

    def __init__(self, weight):
        super().__init__(weight)
        self.logits = []

    def choose(self, state, seen, sampler, allowed):
        self.logits.append(self._scores(state, self.weight).clone())
        return super().choose(state, seen, sampler, allowed)


def recorded_runner(model):
    head = RecordingHead(model.lm_head.weight.detach())
    return StepRunner(model, head), head


def options(schedule=BOOST, n=24, sampling=GREEDY, **fields):
    return DecodeOptions(schedule=schedule, sampling=sampling, max_new_tokens=n, **fields)


def ids_of(tokens):
    return [token.id for token in tokens]


def endless(table):
    """No token ends the reply."""
    return replace(table, end_ids=frozenset())


def worst_difference(model, head, prompt, tokens):
    """Of what each token was chosen from, against one pass over the final sequence."""
    everything = torch.tensor([*prompt, *ids_of(tokens)])
    with torch.inference_mode():
        wanted = teacher_forced_logits(model, everything)
    worst = 0.0
    for i, (token, logits) in enumerate(zip(tokens, head.logits, strict=True)):
        row = len(prompt) + i - token.level - 1
        worst = max(worst, float((wanted[token.level][row] - logits).abs().max()))
    return worst


@pytest.mark.parametrize(
    "pattern",
    [(1, 3, 2, 3), (1, 1, 2, 2, 2, 3), (1, 3), (3, 2), (8192, 0), (1, 10, 4, 10), (2, 5)],
    ids=str,
)
def test_decoding_equals_one_pass_over_the_final_sequence(exact_model, table, pattern):
    model = exact_model()
    runner, head = recorded_runner(model)
    schedule = Schedule(pattern)
    state = DecodingState(runner, schedule.n_modules(3))
    state.extend(PROMPT)
    tokens = list(decode(state, endless(table), options(schedule)))
    assert len(tokens) == 24
    assert worst_difference(model, head, PROMPT, tokens) <= TOLERANCE


def test_levels_are_those_of_the_pattern_and_fall_back_to_the_backbone(exact_model, table):
    state = DecodingState(StepRunner(exact_model(k=2)))
    state.extend(PROMPT)
    tokens = list(decode(state, endless(table), options(Schedule((1, 3)), 8)))
    assert [token.level for token in tokens] == [0, 1, 2, 0, 0, 1, 2, 0]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_order_of_steps_prefills_and_rollbacks_equals_one_pass(exact_model, table, data):
    model = exact_model()
    runner, head = recorded_runner(model)
    state = DecodingState(runner)
    state.extend(PROMPT)
    for _ in range(data.draw(st.integers(1, 5), label="turns")):
        pairs = data.draw(
            st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), min_size=1, max_size=3)
        )
        schedule = Schedule(tuple(count for pair in pairs for count in pair))
        head.logits.clear()
        prompt = state.ids
        n = data.draw(st.integers(1, 14), label="tokens")
        tokens = list(decode(state, endless(table), options(schedule, n)))
        assert worst_difference(model, head, prompt, tokens) <= TOLERANCE
        state.crop(data.draw(st.integers(1, state.n_tokens), label="kept"))
        more = data.draw(st.lists(st.integers(0, 39), max_size=7), label="said")
        step = data.draw(st.sampled_from((state.extend, state.prefill)), label="how")
        step(more)


def test_prefilled_tokens_leave_one_step_for_the_first_token(exact_model, table):
    model = exact_model()
    runner, head = recorded_runner(model)
    state = DecodingState(runner)
    state.prefill(PROMPT[:5])
    assert state.n_pending == 1
    state.prefill(PROMPT[5:])
    assert state.n_pending == 1
    tokens = list(decode(state, endless(table), options(TURBO, 9)))
    assert worst_difference(model, head, PROMPT, tokens) <= TOLERANCE


def test_two_conversations_on_one_model_do_not_touch_each_other(exact_model, table):
    model = exact_model()
    keys_before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    runner = StepRunner(model)
    prompts = (PROMPT, (9, 8, 7, 6, 20))
    alone, replies = [], []
    for prompt in prompts:
        state = DecodingState(runner)
        state.extend(prompt)
        alone.append(list(decode(state, endless(table), options())))
    for prompt in prompts:
        state = DecodingState(runner)
        state.extend(prompt)
        replies.append(decode(state, endless(table), options()))
    together = list(zip(*replies, strict=True))
    assert [token for token, _ in together] == alone[0]
    assert [token for _, token in together] == alone[1]
    after = model.state_dict()
    assert set(after) == set(keys_before)
    assert all(torch.equal(tensor, after[name]) for name, tensor in keys_before.items())


def test_decoding_after_a_rollback_equals_a_fresh_start(exact_model, table):
    runner = StepRunner(exact_model())
    for n_kept in range(1, len(PROMPT) + 20):
        state = DecodingState(runner)
        state.extend(PROMPT)
        list(decode(state, endless(table), options(n=20)))
        everything = state.ids
        state.crop(n_kept)
        assert state.ids == everything[:n_kept]
        again = list(decode(state, endless(table), options(n=13)))
        fresh = DecodingState(runner)
        fresh.extend(everything[:n_kept])
        assert again == list(decode(fresh, endless(table), options(n=13)))


def test_a_shared_beginning_is_reused_and_the_rest_is_forgotten(exact_model, table):
    runner = StepRunner(exact_model())
    state = DecodingState(runner)
    state.prefill((*PROMPT, 11, 12, 13))
    wanted = (*PROMPT, 14, 15)
    n_kept = state.reuse(wanted)
    assert n_kept == len(PROMPT)
    state.extend(wanted[n_kept:])
    fresh = DecodingState(runner)
    fresh.extend(wanted)
    expected = list(decode(fresh, endless(table), options()))
    assert list(decode(state, endless(table), options())) == expected


@pytest.mark.parametrize("penalty", [1.0, 1.05, 1.5, 0.8])
@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("seed", [0, 1])
def test_verified_drafts_equal_vanilla_token_for_token(
    exact_model, table, penalty, temperature, seed
):
    model = exact_model(seed=seed)
    sampling = SamplingSettings(
        temperature=temperature, top_k=8, top_p=0.9, repetition_penalty=penalty
    )
    replies = []
    for schedule in (VANILLA, TURBO.with_policy(Policy.VERIFIED)):
        state = DecodingState(StepRunner(model))
        state.extend(PROMPT)
        replies.append(list(decode(state, endless(table), options(schedule, 40, sampling, seed=5))))
        assert len(state.ids) == len(PROMPT) + 40
    assert ids_of(replies[0]) == ids_of(replies[1])


def test_a_draft_that_the_backbone_confirms_saves_its_step(exact_model, table):
    """With a scale of 0 on all blocks every level repeats the newest token's embedding."""
    model = exact_model()
    for name, tensor in model.named_parameters():
        if "o_proj" in name or "down_proj" in name:
            tensor.data.zero_()
    for projection in model.mtp_projs:
        projection.weight.data.zero_()
        projection.weight.data[:, : model.config.hidden_size] = torch.eye(32, dtype=torch.float64)
    for norm in model.mtp_embed_norms:
        norm.weight.data.fill_(1.0)
    runner = StepRunner(model)
    state = DecodingState(runner)
    state.extend(PROMPT)
    schedule = TURBO.with_policy(Policy.VERIFIED)
    tokens = list(decode(state, endless(table), options(schedule, 21)))
    plain = DecodingState(runner, 0)
    plain.extend(PROMPT)
    assert ids_of(tokens) == ids_of(decode(plain, endless(table), options(VANILLA, 21)))
    assert [token.level for token in tokens[:9]] == [0, 1, 2, 3, 0, 1, 2, 3, 0]


def test_a_cancelled_reply_ends_before_the_next_step(exact_model, table):
    runner = StepRunner(exact_model())
    for schedule in (BOOST, TURBO.with_policy(Policy.VERIFIED)):
        state = DecodingState(runner)
        state.extend(PROMPT)
        cancel = CancelToken()
        reply = decode(state, endless(table), options(schedule, 100), cancel)
        heard = list(islice(reply, 7))
        cancel.cancel(CancelReason.BARGE_IN)
        assert list(reply) == []
        assert state.ids == (*PROMPT, *ids_of(heard))


def test_a_closed_reply_leaves_the_tokens_that_were_yielded(exact_model, table):
    state = DecodingState(StepRunner(exact_model()))
    state.extend(PROMPT)
    reply = decode(state, endless(table), options(TURBO.with_policy(Policy.VERIFIED), 100))
    heard = list(islice(reply, 3))
    reply.close()
    assert state.ids == (*PROMPT, *ids_of(heard))


def test_an_end_token_ends_the_reply_and_is_yielded(exact_model, table):
    state = DecodingState(StepRunner(exact_model()))
    state.extend(PROMPT)
    free = ids_of(decode(state, endless(table), options(VANILLA, 20)))
    ending = replace(table, end_ids=frozenset({free[2]}))
    state.crop(len(PROMPT))
    tokens = list(decode(state, ending, options(VANILLA, 20)))
    assert ids_of(tokens) == free[: free.index(free[2]) + 1]
    assert tokens[-1].kind is TokenKind.END


def test_gated_modules_speak_inside_an_open_audio_segment_only(exact_model, table):
    runner = StepRunner(exact_model(seed=3))
    sampling = SamplingSettings(temperature=3.0, top_k=0, repetition_penalty=1.0)
    state = DecodingState(runner)
    state.extend(PROMPT)
    schedule = Schedule((1, 3), Policy.GATED)
    is_open, n_modules = False, 0
    for token in decode(state, endless(table), options(schedule, 300, sampling)):
        assert is_open or token.level == 0
        n_modules += token.level > 0
        if token.kind is TokenKind.BEGIN_AUDIO:
            is_open = True
        if token.kind is TokenKind.END_AUDIO:
            is_open = False
    assert n_modules > 20


def test_strict_audio_allows_codes_and_the_end_tag_only(exact_model, table):
    state = DecodingState(StepRunner(exact_model(seed=3)))
    state.extend((*PROMPT, table.begin_of_audio))
    sampling = SamplingSettings(temperature=2.0, top_k=0, repetition_penalty=1.3)
    is_open = True
    kinds = set()
    for token in decode(state, endless(table), options(BOOST, 200, sampling, is_audio_strict=True)):
        if is_open:
            kinds.add(token.kind)
        is_open = token.kind is TokenKind.BEGIN_AUDIO or (
            is_open and token.kind is not TokenKind.END_AUDIO
        )
    assert kinds == {TokenKind.CODE, TokenKind.END_AUDIO}


def test_heard_audio_replaces_embeddings_for_the_backbone_only(exact_model, table):
    model = exact_model()
    runner, head = recorded_runner(model)
    prompt = (1, 2, 42, 42, 42, 3)
    heard = torch.randn(3, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    state = DecodingState(runner)
    state.prefill(prompt, [HeardSpan(2, heard)])
    tokens = list(decode(state, endless(table), options(TURBO, 8)))
    everything = torch.tensor([*prompt, *ids_of(tokens)])
    with torch.inference_mode():
        embedded = model.model.embed_tokens(everything).clone()
        embedded[2:5] = heard
        wanted = teacher_forced_logits(model, everything, embedded)
    for i, (token, logits) in enumerate(zip(tokens, head.logits, strict=True)):
        row = len(prompt) + i - token.level - 1
        assert float((wanted[token.level][row] - logits).abs().max()) <= TOLERANCE


def test_other_audio_behind_the_same_placeholders_is_not_reused(exact_model):
    state = DecodingState(StepRunner(exact_model()))
    prompt = (1, 2, 42, 42, 3)
    first, second = torch.zeros(2, 32), torch.ones(2, 32)
    state.prefill(prompt, [HeardSpan(2, first)])
    assert state.reuse(prompt, [HeardSpan(2, first.clone())]) == 5
    assert state.reuse(prompt, [HeardSpan(2, second)]) == 2
    assert not state.spans


def test_a_reply_stops_where_the_models_positions_end(exact_model, table):
    runner = StepRunner(exact_model())
    state = DecodingState(runner)
    state.extend([1 + i % 30 for i in range(505)])
    tokens = list(decode(state, endless(table), options(BOOST, 100)))
    assert state.n_tokens == runner.longest
    assert len(tokens) == 7
    with pytest.raises(ModelError, match="forget the oldest turns"):
        state.extend((1,))


def test_unfit_requests_are_refused_in_one_line(exact_model, table):
    runner = StepRunner(exact_model())
    state = DecodingState(runner, 1)
    with pytest.raises(ModelError, match="holds no token"):
        next(decode(state, table, options(VANILLA)))
    with pytest.raises(ModelError, match="needs 3 MCTP modules"):
        decode(state, table, options(BOOST))
    with pytest.raises(ModelError, match="does not fit into 2 tokens"):
        state.extend((1, 2), [HeardSpan(1, torch.zeros(3, 32))])
    with pytest.raises(ModelError, match="the model has 3"):
        DecodingState(runner, 4)


def test_states_of_the_newest_tokens_are_at_hand(exact_model, table):
    model = exact_model()
    state = DecodingState(StepRunner(model), n_traced=6)
    state.prefill(PROMPT)
    with torch.inference_mode():
        ids = torch.tensor([PROMPT])
        hidden = model.run_backbone(model.model.embed_tokens(ids), torch.arange(8)[None])[0]
    traced = state.traced(3, 6)
    assert traced is not None
    torch.testing.assert_close(traced, hidden[3:6], rtol=0, atol=TOLERANCE)
    assert state.traced(0, 6) is None, "too long ago"
    assert state.traced(3, 8) is None, "the newest token is not computed yet"
    assert DecodingState(StepRunner(model)).traced(0, 1) is None


def test_what_is_rewritten_is_traced_anew(exact_model, table):
    state = DecodingState(StepRunner(exact_model()), n_traced=100)
    state.prefill((*PROMPT, 1, 2, 3))
    before = state.traced(2, 6)
    state.crop(5)
    assert state.traced(2, 6) is None
    state.prefill((9, 9, 9))
    after = state.traced(2, 6)
    torch.testing.assert_close(before[:3], after[:3], rtol=0, atol=TOLERANCE)
    assert not torch.allclose(before[3], after[3])
    state.crop(0)
    assert state.traced(0, 1) is None
