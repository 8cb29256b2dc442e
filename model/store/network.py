"""The one gate that everything passes before it connects: package index, npm and hubs.

Parley connects to nothing by itself. What a person orders, a download, is refused here too where
they want that: by their settings, by PARLEY_OFFLINE=1, or for one command.
"""

import os

from model.errors import WeightsError

NEVER = "never"
"""The value of the setting ``privacy.network`` that closes the gate."""


class NetworkGate:
    """Whether this process may connect to anything.

    Attributes:
        refusal: why it may not, as the end of a sentence; "" where it may.
    """

    def __init__(self) -> None:
        self.refusal = ""

    def obey(self, setting: str) -> None:
        """Open or close the gate as ``privacy.network`` says."""
        is_closed = setting == NEVER
        self.refusal = "the settings say so (Privacy, Network: never)" if is_closed else ""

    @property
    def is_open(self) -> bool:
        """Whether connections are allowed; PARLEY_OFFLINE=1 outweighs the settings."""
        return not (self.refusal or os.environ.get("PARLEY_OFFLINE") == "1")

    def require(self, what: str) -> None:
        """Raise WeightsError, with what is not fetched and why, unless the gate is open."""
        if not self.is_open:
            reason = self.refusal or "PARLEY_OFFLINE=1 is set"
            raise WeightsError(f"{what}: not fetched, because no connection may be made: {reason}")


NETWORK = NetworkGate()
