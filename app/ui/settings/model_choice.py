"""The choice of the speech model: each one, whether it runs here, and a folder of your own."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.session.catalog import SpeechModelInfo
from app.session.commands import AddModelFolder, ApplySettings, RemoveWeights, SessionPort
from app.session.snapshot import EngineSnapshot
from app.settings.settings import Settings
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import empty_layout, make_button, make_label, set_property, show_text


class ModelRow(QFrame):
    """One model with its buttons."""

    def __init__(self, look: Look, info: SpeechModelInfo, *, is_used: bool) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        words = look.words
        self.info = info
        title = words.find(f"models.model.{info.name}", info.title)
        self.use, self.forget = make_button(), make_button("quiet")
        self.use.setText(words("models.used_now" if is_used else "models.use"))
        self.use.setAccessibleName(words("models.use_of", name=title))
        self.use.setEnabled(info.is_ready and not is_used)
        self.forget.setText(words("models.forget"))
        self.forget.setAccessibleName(words("models.forget_of", name=title))
        self.forget.setVisible(info.is_local and not is_used)
        self.reason = make_label("caption", info.reason, wraps=True)
        self.reason.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        set_property(self.reason, "tone", "" if info.is_ready else "warning")
        column = QVBoxLayout()
        column.setSpacing(tokens.SPACE_XS)
        column.addWidget(make_label("plain", title, wraps=True))
        facts = words(
            "models.model_facts", size=f"{info.megabytes / 1000:.1f}", licence=info.licence
        )
        if info.megabytes:
            column.addWidget(make_label("caption", facts, wraps=True))
        column.addWidget(self.reason)
        row = QHBoxLayout(self)
        row.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_M)
        row.setSpacing(tokens.SPACE_M)
        row.addLayout(column, 1)
        for button in (self.forget, self.use):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)


class ModelChoice(QWidget):
    """The list of all models.

    Attributes:
        rows: by the name that stands in the settings.
        ask_folder: opens the system's dialog; returns "" when nothing was chosen.
    """

    def __init__(self, look: Look, session: SessionPort) -> None:
        super().__init__()
        self._look = look
        self._session = session
        self._n_changes = -1
        self._settings = session.settings()
        self.rows: dict[str, ModelRow] = {}
        self.ask_folder: Callable[[], str] = self._ask_folder
        self._column = QVBoxLayout()
        self._column.setSpacing(tokens.SPACE_S)
        self.add = make_button()
        show_text(self.add, look.words("models.add_folder"))
        self.add.clicked.connect(self._add)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, tokens.SPACE_S, 0, tokens.SPACE_M)
        outer.setSpacing(tokens.SPACE_S)
        outer.addWidget(make_label("section", look.words("models.who_talks")))
        outer.addLayout(self._column)
        line = QHBoxLayout()
        line.addWidget(self.add)
        line.addStretch(1)
        outer.addLayout(line)
        self._build()

    def show_settings(self, settings: Settings) -> None:
        if settings.model != self._settings.model:
            self._settings = settings
            self._build()

    def show_picture(self, picture: EngineSnapshot) -> None:
        """List the models again when files came or went."""
        if picture.n_weight_changes != self._n_changes:
            self._n_changes = picture.n_weight_changes
            self._build()

    def _build(self) -> None:
        empty_layout(self._column)
        self.rows.clear()
        session = self._session
        for info in session.catalog.speech_models():
            row = ModelRow(self._look, info, is_used=info.name == self._settings.model.name)
            row.use.clicked.connect(lambda _=False, name=info.name: self._use(name))
            row.forget.clicked.connect(
                lambda _=False, name=info.name: session.send(RemoveWeights((name,)))
            )
            self.rows[info.name] = row
            self._column.addWidget(row)

    def _use(self, name: str) -> None:
        settings = self._session.settings().with_value("model", "name", name)
        self._session.send(ApplySettings(settings))

    def _add(self) -> None:
        folder = self.ask_folder()
        if folder:
            self._session.send(AddModelFolder(folder))

    def _ask_folder(self) -> str:
        title = self._look.words("models.add_folder")
        return QFileDialog.getExistingDirectory(self, title)
