"""Real weights are shared with the tests on a sound card."""

from __future__ import annotations

from tests.fakes.embedded import embedded_default, read_back

__all__ = ["embedded_default", "read_back"]
