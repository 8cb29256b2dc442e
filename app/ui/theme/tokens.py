"""Design tokens: colours, spaces, radii and type sizes.

Every text colour is at least 4.5:1 against every ground it may stand on (``TEXT_ON_GROUND``).
"""

from dataclasses import dataclass

SPACE_XS = 4  # px, all spaces and radii at 100 %
SPACE_S = 8
SPACE_M = 12
SPACE_L = 16
SPACE_XL = 24

RADIUS_S = 6
RADIUS_M = 10

SIZE_CAPTION = 12  # px at 100 %
SIZE_BODY = 14
SIZE_READING = 16
SIZE_STATE = 19
SIZE_TITLE = 21
SIZE_DISPLAY = 27

MIN_TEXT_PERCENT = 80
MAX_TEXT_PERCENT = 200

MIN_CONTRAST = 4.5  # WCAG 2.2, 1.4.3 level AA


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one theme as "#rrggbb".

    Attributes:
        ground: behind the conversation.
        panel: behind the side panes.
        raised: fields, menus, cards.
        hover: under the pointer, and pressed.
        line: hairlines and borders.
        control_line: borders that make a control recognisable (3:1).
        text / muted / unheard: words, secondary words, words not yet spoken.
        user / reply: the two voices, as text and as waves.
        reply_soft: its tint behind words.
        on_reply: text on a ``reply`` ground.
    """

    is_dark: bool
    ground: str
    panel: str
    raised: str
    hover: str
    line: str
    control_line: str
    text: str
    muted: str
    unheard: str
    user: str
    reply: str
    reply_soft: str
    on_reply: str
    good: str
    warning: str
    warning_soft: str
    danger: str
    danger_soft: str


LIGHT = Palette(
    is_dark=False,
    ground="#fcfbf9",
    panel="#f4f2ee",
    raised="#ffffff",
    hover="#e9e6e0",
    line="#e3dfd8",
    control_line="#8c877f",
    text="#1d1c1a",
    muted="#5c5852",
    unheard="#706b64",
    user="#0b6b66",
    reply="#5443b5",
    reply_soft="#e6e1fa",
    on_reply="#ffffff",
    good="#1d6b3a",
    warning="#7a4d00",
    warning_soft="#fbeed2",
    danger="#a8231b",
    danger_soft="#fbe5e2",
)

DARK = Palette(
    is_dark=True,
    ground="#17171a",
    panel="#1e1e22",
    raised="#26262b",
    hover="#323238",
    line="#323238",
    control_line="#85838c",
    text="#edecea",
    muted="#b3b0ab",
    unheard="#918e8a",
    user="#62cdc4",
    reply="#b3a7fb",
    reply_soft="#37315f",
    on_reply="#17171a",
    good="#78d39a",
    warning="#edbd5b",
    warning_soft="#3d3118",
    danger="#ff9a91",
    danger_soft="#4a2522",
)

TEXT_ON_GROUND = (
    ("text", ("ground", "panel", "raised", "hover", "reply_soft")),
    ("text", ("warning_soft", "danger_soft")),
    ("muted", ("ground", "panel", "raised", "hover")),
    ("unheard", ("ground",)),
    ("user", ("ground", "panel", "raised")),
    ("reply", ("ground", "panel", "raised", "reply_soft")),
    ("on_reply", ("reply",)),
    ("good", ("ground", "panel", "raised")),
    ("warning", ("ground", "panel", "raised", "warning_soft")),
    ("danger", ("ground", "panel", "raised", "danger_soft")),
)


def relative_luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb" (WCAG 2.2)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((relative_luminance(first), relative_luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
