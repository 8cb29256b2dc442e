"""The running assistant on fakes: threads, worker and room are real, nobody is listening."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest
import soundfile

from app.dialogue.events import (
    MicrophoneSwitched,
    ModeChosen,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
)
from app.dialogue.state import Phase
from app.history.store import HistoryStore
from app.messages.notices import NoticeKind
from app.replay.bundle import read_bundle
from app.replay.comparison import replay
from app.replay.explanation import decision_lines
from app.replay.marks import BadMoment
from app.session import commands
from app.session.commands import (
    ApplySettings,
    ChooseDevices,
    ChooseVoice,
    DeleteRecordings,
    MarkMoment,
    NewConversation,
    OpenConversation,
    PreviewVoice,
    RunNoticeAction,
)
from app.settings.settings import Settings
from model.errors import OutOfMemory
from model.events import ModelEvent, ReplyEvent
from model.requests import ReplyRequest
from model.scripted import Script, ScriptedModel
from model.types import CancelToken
from tests.fakes.live import LiveSession, UnpluggableRoom, notice_keys
from tests.fakes.parts import Headphones, fake_parts, utterance
from tests.fakes.thread_worker import ThreadWorker

SHORT = "Yes it is."
LONG = (
    "This is a long answer that goes on for quite a while, so that there is time to say something "
    "in the middle of it and to see what happens then."
)
ALWAYS_LONG = Script(replies=dict.fromkeys(range(50), LONG))
HI = TextSubmitted("Is it true?")


def captions(live: LiveSession) -> list[tuple[str, str]]:
    return [(line.role, line.text) for line in live.now.captions]


# -- life --------------------------------------------------------------------------------------


def test_it_starts_listens_and_leaves_no_thread() -> None:
    with LiveSession() as live:
        live.wait_for_phase(Phase.LISTENING)
    assert live.survivors == ()


def test_it_can_be_stopped_while_it_is_starting() -> None:
    with LiveSession() as live:
        pass
    assert live.survivors == ()


def test_stopping_twice_is_stopping_once() -> None:
    with LiveSession() as live:
        live.wait_for_phase(Phase.LISTENING)
        assert live.session.stop() == ()
        live.send(HI)
    assert live.survivors == ()


def test_stopping_while_it_speaks_keeps_what_was_heard() -> None:
    with LiveSession(ALWAYS_LONG) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for("a word", lambda p: any(line.heard_chars > 12 for line in p.captions))
    newest = live.history.newest()
    assert newest is not None
    _asked, answer = live.history.turns(newest.id)
    assert answer.was_cut
    assert LONG.startswith(answer.text)
    assert len(answer.text) < len(LONG)


# -- talking -----------------------------------------------------------------------------------


def test_typed_text_is_answered_heard_and_kept() -> None:
    with LiveSession(Script(replies={1: SHORT})) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        ended = live.wait_for_event("assistant_speech_ended")
        live.wait_for_phase(Phase.LISTENING)
        assert captions(live) == [("user", "Is it true?"), ("assistant", SHORT)]
        assert all(line.is_final for line in live.now.captions)
        phases = {picture.phase for picture in live.pictures}
    assert ended["heard_text"] == SHORT
    assert {Phase.LISTENING, Phase.THINKING, Phase.SPEAKING} <= phases
    newest = live.history.newest()
    assert newest is not None
    assert [turn.text for turn in live.history.turns(newest.id)] == ["Is it true?", SHORT]


def test_words_are_shown_grey_until_they_are_heard() -> None:
    with LiveSession(ALWAYS_LONG) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for("words", lambda p: any(line.heard_chars > 20 for line in p.captions))
        heard = [
            line.heard_chars
            for picture in live.pictures
            for line in picture.captions
            if line.role == "assistant"
        ]
    assert heard == sorted(heard)
    assert heard[0] == 0


def test_a_spoken_question_is_answered_and_its_latency_is_explained() -> None:
    room = UnpluggableRoom()
    script = Script(replies={1: SHORT}, transcripts={1: "is it true"})
    with LiveSession(script, room=room) as live:
        live.wait_for_phase(Phase.LISTENING)
        room.say(utterance(1.0), 0.0)
        live.wait_for_event("assistant_speech_ended")
        live.wait_for_phase(Phase.LISTENING)
        spans = live.now.diagnostics.spans
        assert captions(live) == [("user", "is it true"), ("assistant", SHORT)]
    assert spans.answer_ms is not None
    parts = (
        spans.decide_ms, spans.words_ms, spans.think_ms, spans.voice_ms, spans.device_ms,
        spans.residual_ms,
    )  # fmt: skip
    assert sum(part for part in parts if part is not None) == pytest.approx(spans.answer_ms, abs=1)


def test_speech_over_the_reply_stops_it_and_the_stop_is_measured() -> None:
    room = UnpluggableRoom()
    script = Script(replies=dict.fromkeys(range(9), LONG), transcripts={2: "no tell me another"})
    with LiveSession(script, room=room) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for_phase(Phase.SPEAKING)
        room.say(utterance(1.5), 0.0)
        ended = live.wait_for_event("assistant_speech_ended")
        picture = live.wait_for("stop", lambda p: p.diagnostics.spans.stop_ms is not None)
        assert picture.interrupted_at_s is not None
    assert ended["was_cut"]
    assert {Phase.OVERLAP, Phase.YIELDING} <= {p.phase for p in live.pictures}


# -- commands ----------------------------------------------------------------------------------


def test_stop_cuts_the_reply() -> None:
    with LiveSession(ALWAYS_LONG) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for_phase(Phase.SPEAKING)
        live.send(StopRequested())
        live.wait_for_phase(Phase.LISTENING)
        assert live.found("assistant_speech_ended")[0]["was_cut"]


def test_the_microphone_and_the_mode_can_be_switched() -> None:
    with LiveSession() as live:
        live.wait_for_phase(Phase.LISTENING)
        capture = live.session.engine.capture
        live.send(MicrophoneSwitched(False))
        live.wait_for("closed", lambda p: not p.is_mic_open)
        assert not capture.is_mic_open
        live.send(MicrophoneSwitched(True), ModeChosen(False))
        live.wait_for("by hand", lambda p: p.is_mic_open and not p.is_hands_free)
        assert not capture.is_mic_open
        live.send(TalkPressed())
        live.wait_for("held", lambda p: p.is_talk_held)
        assert capture.is_mic_open
        live.send(TalkReleased())
        live.wait_for("released", lambda p: not p.is_talk_held)
        assert live.session.settings().conversation.mode == "push-to-talk"
    assert live.saved[-1].conversation.mode == "push-to-talk"


def test_the_voice_is_used_and_saved() -> None:
    with LiveSession() as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(ChooseVoice("emma", 1.2))
        live.wait_for("choice", lambda _p: live.session.dialogue.voice.preset == "emma")
        assert live.session.dialogue.voice.rate == 1.2
    assert live.saved[-1].voice.preset == "emma"


@pytest.mark.parametrize("command", [PreviewVoice("emma", 1.0), commands.TestEcho()])
def test_a_preview_is_heard_and_not_kept(command: commands.Command) -> None:
    with LiveSession() as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(command)
        ended = live.wait_for_event("assistant_speech_ended")
        assert str(ended["heard_text"]).startswith("This is")
        assert live.now.captions == ()
    assert live.history.newest() is None


def test_other_devices_are_opened_without_an_alarm() -> None:
    room = UnpluggableRoom()
    with LiveSession(room=room) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(ChooseDevices("USB microphone", None))
        live.wait_for("opening", lambda _p: len(room.opened) == 2)
        live.send(HI)
        live.wait_for_event("assistant_speech_ended")
        assert live.found("device_lost") == []
    assert room.opened[1].input_name == "USB microphone"
    assert room.opened[1].output_name is None
    assert live.saved[-1].audio.input_device == "USB microphone"


def test_settings_are_saved_and_obeyed() -> None:
    with LiveSession(ALWAYS_LONG) as live:
        live.wait_for_phase(Phase.LISTENING)
        changed = Settings().with_value("conversation", "mode", "push-to-talk")
        changed = changed.with_value("vad", "exit_ms", 400)
        changed = changed.with_value("conversation", "persona", "Answer in rhymes.")
        changed = changed.with_value("overlap", "decide_ms", 700)
        live.send(ApplySettings(changed))
        live.wait_for("mode", lambda p: not p.is_hands_free)
        assert live.session.engine.capture.segmenter.settings.exit_ms == 400
        assert live.session.dialogue.rules.decide_ms == 700
        context = live.session.dialogue.conversation.context(1, "Hello?", "en")
        assert context.persona == "Answer in rhymes."
    assert live.saved == [changed]


def test_another_treatment_of_the_microphone_is_in_use_at_once() -> None:
    made: list[bool] = []

    def canceller(settings: Settings) -> Headphones:
        made.append(settings.audio.noise_suppression)
        return Headphones()

    with LiveSession(parts=replace(fake_parts(), canceller=canceller)) as live:
        live.wait_for_phase(Phase.LISTENING)
        first = live.session.engine.capture.canceller
        changed = Settings().with_value("audio", "noise_suppression", False)
        live.send(ApplySettings(changed), ApplySettings(changed.with_value("voice", "rate", 1.2)))
        live.wait_for("the canceller", lambda _: len(live.saved) == 2)
        assert live.session.engine.capture.canceller is not first
    assert made == [True, False]


def test_another_model_is_used_at_once_and_the_conversation_goes_on() -> None:
    made: list[str] = []

    def worker(settings: Settings, on_event: Callable[[ModelEvent], object]) -> ThreadWorker:
        made.append(settings.model.name)
        answer = {"cascade": SHORT, "other": "I am another one."}[settings.model.name]

        def emit(event: ModelEvent) -> None:
            on_event(event)

        return ThreadWorker(lambda: ScriptedModel(Script(replies={1: answer, 2: answer})), emit)

    with LiveSession(parts=replace(fake_parts(), worker=worker)) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for_event("assistant_speech_ended")
        live.send(ApplySettings(Settings().with_value("model", "name", "other")))
        live.wait_for_event("model_left")
        live.wait_for_phase(Phase.LISTENING)
        live.send(TextSubmitted("Again?"))
        live.wait_for_event("assistant_speech_ended", 2)
        live.wait_for_phase(Phase.LISTENING)
        assert [text for _role, text in captions(live)] == [
            "Is it true?", SHORT, "Again?", "I am another one.",
        ]  # fmt: skip
    assert made == ["cascade", "other"]


class Hungry(ScriptedModel):
    """Loads, and finds in its first reply that it does not fit."""

    def reply(self, request: ReplyRequest, cancel: CancelToken) -> Iterator[ReplyEvent]:
        del request, cancel
        raise OutOfMemory("CUDA out of memory")
        yield


def test_out_of_memory_in_a_reply_is_answered_by_the_embedded_model_within_three_seconds() -> None:
    def worker(settings: Settings, on_event: Callable[[ModelEvent], object]) -> ThreadWorker:
        is_big = settings.model.name == "big"

        def emit(event: ModelEvent) -> None:
            on_event(event)

        def model() -> ScriptedModel:
            return Hungry() if is_big else ScriptedModel(Script(replies={1: SHORT, 2: SHORT}))

        return ThreadWorker(model, emit)

    parts = replace(fake_parts(), worker=worker, is_heavy=lambda s: s.model.name == "big")
    big = Settings().with_value("model", "name", "big")
    with LiveSession(parts=parts, settings=big) as live:
        live.wait_for_event("model_left")  # the big one has loaded beside the embedded one
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        asked_s = perf_counter()
        live.wait_for_event("model_left", 2)
        live.wait_for_event("assistant_speech_started")
        assert perf_counter() - asked_s < 3.0
        picture = live.wait_for_notice("fallback")
        (notice,) = (n for n in picture.notices if n.key == "fallback")
        assert "There is not enough memory for big (CUDA out of memory)" in notice.text
        live.wait_for_event("assistant_speech_ended")
        live.wait_for_phase(Phase.LISTENING)
        assert captions(live) == [("user", "Is it true?"), ("assistant", SHORT)]
    assert live.survivors == ()


def test_settings_that_cannot_be_saved_are_a_notice() -> None:
    def refuse(settings: Settings) -> None:
        raise OSError("disk full")

    with LiveSession(save=refuse) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(ChooseVoice("emma", 1.0))
        picture = live.wait_for_notice("settings")
        (notice,) = (n for n in picture.notices if n.key == "settings")
        assert "disk full" in notice.text
        assert live.session.settings().voice.preset == "emma"


# -- conversations -----------------------------------------------------------------------------


def test_a_new_conversation_begins_empty_and_the_old_one_keeps_its_cut_reply() -> None:
    with LiveSession(ALWAYS_LONG) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for("a word", lambda p: any(line.heard_chars > 12 for line in p.captions))
        live.send(NewConversation())
        live.wait_for("empty table", lambda p: p.captions == () and p.conversation_id is None)
        live.send(TextSubmitted("And now?"))
        live.wait_for("second", lambda p: p.conversation_id is not None)
        live.send(StopRequested())
        live.wait_for_phase(Phase.LISTENING)
    new, old = live.history.list_conversations()
    answer = live.history.turns(old.id)[1]
    assert answer.was_cut
    assert LONG.startswith(answer.text)
    assert live.history.turns(new.id)[0].text == "And now?"


def test_a_new_conversation_does_not_wait_for_a_reply_that_never_sounded() -> None:
    room = UnpluggableRoom()
    room.is_plugged = False
    with LiveSession(ALWAYS_LONG, room=room) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for_phase(Phase.THINKING)
        live.send(NewConversation())
        live.wait_for("empty table", lambda p: p.captions == () and p.conversation_id is None)
        assert live.now.phase is Phase.LISTENING


def test_a_kept_conversation_is_opened_again_and_an_unknown_one_is_a_notice() -> None:
    history = HistoryStore(None)
    kept = history.create_conversation("Old")
    history.put_user_turn(kept, 1, "How was it?")
    with LiveSession(history=history) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(OpenConversation(kept))
        live.wait_for("old words", lambda p: p.conversation_id == kept)
        assert captions(live) == [("user", "How was it?")]
        live.send(OpenConversation(999))
        live.wait_for_notice("history")
        assert live.now.conversation_id == kept


# -- what goes wrong ---------------------------------------------------------------------------


def test_a_model_that_dies_is_started_again_and_the_conversation_goes_on() -> None:
    scripts = [
        Script(replies={1: SHORT}, dies_in_turns=frozenset({2})),
        Script(replies={2: "It still is."}),
    ]
    models = iter(ScriptedModel(script) for script in scripts)

    def worker(settings: Settings, on_event: Callable[[ModelEvent], object]) -> ThreadWorker:
        def emit(event: ModelEvent) -> None:
            on_event(event)

        return ThreadWorker(lambda: next(models), emit)

    with LiveSession(parts=replace(fake_parts(), worker=worker)) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for_event("assistant_speech_ended")
        live.wait_for_phase(Phase.LISTENING)
        live.send(TextSubmitted("Again?"))
        ended = live.wait_for_event("assistant_speech_ended", 2)
        live.wait_for("calm", lambda p: "model" not in notice_keys(p))
        shown = {key for picture in live.pictures for key in notice_keys(picture)}
        assert [text for _role, text in captions(live)][2:] == ["Again?", "It still is."]
    assert "model" in shown
    assert ended["heard_text"] == "It still is."


def test_a_model_that_dies_every_time_is_given_up_until_somebody_asks() -> None:
    script = Script(replies={2: SHORT}, dies_in_turns=frozenset({1}))
    with LiveSession(script) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        picture = live.wait_for(
            "surrender", lambda p: any(n.action == "restart_model" for n in p.notices)
        )
        assert picture.phase is Phase.STARTING
        failures = [entry for entry in live.found("error") if entry["where"] == "model"]
        assert len(failures) == 3
        (notice,) = (n for n in picture.notices if n.action == "restart_model")
        assert notice.kind is NoticeKind.ERROR
        live.send(RunNoticeAction(notice.key, notice.action))
        live.wait_for("a fresh start", lambda _p: len(live.found("error")) > 3)


def test_a_lost_device_is_a_notice_and_the_reply_goes_on_from_its_word() -> None:
    room = UnpluggableRoom()
    with LiveSession(ALWAYS_LONG, room=room) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for("words", lambda p: any(line.heard_chars > 20 for line in p.captions))
        room.unplug()
        lost = live.wait_for("loss", lambda p: p.is_device_lost and "device" in notice_keys(p))
        heard_before = max(line.heard_chars for line in lost.captions)
        room.plug_in()
        live.wait_for("return", lambda p: not p.is_device_lost)
        ended = live.wait_for_event("assistant_speech_ended")
        live.wait_for_phase(Phase.LISTENING)
        assert captions(live) == [("user", "Is it true?"), ("assistant", LONG)]
        heard = [c.heard_chars for p in live.pictures for c in p.captions if c.role == "assistant"]
    assert ended["heard_text"] == LONG
    assert heard == sorted(heard)
    assert heard_before < len(LONG)
    assert len(live.found("assistant_speech_started")) == 1


def test_time_goes_on_while_there_is_no_device() -> None:
    room = UnpluggableRoom()
    with LiveSession(room=room) as live:
        live.wait_for("frames", lambda _p: live.session.engine.capture.now_s > 0.1)
        before_s = live.now.now_s
        room.unplug()
        live.wait_for("loss", lambda p: p.is_device_lost and p.now_s > before_s + 0.3)
        room.plug_in()
        live.wait_for("return", lambda p: not p.is_device_lost)
        live.wait_for("frames", lambda _p: live.session.engine.capture.now_s > before_s + 0.5)
        capture_s, now_s = live.session.engine.capture.now_s, live.session.engine.time.now_s()
    assert capture_s == pytest.approx(now_s, abs=0.2)


def test_typed_text_is_answered_without_any_device() -> None:
    room = UnpluggableRoom()
    room.is_plugged = False
    with LiveSession(Script(replies={1: SHORT}), room=room) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.wait_for_notice("device")
        live.send(HI)
        live.wait_for("the text", lambda p: any(line.text == SHORT for line in p.captions))
        ended = live.wait_for_event("assistant_speech_ended")
        assert ended["heard_text"] == SHORT
        assert live.now.is_device_lost
        room.plug_in()
        live.wait_for("return", lambda p: not p.is_device_lost)
        live.send(TextSubmitted("And aloud?"))
        live.wait_for_event("assistant_speech_ended", 2)
    assert float(abs(room.recording().loudspeaker).max()) > 0.05


def test_who_asks_again_for_a_missing_device_is_told_why_there_is_none() -> None:
    room = UnpluggableRoom()
    room.is_plugged = False
    with LiveSession(room=room) as live:
        picture = live.wait_for_notice("device")
        (notice,) = picture.notices
        assert "no microphone" in notice.text
        assert notice.action == "retry_audio"
        live.send(RunNoticeAction("device", "retry_audio"))
        live.wait_for_event("device_lost", 2)
        assert "device" in notice_keys(live.now)


def test_a_machine_without_sound_says_so_and_answers_what_is_typed() -> None:
    with LiveSession(Script(replies={1: SHORT})) as live:
        picture = live.wait_for_notice("device")
        assert "no sound card" in picture.notices[0].text
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for_event("assistant_speech_ended")


def test_a_microphone_of_exact_zeros_is_a_notice_until_it_gives_sound() -> None:
    room = UnpluggableRoom()
    room.is_muted = True
    with LiveSession(room=room) as live:
        live.wait_for_notice("silence")
        room.is_muted = False
        live.wait_for("sound", lambda p: "silence" not in notice_keys(p))


@pytest.mark.allow_warnings
def test_a_controller_that_fails_goes_on_with_what_comes_next() -> None:
    def break_down() -> None:
        raise ValueError("broken")

    with LiveSession(Script(replies={1: SHORT})) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.session.engine.post(break_down)
        picture = live.wait_for_notice("controller")
        assert any("broken" in notice.text for notice in picture.notices)
        live.send(HI)
        live.wait_for_event("assistant_speech_ended")
    assert live.survivors == ()


@pytest.mark.allow_warnings
def test_a_controller_that_keeps_failing_says_so_and_ends() -> None:
    def break_down() -> None:
        raise ValueError("broken")

    with LiveSession() as live:
        live.wait_for_phase(Phase.LISTENING)
        for _ in range(3):
            live.session.engine.post(break_down)
        live.wait_for(
            "last words", lambda p: any("start it again" in notice.text for notice in p.notices)
        )
    assert live.survivors == ()


# -- privacy and health ------------------------------------------------------------------------


def test_nothing_is_recorded_unless_switched_on(tmp_path: Path) -> None:
    with LiveSession(Script(replies={1: SHORT}), recordings=tmp_path / "kept") as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for_event("assistant_speech_ended")
    assert not (tmp_path / "kept").exists()


def test_sound_is_recorded_while_it_is_switched_on(tmp_path: Path) -> None:
    room = UnpluggableRoom()
    on = Settings().with_value("privacy", "record_audio", True)
    with LiveSession(ALWAYS_LONG, room=room, recordings=tmp_path) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(ApplySettings(on))
        live.wait_for("recording", lambda _p: live.recorder.is_on)
        live.send(HI)
        live.wait_for("words", lambda p: any(line.heard_chars > 20 for line in p.captions))
        live.send(ApplySettings(Settings()))
        live.wait_for("rest", lambda _p: not live.recorder.is_on)
    assert {path.name for path in tmp_path.iterdir()} == {"talk.flac", "talk replay"}
    sound, rate_hz = soundfile.read(tmp_path / "talk.flac")
    assert rate_hz == 16_000
    assert sound.shape[1] == 2
    assert abs(sound[:, 1]).max() > 0.05


def test_a_recorded_conversation_decides_the_same_again(tmp_path: Path) -> None:
    room = UnpluggableRoom()
    parts = fake_parts(ALWAYS_LONG)
    on = Settings().with_value("privacy", "record_audio", True)
    with LiveSession(settings=on, parts=parts, room=room, recordings=tmp_path) as live:
        live.wait_for_phase(Phase.LISTENING)
        room.say(utterance(1.0), room.now_s + 0.1)
        live.wait_for("words", lambda p: any(line.heard_chars > 5 for line in p.captions))
        room.say(utterance(1.5, seed=2), room.now_s + 0.1)
        live.wait_for_event("interrupted")
    bundle = read_bundle(tmp_path / "talk replay")
    found = replay(bundle, parts.predictor)
    assert found.difference is None
    assert found.n_predictions > 20
    whats = [line.replayed for line in decision_lines(bundle, found)]
    assert {"end_of_turn", "interrupted"} <= set(whats)


def test_a_replay_may_begin_in_the_middle_of_a_conversation(tmp_path: Path) -> None:
    room = UnpluggableRoom()
    parts = fake_parts(ALWAYS_LONG)
    patient = Settings().with_value("privacy", "record_audio", True)
    patient = patient.with_value("conversation", "endpointing_mode", "patient")
    with LiveSession(parts=parts, room=room, recordings=tmp_path) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for("words", lambda p: any(line.heard_chars > 5 for line in p.captions))
        live.send(ApplySettings(Settings().with_value("privacy", "record_audio", True)))
        live.wait_for("recording", lambda _p: live.recorder.is_on)
        room.say(utterance(1.5), room.now_s + 0.1)
        live.wait_for_event("interrupted")
        live.send(ApplySettings(patient))
        live.wait_for_event("end_of_turn", 2)
    found = replay(read_bundle(tmp_path / "talk replay"), parts.predictor)
    assert found.difference is None
    assert found.n_predictions > 10


def test_a_bad_moment_is_saved_with_its_label(tmp_path: Path) -> None:
    on = Settings().with_value("privacy", "record_audio", True)
    room = UnpluggableRoom()
    with LiveSession(ALWAYS_LONG, on, room=room, recordings=tmp_path) as live:
        live.wait_for_phase(Phase.LISTENING)
        room.say(utterance(1.0), room.now_s + 0.1)
        live.wait_for("words", lambda p: any(line.heard_chars > 20 for line in p.captions))
        live.send(MarkMoment(BadMoment.CUT_ME_OFF))
        (notice,) = live.wait_for_notice("recording").notices
    (folder,) = tmp_path.glob("*-cut_me_off")
    assert str(folder) in notice.text
    label = json.loads((folder / "label.json").read_text())
    ((start_s, end_s),) = label["agent"]
    seconds = soundfile.info(folder / "sound.flac").duration
    assert 0.0 < label["decision_s"] <= start_s < end_s <= label["marked_s"] + 0.05
    assert label["marked_s"] == pytest.approx(seconds, abs=0.3)


def test_without_recording_a_bad_moment_is_not_saved_and_that_is_said(tmp_path: Path) -> None:
    with LiveSession(recordings=tmp_path / "kept") as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(MarkMoment(BadMoment.IGNORED_ME))
        notices = live.wait_for_notice("recording").notices
    (notice,) = (notice for notice in notices if notice.key == "recording")
    assert (notice.message, notice.action) == ("recording_off", "open_privacy_settings")
    assert not (tmp_path / "kept").exists()


def test_recordings_are_deleted_together_with_marked_moments_and_replays(tmp_path: Path) -> None:
    on = Settings().with_value("privacy", "record_audio", True)
    with LiveSession(settings=on, room=UnpluggableRoom(), recordings=tmp_path) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.wait_for("sound", lambda _p: any(tmp_path.glob("*.flac")))
        live.send(MarkMoment(BadMoment.IGNORED_ME))
        live.wait_for_notice("recording")
        live.send(ApplySettings(Settings()))
        live.wait_for("rest", lambda _p: not live.recorder.is_on)
        live.send(DeleteRecordings())
        live.wait_for(
            "deletion", lambda p: any(n.message == "recordings_deleted" for n in p.notices)
        )
        assert not list(tmp_path.iterdir())


def test_health_is_in_the_picture() -> None:
    room = UnpluggableRoom()
    with LiveSession(Script(replies={1: SHORT}), room=room) as live:
        live.wait_for_phase(Phase.LISTENING)
        picture = live.wait_for("a plot", lambda p: len(p.trace) > 3)
        health = picture.diagnostics
    assert health.resident_mb == 100.0
    assert health.input_device == "virtual room"
    assert {"inbox", "duplex", "loudspeaker"} <= set(health.queue_depths)
    assert health.has_echo_converged
    assert picture.mic_dbfs > -120.0


def test_pictures_come_at_thirty_a_second_at_most() -> None:
    with LiveSession(ALWAYS_LONG) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(HI)
        live.wait_for("words", lambda p: any(line.heard_chars > 20 for line in p.captions))
    calm = [p for p in live.pictures if p.phase is Phase.SPEAKING]
    seconds = calm[-1].now_s - calm[0].now_s
    assert len(calm) <= 40 * seconds + 5
