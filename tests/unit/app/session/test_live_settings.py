"""Settings act at once; one that cannot be saved is told and loses nothing."""

from pathlib import Path

import pytest

from app.messages.errors import BadInputError
from app.messages.notices import Notice
from app.session.commands import ApplySettings
from app.session.live_settings import LiveSettings
from app.settings.settings import Settings


@pytest.mark.parametrize(
    "failure", [OSError("disk full"), BadInputError(Path("s.toml"), "vad.exit_threshold", "no")]
)
def test_what_cannot_be_saved_is_told_and_acts_all_the_same(failure: Exception) -> None:
    told: list[Notice] = []
    seen: list[Settings] = []

    def refuse(settings: Settings) -> None:
        raise failure

    live = LiveSettings(Settings(), refuse, told.append)
    live.listeners.append(lambda _before, now: seen.append(now))
    wanted = Settings().with_value("vad", "exit_threshold", 0.9)
    live.obey(ApplySettings(wanted))
    assert live.now == wanted
    assert seen == [wanted]
    assert str(failure) in told[0].text
