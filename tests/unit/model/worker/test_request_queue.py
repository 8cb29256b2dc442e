from __future__ import annotations

import numpy as np

from audio_io.frames import AudioFrame, frozen
from model.requests import BeginTurn, Cancel, FinishTurn, Hear, ModelRequest, ReplyRequest
from model.types import CancelReason, TurnContext, TurnKey
from model.worker.request_queue import RequestQueue


def hear(index: int) -> Hear:
    return Hear(AudioFrame(frozen(np.zeros(1600, np.float32)), index * 1600))


def drained(box: RequestQueue) -> list[ModelRequest]:
    out: list[ModelRequest] = []
    while (request := box.take(block=False)) is not None:
        out.append(request)
    return out


def test_requests_come_out_in_order() -> None:
    box = RequestQueue()
    sent = [BeginTurn(TurnKey(1), TurnContext()), hear(0), hear(1), FinishTurn(TurnKey(1))]
    for request in sent:
        box.put(request)
    assert drained(box) == sent


def test_more_than_twenty_seconds_of_audio_drop_the_oldest_frames_and_nothing_else() -> None:
    box = RequestQueue()
    begin, finish = BeginTurn(TurnKey(1), TurnContext()), FinishTurn(TurnKey(1))
    box.put(begin)
    for index in range(230):
        box.put(hear(index))
    box.put(finish)
    out = drained(box)
    assert out[0] is begin
    assert out[-1] is finish
    frames = [r.frame.start // 1600 for r in out if isinstance(r, Hear)]
    assert frames == list(range(30, 230))
    assert box.n_dropped == 30


def test_a_cancellation_overtakes_audio() -> None:
    box = RequestQueue()
    box.put(hear(0))
    cancel = Cancel(3, CancelReason.BARGE_IN)
    box.put(cancel)
    assert box.take(block=False) is cancel


def test_a_cancellation_never_overtakes_its_own_reply() -> None:
    box = RequestQueue()
    reply = ReplyRequest(3, TurnKey(1), TurnContext())
    box.put(reply)
    box.put(Cancel(3, CancelReason.STALE))
    assert box.take(block=False) is reply


def test_a_closed_box_gives_what_it_has_and_then_ends() -> None:
    box = RequestQueue()
    box.put(hear(0))
    box.close()
    box.put(hear(1))
    assert isinstance(box.take(block=True), Hear)
    assert box.take(block=True) is None
