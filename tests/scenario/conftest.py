"""What scenes on real weights share."""

from tests.fakes.embedded import embedded_default

__all__ = ["embedded_default"]
