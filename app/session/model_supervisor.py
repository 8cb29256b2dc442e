"""The models of a session: one talks, and beside a heavy one the embedded one stands by.

While a heavy model loads, the embedded one talks. Afterwards it waits in reserve, loaded, and takes
over when the heavy one runs out of memory, cannot be used, or dies. Slow starts and stops run on a
thread of their own.

 place     event                what is done
 active    WorkerFailed, heavy  the reserve talks; a crash loads it again beside that, at most twice
 active    WorkerFailed, light  told to the dialogue, which has it started again, at most twice
 loading   ModelReady           talks from the next quiet moment on; the embedded one is the reserve
 loading   WorkerFailed         a notice with the reason; the one that talks goes on
 reserve   WorkerFailed         forgotten; the next failure of the active one starts it anew
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from threading import RLock

from app.dialogue.events import DialogueEvent, ModelLeft, named
from app.engine.bounded_queue import BoundedQueue, Overflow
from app.engine.factories import Factories, Worker
from app.messages import notices
from app.messages.notices import Notice
from app.settings.settings import ModelSettings, Settings
from model.errors import FailureKind
from model.events import LoadProgress, ModelEvent, ModelReady, WorkerFailed
from model.requests import ModelRequest

logger = logging.getLogger(__name__)

_MAX_FAILURES = 3  # of a model in a row
_JOBS = 64  # more changes than a person makes before the first is done
_PERCENT = 100
_SHOWN_STEP = 5  # percent of loading from one notice to the next

Post = Callable[[DialogueEvent], None]


class _Place:
    """One worker and what it has said of itself."""

    def __init__(self, settings: Settings, make: Callable[[_Place], Worker]) -> None:
        self.settings = settings
        self.name = settings.model.name
        self.is_started = False
        self.ready: ModelReady | None = None
        self.has_failed = False
        self.shown_percent = -_SHOWN_STEP
        self.note = ""  # how it was loaded
        self.worker = make(self)

    def start(self) -> None:
        self.is_started = True
        self.worker.start()

    def is_for(self, settings: Settings) -> bool:
        """Return whether it does not have to be replaced for these settings."""
        return _asked_for(self.settings) == _asked_for(settings)


class ModelSupervisor:
    """Chooses the model that talks. Any thread; ``run`` is the body of a thread.

    Guarantees: events of a model that was replaced are dropped; every worker that was started is
    stopped by ``stop`` at the latest.
    """

    def __init__(
        self, factories: Factories, settings: Settings, post: Post, notify: Callable[[Notice], None]
    ) -> None:
        self._factories = factories
        self._settings = settings
        self._post = post
        self._notify = notify
        self._jobs = BoundedQueue[Callable[[], None]]("models", _JOBS, Overflow.REFUSE)
        self._lock = RLock()
        self._places: list[_Place] = []  # all that are not stopped
        self._n_failures = 0
        self._loading: _Place | None = None
        self._reserve: _Place | None = None
        self._active = self._place(self._first(settings))

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to load; ``ModelReady`` or a failure is posted."""
        self._active.start()
        if self._has_reserve(self._settings):
            self._load(self._settings)

    def run(self) -> None:
        """Do what takes long, in order; the body of a thread."""
        while not self._jobs.is_closed:
            for job in self._jobs.take_all():
                if not self._jobs.is_closed:
                    job()

    def close(self) -> None:
        """Let ``run`` return."""
        self._jobs.close()

    def stop(self) -> None:
        """End all models, after ``run`` has returned."""
        for place in list(self._places):
            self._end(place)

    # -- the dialogue's side -------------------------------------------------------------------

    def send(self, request: ModelRequest) -> None:
        """Ask the model that talks."""
        self._active.worker.send(request)

    def worked(self) -> None:
        """Note that a reply came to its end."""
        if self._active.is_for(self._settings):
            self._n_failures = 0

    def failed(self) -> None:
        """Start a light model that is gone again, but not for ever."""
        self._n_failures += 1
        if self._n_failures < _MAX_FAILURES:
            self._notify(notices.model_restarting())
            self._restart()
        else:
            self._notify(notices.model_failed())

    def at_rest(self) -> None:
        """Let a model that has finished loading take over: nobody speaks and nothing is owed."""
        with self._lock:
            place = self._loading
            if place is None or place.ready is None:
                return
            self._loading = None
            before, self._active = self._active, place
            self._post(ModelLeft())
            self._post(place.ready)
            if before.is_for(self._first(self._settings)) and not before.has_failed:
                self._reserve = before
            else:
                self._retire(before)
        self._notify(notices.model_talks(name=place.name, note=place.note))

    # -- a person's side -----------------------------------------------------------------------

    def retry(self) -> None:
        """Try the model of the settings once more."""
        self._n_failures = 0
        if self._active.is_for(self._settings):
            self._restart()
        else:
            self.choose(self._settings)

    def apply(self, before: Settings, now: Settings) -> None:
        """Let another model talk where the settings ask for another."""
        if _asked_for(now) != _asked_for(before):
            self.choose(now)

    def choose(self, settings: Settings) -> None:
        """Let another model talk from now on; the conversation stays."""
        first, has_reserve = self._first(settings), self._has_reserve(settings)
        with self._lock:
            self._settings = settings
            self._n_failures = 0
            loading, self._loading = self._loading, None
            self._retire(loading)
            before, reserve = self._active, self._reserve
            is_other = not before.is_for(first)
            can_follow = is_other and reserve is not None and reserve.is_for(first)
            following = reserve if can_follow else None
            if is_other or not has_reserve:
                self._reserve = None
                self._retire(None if following else reserve)
            if is_other:
                self._retire(before)
                self._hand_over(following or self._place(first), "")
        self._notify(notices.nothing(notices.FALLBACK))
        if has_reserve:
            self._load(settings)

    # -- events of the workers -----------------------------------------------------------------

    def _take(self, place: _Place, event: ModelEvent) -> None:
        """Take what a worker says, on its thread."""
        with self._lock:
            if isinstance(event, LoadProgress):
                place.note = event.note or place.note
            elif isinstance(event, ModelReady | WorkerFailed):
                place.has_failed = isinstance(event, WorkerFailed)
                place.ready = event if isinstance(event, ModelReady) else None
            if place is self._active:
                self._take_active(place, event)
            elif place is self._loading:
                self._take_loading(place, event)
            elif place is self._reserve and isinstance(event, WorkerFailed):
                logger.info("the model in reserve failed: %s", event.message)
                self._reserve = None
                self._retire(place)

    def _take_active(self, place: _Place, event: ModelEvent) -> None:
        if isinstance(event, WorkerFailed) and self._factories.is_heavy(place.settings):
            self._fall_back(place, event)
            return
        is_crash = isinstance(event, WorkerFailed) and event.kind is FailureKind.CRASHED
        if isinstance(event, WorkerFailed) and self._loading is not None and not is_crash:
            # Starting it again would not help, and another one is on its way.
            self._post(ModelLeft(event.message))
            return
        self._post(named(event))
        if isinstance(event, ModelReady) and place.note:
            self._notify(notices.model_talks(name=place.name, note=place.note))

    def _take_loading(self, place: _Place, event: ModelEvent) -> None:
        if isinstance(event, WorkerFailed):
            self._loading = None
            self._retire(place)
            self._tell_replaced(place, event)
        elif isinstance(event, LoadProgress):
            percent = int(event.fraction * _PERCENT)
            if percent // _SHOWN_STEP != place.shown_percent // _SHOWN_STEP:
                place.shown_percent = percent
                self._notify(notices.model_loading(name=place.name, percent=str(percent)))

    def _fall_back(self, place: _Place, event: WorkerFailed) -> None:
        reserve, self._reserve = self._reserve, None
        self._hand_over(reserve or self._place(_embedded(place.settings)), event.message)
        self._retire(place)
        self._n_failures += 1
        if event.kind is FailureKind.CRASHED and self._n_failures < _MAX_FAILURES:
            self._notify(notices.model_restarting())
            self._load(self._settings)
        else:
            self._tell_replaced(place, event)

    def _tell_replaced(self, place: _Place, event: WorkerFailed) -> None:
        logger.info("%s cannot be used (%s): %s", place.name, event.kind.value, event.message)
        is_memory = event.kind is FailureKind.OUT_OF_MEMORY
        notice = notices.model_no_memory if is_memory else notices.model_replaced
        self._notify(notice(name=place.name, reason=event.message))

    # -- places --------------------------------------------------------------------------------

    def _first(self, settings: Settings) -> Settings:
        """Return the settings of the model that talks at once."""
        return _embedded(settings) if self._has_reserve(settings) else settings

    def _has_reserve(self, settings: Settings) -> bool:
        return settings.model.standby and self._factories.is_heavy(settings)

    def _place(self, settings: Settings) -> _Place:
        def make(place: _Place) -> Worker:
            return self._factories.worker(settings, lambda event: self._take(place, event))

        self._places.append(_Place(settings, make))
        return self._places[-1]

    def _load(self, settings: Settings) -> None:
        """Load beside the one that talks, once what is on its way out has freed its memory."""
        with self._lock:
            self._loading = place = self._place(settings)
        self._notify(notices.model_loading(name=place.name, percent="0"))
        self._jobs.put(lambda: self._begin(place))

    def _hand_over(self, place: _Place, reason: str) -> None:
        """Let ``place`` talk from now on."""
        self._active = place
        self._post(ModelLeft(reason))
        if not place.is_started:
            self._jobs.put(lambda: self._begin(place))
        elif place.ready is not None:
            self._post(place.ready)

    def _begin(self, place: _Place) -> None:
        if place in (self._active, self._loading):
            place.start()

    def _restart(self) -> None:
        place = self._active

        def again() -> None:
            if place is self._active:
                place.worker.restart()

        self._jobs.put(again)

    def _retire(self, place: _Place | None) -> None:
        if place is not None:
            self._jobs.put(lambda: self._end(place))

    def _end(self, place: _Place) -> None:
        place.worker.stop()
        self._places.remove(place)


def _embedded(settings: Settings) -> Settings:
    """Return the same settings with the model that needs no download."""
    return replace(settings, model=replace(settings.model, name=ModelSettings().name))


def _asked_for(settings: Settings) -> tuple[object, ...]:
    """Return what asks for another model when it changes; the embedded one has its language."""
    is_embedded = settings.model.name == ModelSettings().name
    return settings.model, settings.conversation.language if is_embedded else ""
