"""The model files by set: purpose, size, licence, and buttons to get, stop and remove."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.session.commands import FetchWeights, SessionPort, StopFetching
from app.session.snapshot import DownloadInfo, EngineSnapshot
from app.settings.settings import Settings
from app.ui.settings.weight_sets import WeightSet, used_by, weight_sets
from app.ui.status.progress_text import download_words, megabytes
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import make_button, make_label, set_property

PERMILLE = 1000
MANY_FILES = 12  # more files of one kind are counted, not listed


class SetCard(QFrame):
    """A card for one set of files; the page sends the commands."""

    get_asked = Signal()
    stop_asked = Signal()
    remove_asked = Signal()

    def __init__(self, look: Look, found: WeightSet) -> None:
        super().__init__()
        self._look = look
        self.setProperty("kind", "card")
        words = look.words
        self.title = words.find(f"models.set.{found.id}", found.id)
        self.state = make_label("caption", wraps=True)
        self.progress = make_label("caption", wraps=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, PERMILLE)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(words("models.progress_of", name=self.title))
        self.get, self.stop, self.remove = make_button("primary"), make_button(), make_button()
        self.details = make_button("quiet")
        self.files = make_label("caption", wraps=True)
        self.files.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.files.setVisible(False)
        self._arrange(found)
        self.get.clicked.connect(self.get_asked)
        self.stop.clicked.connect(self.stop_asked)
        self.remove.clicked.connect(self.remove_asked)
        self.details.clicked.connect(lambda: self._unfold(not self.files.isVisible()))
        self._unfold(False)

    def show_set(self, found: WeightSet, download: DownloadInfo | None, *, is_used: bool) -> None:
        words = self._look.words
        is_running = download is not None and not download.error
        size = megabytes(found.missing_megabytes)
        for button, key in ((self.get, "get"), (self.stop, "stop"), (self.remove, "remove")):
            button.setText(words(f"models.{key}", size=size))
            button.setAccessibleName(words(f"models.{key}_of", name=self.title))
        self.get.setVisible(not found.is_complete and not is_running)
        self.stop.setVisible(is_running)
        self.remove.setVisible(bool(found.removable) and not is_used and not is_running)
        key = "needed" if is_used else "absent"
        if found.is_complete:
            key = "used" if is_used else "present"
        self.state.setText(words(f"models.{key}"))
        self.state.setVisible(not is_running)
        tone = "good" if found.is_complete else "warning" if is_used else ""
        set_property(self.state, "tone", tone)
        self.files.setText(_file_lines(found, self._look))
        self.show_download(download)

    def show_download(self, download: DownloadInfo | None) -> None:
        text = "" if download is None else download_words(download, self._look.words)
        if text != self.progress.text():
            self.progress.setText(text)
        self.progress.setVisible(bool(text))
        is_failed = download is not None and bool(download.error)
        set_property(self.progress, "tone", "danger" if is_failed else "")
        self.bar.setVisible(download is not None and not is_failed)
        if download is not None and download.n_bytes:
            self.bar.setValue(round(PERMILLE * download.n_done / download.n_bytes))

    def _arrange(self, found: WeightSet) -> None:
        words = self._look.words
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_S)
        column.setSpacing(tokens.SPACE_XS)
        column.addWidget(make_label("title", self.title, wraps=True))
        about = words.find(f"models.set.{found.id}.help", "")
        if about:
            column.addWidget(make_label("plain", about, wraps=True))
        licences = "; ".join(found.licences)
        facts = words("models.about", size=megabytes(found.megabytes), licence=licences)
        for label in (make_label("caption", facts, wraps=True), self.state, self.progress):
            column.addWidget(label)
        column.addWidget(self.bar)
        column.addSpacing(tokens.SPACE_XS)
        row = QHBoxLayout()
        row.setSpacing(tokens.SPACE_S)
        for button in (self.get, self.stop, self.remove):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.details)
        column.addLayout(row)
        column.addWidget(self.files)

    def _unfold(self, is_unfolded: bool) -> None:
        words = self._look.words
        self.files.setVisible(is_unfolded)
        self.details.setText(words("models.fewer" if is_unfolded else "models.files"))
        self.details.setAccessibleName(words("models.files_of", name=self.title))


class ModelsPage(QWidget):
    """The list of all sets.

    ``remove_asked`` carries the names of files and the title of their set.
    """

    remove_asked = Signal(tuple, str)

    def __init__(self, look: Look, session: SessionPort) -> None:
        super().__init__()
        self._look = look
        self._session = session
        self._downloads: tuple[DownloadInfo, ...] = ()
        self._n_changes = 0
        self._settings = session.settings()
        self._sets = {found.id: found for found in weight_sets(session.catalog.models())}
        self.cards = {name: SetCard(look, found) for name, found in self._sets.items()}
        self.consent = make_label("muted", wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, tokens.SPACE_S, 0, 0)
        column.setSpacing(tokens.SPACE_M)
        column.addWidget(self.consent)
        for name, card in self.cards.items():
            card.get_asked.connect(lambda n=name: self._send(FetchWeights, n))
            card.stop_asked.connect(lambda n=name: self._send(StopFetching, n))
            card.remove_asked.connect(
                lambda n=name: self.remove_asked.emit(self._sets[n].removable, self.cards[n].title)
            )
            column.addWidget(card)
        self._show()

    def show_settings(self, settings: Settings) -> None:
        self._settings = settings
        self._show()

    def show_picture(self, picture: EngineSnapshot) -> None:
        """Read the list of files again when one came or went."""
        if picture.n_weight_changes != self._n_changes:
            self._n_changes = picture.n_weight_changes
            self._downloads = picture.downloads
            self._sets = {found.id: found for found in weight_sets(self._session.catalog.models())}
            self._show()
        elif picture.downloads != self._downloads:
            are_same = _steps(picture.downloads) == _steps(self._downloads)
            self._downloads = picture.downloads
            if not are_same:
                self._show()
                return
            for name, card in self.cards.items():
                card.show_download(self._download_of(name))

    def _show(self) -> None:
        words = self._look.words
        is_closed = self._settings.privacy.network == "never"
        self.consent.setText(words("models.consent_never" if is_closed else "models.consent"))
        voices = self._session.catalog.voices()
        for name, card in self.cards.items():
            found = self._sets[name]
            is_used = used_by(found, self._settings, voices)
            card.show_set(found, self._download_of(name), is_used=is_used)

    def _download_of(self, name: str) -> DownloadInfo | None:
        names = self._sets[name].names
        return next((d for d in self._downloads if d.names == names), None)

    def _send(self, command: type[FetchWeights | StopFetching], name: str) -> None:
        self._session.send(command(self._sets[name].names))


def _steps(downloads: tuple[DownloadInfo, ...]) -> tuple[object, ...]:
    """Return what changes the buttons; the rest only moves a bar."""
    return tuple((info.names, bool(info.error)) for info in downloads)


def _file_lines(found: WeightSet, look: Look) -> str:
    """Return one line a file; many small files of one licence are counted instead."""
    words = look.words
    shown = sorted(found.weights, key=lambda weight: -weight.megabytes)[:MANY_FILES]
    lines = [
        words(
            "models.file",
            mark="✓" if weight.is_present else "–",
            name=weight.name,
            size=megabytes(weight.megabytes),
            licence=weight.licence,
            origin=weight.origin,
        )
        for weight in shown
    ]
    n_more = len(found.weights) - len(shown)
    if n_more:
        lines.append(words("models.more_files", n=n_more))
    return "\n".join(lines)
