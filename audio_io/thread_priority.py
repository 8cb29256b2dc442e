"""Asks the system to run sound before other work; without permission nothing changes.

A thread asks for itself, at its beginning; what takes too long for a callback is asked later, by
another thread. Linux: real time (``SCHED_RR``) where the limits allow it, else a better nice value,
else the same from rtkit. Windows: MMCSS. macOS: a time constraint of the Mach scheduler.
"""

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from ctypes import util
from queue import SimpleQueue
from subprocess import DEVNULL, SubprocessError, run
from threading import get_native_id
from typing import Any, Protocol, cast

logger = logging.getLogger(__name__)

_RR_PRIORITY = 10  # of 1..99: above all ordinary work, below the sound server (20 and more)
_NICE = -11  # rtkit grants down to -15; sound servers ask for -11
_RTKIT_S = 1.0  # a message bus that answers later is no help
_MMCSS_TASK = "Audio"
_MACH_POLICY = 2  # THREAD_TIME_CONSTRAINT_POLICY
_PERIOD_S, _WORK_S, _WITHIN_S = 0.010, 0.003, 0.008  # one frame, its work, and when it is due


class ThreadPriority(Protocol):
    """Raises threads above other work where the system lets it."""

    def raise_this_thread(self, name: str, *, in_callback: bool = False) -> str:
        """Return what the calling thread was given, "" for nothing (yet).

        Args:
            name: for the log.
            in_callback: what may take long is left to ``raise_waiting``.
        """
        ...

    def raise_waiting(self) -> None:
        """Ask for the callbacks' threads that were refused at once. Any other thread."""
        ...


class UnchangedPriority:
    """Leaves every thread as it is and remembers who asked.

    Attributes:
        names: of the threads, in order.
    """

    def __init__(self) -> None:
        self.names: list[str] = []

    def raise_this_thread(self, name: str, *, in_callback: bool = False) -> str:
        """Return ""."""
        del in_callback
        self.names.append(name)
        return ""

    def raise_waiting(self) -> None:
        """Do nothing."""


Way = Callable[[int], str]
"""Takes the thread's native number and returns what it was given, "" for nothing.

Raises OSError, AttributeError or SubprocessError where the system has no such thing.
"""


class SystemPriority:
    """What this operating system offers, the best first.

    A refusal is logged once, not for every thread; what was given, for each.
    """

    def __init__(
        self, ways: tuple[Way, ...] | None = None, slow_ways: tuple[Way, ...] | None = None
    ) -> None:
        """Take other ways than the system's: ``ways`` return at once, ``slow_ways`` may not."""
        quick, slow = _ways_of(sys.platform)
        self._quick = quick if ways is None else ways
        self._slow = slow if slow_ways is None else slow_ways
        self._waiting: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self._was_refused = False

    def raise_this_thread(self, name: str, *, in_callback: bool = False) -> str:
        """Return what the calling thread was given, "" for nothing (yet). Callback-safe."""
        thread = get_native_id()
        if in_callback:
            given = _first(self._quick, thread)
            if not given:
                self._waiting.put((name, thread))
                return ""
        else:
            given = _first((*self._quick, *self._slow), thread)
        return self._noted(name, given)

    def raise_waiting(self) -> None:
        """Ask for the callbacks' threads that were refused at once. Any other thread."""
        while not self._waiting.empty():
            name, thread = self._waiting.get()
            self._noted(name, _first(self._slow, thread))

    def _noted(self, name: str, given: str) -> str:
        if given:
            logger.info("thread %s runs before other work (%s)", name, given)
        elif not self._was_refused:
            self._was_refused = True
            logger.info("thread %s runs like any other: the system gives no priority", name)
        return given


def _first(ways: tuple[Way, ...], thread: int) -> str:
    for way in ways:
        with suppress(OSError, AttributeError, SubprocessError):
            given = way(thread)
            if given:
                return given
    return ""


def _ways_of(platform: str) -> tuple[tuple[Way, ...], tuple[Way, ...]]:
    if platform == "win32":
        return (_mmcss,), ()
    if platform == "darwin":
        return (_mach_time_constraint,), ()
    return (_round_robin, _better_nice), (_rtkit,)


def _round_robin(thread: int) -> str:
    """Children of the thread start as ordinary ones: a model must not run in real time."""
    system = cast(Any, os)  # not on every system
    policy = system.SCHED_RR | system.SCHED_RESET_ON_FORK
    system.sched_setscheduler(thread, policy, system.sched_param(_RR_PRIORITY))
    return f"SCHED_RR {_RR_PRIORITY}"


def _better_nice(thread: int) -> str:
    """Linux keeps a nice value for each thread."""
    system = cast(Any, os)
    system.setpriority(system.PRIO_PROCESS, thread, _NICE)
    return f"nice {_NICE}"


def _rtkit(thread: int) -> str:
    """Ask the desktop's broker, which grants it to whoever sits at the machine.

    Only a nice value: its real time comes with a limit whose excess ends the whole process.
    """
    name = "org.freedesktop.RealtimeKit1"
    asked = run(
        [
            "dbus-send", "--system", "--print-reply", f"--dest={name}",
            "/org/freedesktop/RealtimeKit1", f"{name}.MakeThreadHighPriorityWithPID",
            f"uint64:{os.getpid()}", f"uint64:{thread}", f"int32:{_NICE}",
        ],
        capture_output=True, check=False, timeout=_RTKIT_S, stdin=DEVNULL,
    )  # fmt: skip
    return f"nice {_NICE} by rtkit" if asked.returncode == 0 else ""


def _mmcss(thread: int) -> str:
    """Of the calling thread, which is the one that asks."""
    del thread
    avrt = cast(Any, ctypes).WinDLL("avrt")
    avrt.AvSetMmThreadCharacteristicsW.restype = ctypes.c_void_p
    avrt.AvSetMmThreadCharacteristicsW.argtypes = (
        ctypes.c_wchar_p,
        ctypes.POINTER(ctypes.c_uint32),
    )
    task = ctypes.c_uint32(0)
    handle = avrt.AvSetMmThreadCharacteristicsW(_MMCSS_TASK, ctypes.byref(task))
    return f"MMCSS {_MMCSS_TASK}" if handle else ""


def _mach_time_constraint(thread: int) -> str:
    """Of the calling thread. Times are in ticks, numer / denom nanoseconds each."""
    del thread
    system = ctypes.CDLL(util.find_library("System"))
    timebase = (ctypes.c_uint32 * 2)()
    system.mach_timebase_info(timebase)
    ticks_a_second = 1e9 * timebase[1] / max(1, timebase[0])
    seconds = (_PERIOD_S, _WORK_S, _WITHIN_S)
    policy = (ctypes.c_uint32 * 4)(*(round(s * ticks_a_second) for s in seconds), 1)
    system.pthread_self.restype = ctypes.c_void_p
    system.pthread_mach_thread_np.argtypes = (ctypes.c_void_p,)
    port = system.pthread_mach_thread_np(system.pthread_self())
    is_refused = system.thread_policy_set(port, _MACH_POLICY, policy, len(policy))
    return "" if is_refused else "Mach time constraint"
