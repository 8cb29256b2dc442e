"""The look of the window: one immutable value that every widget is given."""

from dataclasses import dataclass

from PySide6.QtGui import QColor

from app.ui.theme.tokens import Palette
from app.ui.theme.translations import Catalogue


@dataclass(frozen=True, slots=True)
class Look:
    """Theme, text scale, words and motion.

    Attributes:
        text_percent: 80-200.
        families: font families, best first.
    """

    palette: Palette
    words: Catalogue
    text_percent: int = 100
    reduces_motion: bool = False
    families: tuple[str, ...] = ("sans-serif",)

    def px(self, size: float) -> int:
        """Return ``size`` pixels at 100 % in this look's pixels."""
        return round(size * self.text_percent / 100)

    def colour(self, name: str, alpha: float = 1.0) -> QColor:
        colour = QColor(getattr(self.palette, name))
        colour.setAlphaF(alpha)
        return colour
