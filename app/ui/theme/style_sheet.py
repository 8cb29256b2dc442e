"""The Qt style sheet, made from the design tokens.

Widgets select rules by property: ``kind`` on labels and frames, ``look`` on buttons. Every rule
has a selector, so that nothing cascades into places it was not meant for.
"""

from app.ui.theme import tokens
from app.ui.theme.icons import ICONS
from app.ui.theme.look import Look


def build_style_sheet(look: Look) -> str:
    return "\n".join((_base(look), _labels(look), _buttons(look), _fields(look), _lists(look)))


def _base(look: Look) -> str:
    p = look.palette
    families = ", ".join(f'"{name}"' for name in look.families)
    body = look.px(tokens.SIZE_BODY)
    return f"""
QWidget {{ font-family: {families}; font-size: {body}px; color: {p.text}; }}
QMainWindow, QDialog, QWidget#middle, QWizard {{ background: {p.ground}; }}
QWidget#history, QWidget#diagnostics {{ background: {p.panel}; }}
QWidget#history {{ border-right: 1px solid {p.line}; }}
QWidget#diagnostics {{ border-left: 1px solid {p.line}; }}
QScrollArea, QScrollArea > QWidget > QWidget#page {{ background: transparent; border: none; }}
QFrame[kind="hairline"] {{ background: {p.line}; border: none; max-height: 1px; }}
QFrame[kind="card"] {{ background: {p.raised}; border: 1px solid {p.line};
  border-radius: {tokens.RADIUS_M}px; }}
QFrame[kind="info"] {{ background: {p.hover}; border-radius: {tokens.RADIUS_M}px; }}
QFrame[kind="warning"] {{ background: {p.warning_soft}; border-radius: {tokens.RADIUS_M}px; }}
QFrame[kind="error"] {{ background: {p.danger_soft}; border-radius: {tokens.RADIUS_M}px; }}
QToolTip {{ background: {p.raised}; color: {p.text}; border: 1px solid {p.line}; padding: 4px; }}
QScrollBar:vertical {{ background: transparent; width: 12px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {p.hover}; border-radius: 4px; margin: 2px;
  min-height: 32px; }}
QScrollBar::handle:vertical:hover {{ background: {p.control_line}; }}
QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 0; }}
QScrollBar::handle:horizontal {{ background: {p.hover}; border-radius: 4px; margin: 2px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""


def _labels(look: Look) -> str:
    p = look.palette
    return f"""
QLabel {{ background: transparent; }}
QLabel[kind="title"] {{ font-size: {look.px(tokens.SIZE_BODY + 2)}px; font-weight: 600; }}
QLabel[kind="heading"] {{ font-size: {look.px(tokens.SIZE_TITLE)}px; font-weight: 600; }}
QLabel[kind="display"] {{ font-size: {look.px(tokens.SIZE_DISPLAY)}px; font-weight: 600; }}
QLabel[kind="section"] {{ font-size: {look.px(tokens.SIZE_CAPTION)}px; font-weight: 600;
  color: {p.muted}; }}
QLabel[kind="muted"] {{ color: {p.muted}; }}
QLabel[kind="caption"] {{ color: {p.muted}; font-size: {look.px(tokens.SIZE_CAPTION)}px; }}
QLabel[kind="state"] {{ font-size: {look.px(tokens.SIZE_STATE)}px; font-weight: 600; }}
QLabel[kind="number"] {{ font-weight: 600; }}
QLabel[kind="decision"] {{ border: 2px solid transparent; border-radius: {tokens.RADIUS_S}px;
  padding: 0 2px 2px 2px; }}
QLabel[kind="decision"]:focus {{ border: 2px solid {p.reply}; }}
QLabel[tone="good"] {{ color: {p.good}; }}
QLabel[tone="warning"] {{ color: {p.warning}; }}
QLabel[tone="danger"] {{ color: {p.danger}; }}
"""


def _buttons(look: Look) -> str:
    p = look.palette
    pad = f"{look.px(6)}px {look.px(12)}px"
    radius = tokens.RADIUS_M
    return f"""
QAbstractButton {{ outline: none; }}
QPushButton, QToolButton {{ background: {p.raised}; border: 1px solid {p.line};
  border-radius: {radius}px; padding: {pad}; min-height: {look.px(20)}px; }}
QPushButton:hover, QToolButton:hover {{ background: {p.hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {p.line}; }}
QPushButton:focus, QToolButton:focus {{ border: 2px solid {p.reply}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {p.muted}; background: {p.ground}; }}
QToolButton::menu-indicator, QPushButton::menu-indicator {{ image: none; width: 0; }}
QPushButton[look="primary"], QToolButton[look="primary"] {{ background: {p.reply};
  color: {p.on_reply}; border: 1px solid {p.reply}; font-weight: 600; }}
QPushButton[look="primary"]:focus, QToolButton[look="primary"]:focus {{
  border: 2px solid {p.text}; }}
QPushButton[look="quiet"], QToolButton[look="quiet"] {{ background: transparent;
  border: 1px solid transparent; }}
QPushButton[look="quiet"]:hover, QToolButton[look="quiet"]:hover {{ background: {p.hover}; }}
QPushButton[look="quiet"]:focus, QToolButton[look="quiet"]:focus {{
  border: 2px solid {p.reply}; }}
QToolButton[look="icon"] {{ background: transparent; border: 1px solid transparent;
  padding: {look.px(6)}px; }}
QToolButton[look="icon"]:hover, QToolButton[look="icon"]:checked {{ background: {p.hover}; }}
QToolButton[look="icon"]:focus {{ border: 2px solid {p.reply}; }}
QToolButton[look="round"] {{ border-radius: {look.px(22)}px; padding: {look.px(10)}px;
  min-height: {look.px(22)}px; min-width: {look.px(22)}px; border: 1px solid {p.control_line}; }}
QToolButton[look="round"]:focus {{ border: 2px solid {p.reply}; }}
QToolButton[look="round"][alert="true"] {{ background: {p.danger_soft};
  border: 1px solid {p.danger}; }}
QPushButton[look="danger"] {{ color: {p.danger}; border: 1px solid {p.danger}; }}
QFrame#segments {{ background: {p.hover}; border-radius: {radius}px; }}
QPushButton[look="segment"] {{ background: transparent; border: 1px solid transparent;
  border-radius: {radius - 2}px; color: {p.muted}; padding: {look.px(5)}px {look.px(11)}px; }}
QPushButton[look="segment"]:checked {{ background: {p.raised}; color: {p.text};
  border: 1px solid {p.control_line}; }}
QPushButton[look="segment"]:focus {{ border: 2px solid {p.reply}; }}
QMenu {{ background: {p.raised}; border: 1px solid {p.line}; border-radius: {tokens.RADIUS_S}px;
  padding: 6px; }}
QMenu::item {{ padding: {look.px(7)}px {look.px(14)}px; border-radius: {tokens.RADIUS_S}px; }}
QMenu::item:selected {{ background: {p.hover}; }}
QMenu::item:disabled {{ color: {p.muted}; }}
QMenu::separator {{ height: 1px; background: {p.line}; margin: 6px 8px; }}
QCheckBox {{ spacing: {look.px(8)}px; background: transparent; }}
QCheckBox::indicator {{ width: {look.px(18)}px; height: {look.px(18)}px; border-radius: 5px;
  border: 1px solid {p.control_line}; background: {p.raised}; }}
QCheckBox::indicator:checked {{ background: {p.reply}; border: 1px solid {p.reply};
  image: url({_icon_path("tick-on-dark" if p.is_dark else "tick-on-light")}); }}
QCheckBox::indicator:focus {{ border: 2px solid {p.text}; }}
"""


def _fields(look: Look) -> str:
    p = look.palette
    pad = f"{look.px(6)}px {look.px(10)}px"
    groove = look.px(4)
    knob = look.px(16)
    return f"""
QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit {{ background: {p.raised};
  border: 1px solid {p.control_line}; border-radius: {tokens.RADIUS_M}px; padding: {pad};
  min-height: {look.px(20)}px; selection-background-color: {p.reply_soft};
  selection-color: {p.text}; placeholder-text-color: {p.muted}; }}
QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus, QPlainTextEdit:focus {{
  border: 2px solid {p.reply}; }}
QLineEdit#search {{ background: {p.ground}; border: 1px solid {p.line}; }}
QLineEdit#search:focus {{ border: 2px solid {p.reply}; }}
QComboBox::drop-down {{ border: none; width: {look.px(26)}px; }}
QComboBox::down-arrow {{ image: url({_icon_path("chevron-grey")}); width: {look.px(16)}px;
  height: {look.px(16)}px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: none; }}
QAbstractSpinBox::up-arrow, QAbstractSpinBox::down-arrow {{ image: none; width: 0; height: 0; }}
QAbstractSpinBox QLineEdit {{ border: none; padding: 0; background: transparent; min-height: 0; }}
QComboBox QAbstractItemView {{ background: {p.raised}; border: 1px solid {p.line};
  selection-background-color: {p.hover}; selection-color: {p.text}; padding: 4px; outline: none; }}
QSlider {{ background: transparent; min-height: {look.px(24)}px; }}
QSlider::groove:horizontal {{ height: {groove}px; border-radius: {groove // 2}px;
  background: {p.line}; }}
QSlider::sub-page:horizontal {{ height: {groove}px; border-radius: {groove // 2}px;
  background: {p.reply}; }}
QSlider::handle:horizontal {{ width: {knob}px; height: {knob}px;
  margin: -{(knob - groove) // 2}px 0;
  border-radius: {knob // 2}px; background: {p.reply}; }}
QSlider::handle:horizontal:focus {{ border: 2px solid {p.text}; }}
QProgressBar {{ background: {p.line}; border: none; border-radius: {groove // 2}px;
  min-height: {groove}px; max-height: {groove}px; }}
QProgressBar::chunk {{ background: {p.reply}; border-radius: {groove // 2}px; }}
QTextBrowser#captions {{ background: transparent; border: none;
  selection-background-color: {p.reply_soft}; selection-color: {p.text};
  font-size: {look.px(tokens.SIZE_READING)}px; }}
"""


def _icon_path(name: str) -> str:
    """Return the path of an icon file; style sheets take pictures from files only."""
    return (ICONS / f"{name}.svg").as_posix()


def _lists(look: Look) -> str:
    p = look.palette
    return f"""
QListWidget, QTableWidget {{ background: transparent; border: none; outline: none; }}
QListWidget::item {{ border-radius: {tokens.RADIUS_S + 2}px; padding: {look.px(7)}px {look.px(8)}px;
  color: {p.text}; }}
QListWidget::item:hover {{ background: {p.hover}; }}
QListWidget::item:selected {{ background: {p.reply_soft}; color: {p.text}; }}
QListWidget::item:disabled {{ background: transparent; color: {p.muted}; }}
QListWidget::item:focus {{ border: 2px solid {p.reply}; }}
"""
