"""One picture of the engine for every state the window can show, for tests and screenshots."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.dialogue.captions import CaptionLine
from app.dialogue.latency import LatencySpans
from app.dialogue.state import Phase
from app.history.store import HistoryStore
from app.messages.notices import Notice, NoticeKind
from app.session.snapshot import Diagnostics, DownloadInfo, EngineSnapshot, TraceMark, TracePoint

NOW_S = 312.0

QUESTION = "What's the weather like in Lisbon on Tuesday? We'd like to sit outside for dinner."
ANSWER = (
    "Tuesday evening in Lisbon is usually mild, about twenty degrees, with a light breeze from the "
    "river. A jacket for later would be wise, and a table away from the water stays warmer."
)
PLAN = "Let's book somewhere quiet then, maybe in Alfama."
CUT = "There are three places I would think of. The first one is a small courtyard"

EN = (QUESTION, ANSWER, PLAN, CUT, "No, something by the", "Both of you, one moment")
ZH = (
    "里斯本星期二的天气怎么样？我们想在外面吃晚饭。",
    "里斯本星期二傍晚通常很温和，大约二十度，河边有微风。晚些时候最好带件外套，离水远一点的座位会更暖和。",
    "那我们订个安静的地方吧，也许在阿尔法玛。",
    "我想到三个地方。第一个是一个小院子",
    "不，要靠近",
    "等一下",
)


def _words(language: str) -> tuple[str, ...]:
    return ZH if language == "zh" else EN


def example_trace() -> tuple[TracePoint, ...]:
    """A minute with two questions, a "mm-hm" in the answer, and an overlap at its end."""
    points: list[TracePoint] = []
    for i in range(600):
        t = NOW_S - 60 + (i + 1) / 10
        s = i / 10
        swing = 0.5 + 0.5 * math.sin(s * 5.1) * math.cos(s * 2.3)
        is_user = 6 < s < 10 or 28 < s < 30 or 31 < s < 33 or 52 < s < 54.5
        is_mm_hm = 17 < s < 17.8
        is_typing = 44 < s < 45.5
        is_reply = 12 < s < 24 or 35 < s < 53
        p_end = 0.9 if 10 <= s < 12 or 33 <= s < 35 else (0.35 * swing if is_user else 0.04)
        points.append(
            TracePoint(
                at_s=t,
                mic_dbfs=-44 + 30 * swing if is_user or is_mm_hm or is_typing else -62,
                out_dbfs=-40 + 26 * swing if is_reply else -120,
                p_speech=0.95 if is_user or is_mm_hm else 0.03,
                p_end_of_turn=p_end,
                p_interruption=0.9 * min(1.0, (s - 52) / 1.2) if 52 < s < 54.5 else 0.03,
                p_backchannel=0.8 if is_mm_hm else 0.05 * is_reply,
                p_noise=0.85 if is_typing else 0.9 * is_reply * (not is_mm_hm and s < 52),
                echo_dbfs=-58 + 8 * swing if is_reply and not is_mm_hm and s < 52 else -120,
            )
        )
    return tuple(points)


NEEDED = (
    ("end_of_turn_threshold", 0.5), ("hold_threshold", 0.5), ("interruption_threshold", 0.8),
    ("backchannel_threshold", 0.6), ("endpoint_max_wait_ms", 3000.0),
)  # fmt: skip


def decided(ago_s: float, what: str, cause: str, **numbers: float) -> TraceMark:
    """A mark as the engine makes it."""
    evidence = (("in.smart_turn", 1.72), ("in.n_words", 9.0))
    told = (*numbers.items(), *NEEDED, *evidence)
    return TraceMark(NOW_S - ago_s, what, cause, "a question", told)


MARKS = (
    decided(48, "end_of_turn", "prediction", p_end_of_turn=0.91, silence_ms=640.0),
    decided(42.2, "resumed", "backchannel", p_backchannel=0.8),
    decided(29, "waited", "went_on", pause_ms=1000.0, highest_p=0.34),
    decided(25, "end_of_turn", "wait", p_end_of_turn=0.41, silence_ms=1600.0),
    decided(7, "held", "prediction", p_interruption=0.62),
    decided(6.5, "interrupted", "prediction", p_interruption=0.88),
)

HEALTH = Diagnostics(
    spans=LatencySpans(840, 210, 430, 50, 60, 90, 0, 140),
    queue_depths={"capture": 0, "model": 1, "playback": 3},
    real_time_factor=0.31,
    resident_mb=212,
    worker_mb=946,
    echo_return_loss_db=34,
    has_echo_converged=True,
    input_device="Built-in microphone",
    output_device="Built-in speakers",
)


def _talk(language: str, *last: CaptionLine) -> tuple[CaptionLine, ...]:
    words = _words(language)
    return (
        CaptionLine("u1", "user", words[0]),
        CaptionLine("a1", "assistant", words[1]),
        *last,
    )


def _base(language: str) -> EngineSnapshot:
    return EngineSnapshot(
        now_s=NOW_S,
        phase=Phase.LISTENING,
        conversation_id=1,
        mic_dbfs=-51,
        captions=_talk(language),
        diagnostics=HEALTH,
        trace=example_trace(),
        marks=MARKS,
    )


def _speaking(language: str) -> EngineSnapshot:
    words = _words(language)
    end = len(words[1]) // 2
    while language != "zh" and words[1][end] not in " ,.":
        end += 1
    reply = CaptionLine("reply-1", "assistant", words[1], False, end, end)
    return replace(
        _base(language),
        phase=Phase.SPEAKING,
        out_dbfs=-20,
        captions=(CaptionLine("u1", "user", words[0]), reply),
    )


def _overlap(language: str) -> EngineSnapshot:
    speaking = _speaking(language)
    partial = CaptionLine("user-2", "user", _words(language)[5], is_final=False)
    return replace(
        speaking,
        phase=Phase.OVERLAP,
        is_user_speaking=True,
        mic_dbfs=-20,
        out_dbfs=-30,
        captions=(*speaking.captions, partial),
    )


def _interrupted(language: str) -> EngineSnapshot:
    words = _words(language)
    cut = CaptionLine("a2", "assistant", words[3], was_cut=True)
    partial = CaptionLine("user-3", "user", words[4], is_final=False)
    return replace(
        _base(language),
        is_user_speaking=True,
        mic_dbfs=-24,
        interrupted_at_s=NOW_S - 0.4,
        captions=_talk(language, CaptionLine("u2", "user", words[2]), cut, partial),
    )


def _hearing(language: str) -> EngineSnapshot:
    partial = CaptionLine("user-2", "user", _words(language)[2], is_final=False)
    return replace(
        _base(language),
        is_user_speaking=True,
        mic_dbfs=-20,
        captions=_talk(language, partial),
    )


def _device_lost(language: str) -> EngineSnapshot:
    text = "USB headset was unplugged. Parley will go on when it is back."
    if language == "zh":
        text = "USB headset 已拔出。重新连接后 Parley 会继续。"
    notice = Notice("audio", NoticeKind.ERROR, text, "open_audio_settings", "Audio settings")
    return replace(_base(language), is_device_lost=True, notices=(notice,))


def _warned(language: str) -> EngineSnapshot:
    worker = "The language model stopped and was started again. The conversation goes on."
    echo = "Echo cancellation is off: use headphones, or Parley may interrupt itself."
    if language == "zh":
        worker = "语言模型意外停止，已重新启动。对话继续。"
        echo = "回声消除已关闭：请戴耳机，否则 Parley 可能打断自己。"
    return replace(
        _base(language),
        notices=(
            Notice("worker", NoticeKind.INFO, worker),
            Notice("echo", NoticeKind.WARNING, echo, "open_audio_settings", "Audio settings"),
        ),
    )


def _downloading(language: str) -> EngineSnapshot:
    reason = "the disk has 210 MiB free, 1290 MiB are needed; free some space"
    failed = Notice(
        "weights", NoticeKind.ERROR, f"The download failed: {reason}.", "open_models_settings",
        "Models", "weights_not_fetched", (("reason", reason),),
    )  # fmt: skip
    return replace(
        _base(language),
        notices=(failed,),
        downloads=(
            DownloadInfo(
                ("kokoro", "kokoro-puck"), "kokoro", 35_150_000, 92_500_000, 1_600_000.0, 36.0
            ),
            DownloadInfo(("speech-zh",)),
            DownloadInfo(("qwen2.5-1.5b",), error=reason),
        ),
    )


STATES: dict[str, Callable[[str], EngineSnapshot]] = {
    "starting": lambda language: EngineSnapshot(loading="language model", loading_fraction=0.42),
    "empty": lambda language: EngineSnapshot(phase=Phase.LISTENING, mic_dbfs=-50),
    "listening": _base,
    "hearing": _hearing,
    "thinking": lambda language: replace(
        _base(language), phase=Phase.THINKING, captions=_talk(language)[:1]
    ),
    "speaking": _speaking,
    "overlap": _overlap,
    "interrupted": _interrupted,
    "stopping": lambda language: replace(_speaking(language), phase=Phase.YIELDING),
    "muted": lambda language: replace(_base(language), is_mic_open=False),
    "hold_to_talk": lambda language: replace(_base(language), is_hands_free=False),
    "device_lost": _device_lost,
    "notices": _warned,
    "downloading": _downloading,
}


def example_history(language: str = "en") -> HistoryStore:
    """Four conversations over three days; the first is the one on the table."""
    times = iter(datetime.now(UTC) - timedelta(days=age) for age in (1, 1, 0, 0) for _ in range(3))
    store = HistoryStore(None, now=lambda: next(times))
    titles = ("Paris by train", "A poem about rain", "Cooking for six", "Tuesday plans")
    if language == "zh":
        titles = ("坐火车去巴黎", "关于雨的诗", "六个人的晚餐", "星期二的计划")
    for title in titles:
        number = store.create_conversation(title)
        store.put_user_turn(number, 1, _words(language)[0])
        store.put_assistant_turn(number, 1, _words(language)[1], was_cut=False)
    return store


def table_id(store: HistoryStore) -> int:
    """The conversation on the table in the example history."""
    newest = store.newest()
    assert newest is not None
    return newest.id
