"""The one door to a model hub: ``huggingface_hub``, which is imported by the first call.

Sends no token: what is fetched is public, and a mirror is no place for one. Files come as plain
HTTP ranges appended to a part file, because the library itself keeps nothing of a download that was
cut.
"""

import importlib
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.errors import WeightsError
from model.files.records import one_line
from model.store.network import NETWORK

log = logging.getLogger(__name__)

GET_LIBRARY = "python3 packaging/launch.py --speech-lm"

PartReport = Callable[[int], None]
"""Called with the bytes of the part file so far; what it raises ends the download."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a commit.

    Attributes:
        sha256: of large files; "" where the hub keeps the file in git itself.
        git_sha1: the file's git object; "" where only the other is known.
    """

    path: str
    n_bytes: int
    sha256: str
    git_sha1: str


@dataclass(frozen=True, slots=True)
class RemoteTree:
    """A commit and its files."""

    commit: str
    files: tuple[RemoteFile, ...]


class HuggingFaceHub:
    """The public hub, or a mirror that answers like it. Raises WeightsError with one line.

    Args:
        mirror: address such as "https://hub.example.org"; "" for the library's own choice.
    """

    def __init__(self, mirror: str = "") -> None:
        self._endpoint = mirror.rstrip("/") or None

    def tree(self, repo: str, revision: str) -> RemoteTree:
        """Return the commit behind ``revision`` and its files."""
        NETWORK.require(repo)
        hub = _library()
        with _explained(f"{repo}@{revision}"):
            api = hub.HfApi(endpoint=self._endpoint, token=False)
            info = api.model_info(repo, revision=revision, files_metadata=True)
        if not info.sha:
            raise WeightsError(f"{repo}@{revision}: the hub names no commit; is this a hub?")
        files = tuple(
            RemoteFile(
                path=str(sibling.rfilename),
                n_bytes=int(sibling.size or 0),
                sha256=str(sibling.lfs.sha256) if sibling.lfs else "",
                git_sha1=str(sibling.blob_id or "") if not sibling.lfs else "",
            )
            for sibling in info.siblings or ()
        )
        return RemoteTree(str(info.sha), files)

    def download(
        self, repo: str, commit: str, file: RemoteFile, part: Path, report: PartReport
    ) -> None:
        """Append what is missing of ``file`` to ``part``."""
        NETWORK.require(f"{repo}: {file.path}")
        hub = _library()
        transfer = importlib.import_module("huggingface_hub.file_download")
        url = hub.hf_hub_url(repo, file.path, revision=commit, endpoint=self._endpoint)
        headers = importlib.import_module("huggingface_hub.utils").build_hf_headers(token=False)
        with part.open("ab") as stream, _explained(f"{repo}: {file.path}"):
            transfer.http_get(
                url,
                stream,
                resume_size=stream.tell(),
                headers=headers,
                expected_size=file.n_bytes,
                displayed_filename=file.path,
                tqdm_class=_silent_bar(report),
            )


def _library() -> Any:  # noqa: ANN401  an optional package
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise WeightsError(
            f"fetching this model needs the speech language model's packages; run: {GET_LIBRARY}"
        ) from error


def _silent_bar(report: PartReport) -> type[Any]:
    """Return what the library takes for its progress bar: it draws nothing, tells ``report``."""

    class SilentBar(tqdm):  # pyright: ignore[reportMissingTypeArgument, reportUntypedBaseClass]
        monitor_interval = 0  # no thread of its own

        def __init__(self, *_: object, initial: int = 0, **__: object) -> None:
            super().__init__(disable=True)  # pyright: ignore[reportUnknownMemberType]
            self._n_bytes = initial

        def update(self, n: float | None = 1) -> bool | None:
            self._n_bytes += int(n or 0)
            report(self._n_bytes)
            return None

    return SilentBar


@contextmanager
def _explained(what: str) -> Generator[None]:
    """Turn the library's errors into one line with the remedy."""
    errors = importlib.import_module("huggingface_hub.errors")
    network = importlib.import_module("httpx2")
    try:
        yield
    except (errors.EntryNotFoundError, errors.OfflineModeIsEnabled, network.HTTPError) as error:
        raise WeightsError(f"{what}: {_reason(error, errors, network)}") from error
    except (network.InvalidURL, ValueError) as error:
        raise WeightsError(f"{what}: {one_line(str(error))}") from error


def _reason(error: Any, errors: Any, network: Any) -> str:  # noqa: ANN401  an optional package
    for kind, reason in (
        (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE is set; unset it to download"),
        (errors.GatedRepoError, "the publisher wants a registration on the hub"),
        (errors.RevisionNotFoundError, "the hub has no such revision"),
        (errors.RepositoryNotFoundError, "the hub has no such repository (or hides it)"),
        (errors.EntryNotFoundError, "the hub has no such file"),
    ):
        if isinstance(error, kind):
            return reason
    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(error.response, "status_code", "an error")
        return f"the hub answered {status}; try again later"
    unreachable = (network.TimeoutException, network.NetworkError, network.RemoteProtocolError)
    if isinstance(error, unreachable):
        log.info("the hub could not be reached: %s", type(error).__name__)
        return "the hub does not answer; check the network, or set a mirror"
    return f"{type(error).__name__}: {one_line(str(error))}"
