"""The look made from the settings and from what the system prefers."""

import sys

from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication, QPalette

from app.settings.settings import AppearanceSettings
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.theme.translations import available_languages, load_catalogue

SYSTEM = "system"

PREFERRED_FAMILIES = ("Inter", "Cantarell", "Ubuntu", "Noto Sans", "DejaVu Sans")
CJK_FAMILIES = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei UI")


def make_look(appearance: AppearanceSettings) -> Look:
    is_dark = appearance.theme == "dark"
    if appearance.theme == SYSTEM:
        is_dark = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
    language = shown_language(appearance.ui_language)
    percent = min(
        tokens.MAX_TEXT_PERCENT, max(tokens.MIN_TEXT_PERCENT, appearance.text_scale_percent)
    )
    return Look(
        palette=tokens.DARK if is_dark else tokens.LIGHT,
        words=load_catalogue(language),
        text_percent=percent,
        reduces_motion=appearance.reduce_motion,
        families=font_families(language),
    )


def shown_language(wanted: str) -> str:
    if wanted != SYSTEM:
        return wanted
    language = QLocale.system().name().partition("_")[0]
    return language if language in available_languages() else "en"


def font_families(language: str) -> tuple[str, ...]:
    """Return the installed font families, best first.

    Windows and macOS have a good system font; on Linux without a desktop the system font is often
    an old fallback.
    """
    installed = set(QFontDatabase.families())
    system = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()
    first = () if sys.platform.startswith("linux") else (system,)
    latin = (*first, *PREFERRED_FAMILIES)
    # One family for both scripts: a fallback's weight often does not match the first family's.
    wanted = (*CJK_FAMILIES, *latin) if language == "zh" else (*latin, *CJK_FAMILIES)
    found = tuple(dict.fromkeys(name for name in wanted if name in installed or name in first))
    return found or (system,)


def qt_palette(look: Look) -> QPalette:
    """Return a palette for what a style sheet does not reach: placeholders, links, dialogs."""
    p = look.palette
    roles = QPalette.ColorRole
    palette = QPalette()
    for role, colour in (
        (roles.Window, p.ground),
        (roles.Base, p.raised),
        (roles.AlternateBase, p.panel),
        (roles.Button, p.raised),
        (roles.Text, p.text),
        (roles.WindowText, p.text),
        (roles.ButtonText, p.text),
        (roles.ToolTipBase, p.raised),
        (roles.ToolTipText, p.text),
        (roles.PlaceholderText, p.muted),
        (roles.Highlight, p.reply_soft),
        (roles.HighlightedText, p.text),
        (roles.Link, p.reply),
    ):
        palette.setColor(role, QColor(colour))
    return palette
