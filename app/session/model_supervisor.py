"""The models of a session: one talks, and around a heavy one the embedded one stands in.

While a heavy model loads, the embedded one talks; afterwards it waits in reserve, loaded, and takes
over when the heavy one runs out of memory, cannot be used, or dies. Slow starts and stops run on a
thread of their own. Knows roles only; which models there are is the business of ``Factories``.

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
        self.ready: ModelReady | None = None
        self.has_failed = False
        self.shown_percent = -_SHOWN_STEP
        self.note = ""  # how it was loaded
        self.worker = make(self)

    @property
    def name(self) -> str:
        return self.settings.model.name


class ModelSupervisor:
    """``run`` is the body of a thread; all other methods may be called on any thread.

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
        self._jobs: BoundedQueue[Callable[[], None]] = BoundedQueue(
            "models", _JOBS, Overflow.REFUSE
        )
        self._lock = RLock()
        self._places: list[_Place] = []  # all that are not stopped
        self._n_failures = 0
        self._loading: _Place | None = None
        self._reserve: _Place | None = None
        self._active = self._place(self._first(settings))

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to load; ``ModelReady`` or a failure is posted."""
        self._active.worker.start()
        if self._has_reserve(self._settings):
            self._load(self._settings)

    def run(self) -> None:
        """Thread body: what takes long, in order."""
        while not self._jobs.is_closed:
            for job in self._jobs.take_all():
                if not self._jobs.is_closed:
                    job()

    def close(self) -> None:
        """Ends ``run``."""
        self._jobs.close()

    def stop(self) -> None:
        """Ends all models. After ``run`` has returned."""
        for place in list(self._places):
            self._end(place)

    # -- the dialogue's side -------------------------------------------------------------------

    def send(self, request: ModelRequest) -> None:
        self._active.worker.send(request)

    def worked(self) -> None:
        """A reply came to its end."""
        if _asked_for(self._active.settings) == _asked_for(self._settings):
            self._n_failures = 0

    def failed(self) -> None:
        """A light model is gone: again at once, but not for ever."""
        self._n_failures += 1
        if self._n_failures < _MAX_FAILURES:
            self._notify(notices.model_restarting())
            self._restart()
        else:
            self._notify(notices.model_failed())

    def at_rest(self) -> None:
        """Nobody speaks and nothing is owed: a model that has finished loading may take over."""
        with self._lock:
            place = self._loading
            if place is None or place.ready is None:
                return
            self._loading = None
            before, self._active = self._active, place
            self._post(ModelLeft())
            self._post(place.ready)
            first = self._first(self._settings)
            if _asked_for(before.settings) == _asked_for(first) and not before.has_failed:
                self._reserve = before
            else:
                self._retire(before)
        self._notify(notices.model_talks(name=place.name, note=place.note))

    # -- a person's side -----------------------------------------------------------------------

    def retry(self) -> None:
        """The model of the settings once more."""
        self._n_failures = 0
        if _asked_for(self._active.settings) == _asked_for(self._settings):
            self._restart()
        else:
            self.choose(self._settings)

    def apply(self, before: Settings, now: Settings) -> None:
        """Let another model talk where the settings ask for another."""
        if _asked_for(now) != _asked_for(before):
            self.choose(now)

    def choose(self, settings: Settings) -> None:
        """Let another model talk from now on; the conversation stays."""
        first = self._first(settings)
        with self._lock:
            self._settings = settings
            self._n_failures = 0
            loading, self._loading = self._loading, None
            self._retire(loading)
            if _asked_for(self._active.settings) != _asked_for(first):
                reserve, self._reserve = self._reserve, None
                before = self._active
                if reserve is not None and _asked_for(reserve.settings) == _asked_for(first):
                    self._retire(before)
                    self._hand_over(reserve, "")
                else:
                    self._retire(reserve)
                    self._retire(before)
                    self._hand_over(self._place(first), "", is_new=True)
            has_reserve = self._has_reserve(settings)
            if not has_reserve:
                reserve, self._reserve = self._reserve, None
                self._retire(reserve)
        self._notify(notices.nothing(notices.FALLBACK))
        if has_reserve:
            self._load(settings)

    # -- events of the workers -----------------------------------------------------------------

    def _take(self, place: _Place, event: ModelEvent) -> None:
        """On the thread of the worker."""
        with self._lock:
            if isinstance(event, LoadProgress):
                place.note = event.note or place.note
            elif isinstance(event, ModelReady):
                place.ready = event
                place.has_failed = False
            elif isinstance(event, WorkerFailed):
                place.ready = None
                place.has_failed = True
            if place is self._active:
                self._take_active(place, event)
            elif place is self._loading:
                self._take_loading(place, event)
            elif place is self._reserve and isinstance(event, WorkerFailed):
                logger.info("the model in reserve failed: %s", event.message)
                self._reserve = None
                self._retire(place)

    def _take_active(self, place: _Place, event: ModelEvent) -> None:
        if not isinstance(event, WorkerFailed):
            self._post(named(event))
            if isinstance(event, ModelReady) and place.note:
                self._notify(notices.model_talks(name=place.name, note=place.note))
        elif self._factories.is_heavy(place.settings):
            self._fall_back(place, event)
        elif self._loading is not None and event.kind is not FailureKind.CRASHED:
            # Starting it again would not help, and another one is on its way.
            self._post(ModelLeft(event.message))
        else:
            self._post(named(event))

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
        if reserve is not None:
            self._hand_over(reserve, event.message)
        else:
            self._hand_over(self._place(_embedded(place.settings)), event.message, is_new=True)
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
        """Of the model that talks at once."""
        return _embedded(settings) if self._has_reserve(settings) else settings

    def _has_reserve(self, settings: Settings) -> bool:
        return settings.model.standby and self._factories.is_heavy(settings)

    def _place(self, settings: Settings) -> _Place:
        def make(place: _Place) -> Worker:
            return self._factories.worker(settings, lambda event: self._take(place, event))

        place = _Place(settings, make)
        self._places.append(place)
        return place

    def _load(self, settings: Settings) -> None:
        """Beside the one that talks, after what is on its way out has given its memory back."""
        with self._lock:
            self._loading = place = self._place(settings)
        self._notify(notices.model_loading(name=place.name, percent="0"))
        self._jobs.put(lambda: self._begin(place))

    def _hand_over(self, place: _Place, reason: str, *, is_new: bool = False) -> None:
        """``place`` talks from now on."""
        self._active = place
        self._post(ModelLeft(reason))
        if is_new:
            self._jobs.put(lambda: self._begin(place))
        elif place.ready is not None:
            self._post(place.ready)

    def _begin(self, place: _Place) -> None:
        if place in (self._active, self._loading):
            place.worker.start()

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
    """The same settings with the model that needs no download."""
    return replace(settings, model=replace(settings.model, name=ModelSettings().name))


def _asked_for(settings: Settings) -> tuple[object, ...]:
    """Return what asks for another model when it changes; the embedded one has its language."""
    is_embedded = settings.model.name == ModelSettings().name
    return settings.model, settings.conversation.language if is_embedded else ""
