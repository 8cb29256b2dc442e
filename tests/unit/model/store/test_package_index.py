"""Finding a source archive on an index page."""

from __future__ import annotations

import pytest

from model.store.archives import find_sdist, index_urls

PAGE = """<!DOCTYPE html><html><body>
<a href="../../files/aa/Some_Voice-1.0.tar.gz#sha256=00">Some_Voice-1.0.tar.gz</a>
<a href="https://files.test/bb/some_voice-1.0-py3-none-any.whl">wheel</a>
<a href="https://files.test/cc/some-voice-1.0.1.tar.gz">later</a>
<a>no address</a>
</body></html>"""


def test_the_exact_version_is_found_in_any_spelling_of_the_name() -> None:
    url, filename = find_sdist(PAGE, "https://index.test/simple/some-voice/", "some.voice", "1.0")
    assert filename == "Some_Voice-1.0.tar.gz"
    assert url == "https://index.test/files/aa/Some_Voice-1.0.tar.gz#sha256=00"


def test_a_version_that_is_not_listed_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no source archive of some-voice 2\.0"):
        find_sdist(PAGE, "https://index.test/simple/some-voice/", "some-voice", "2.0")


def test_indexes_are_asked_in_the_order_of_pip() -> None:
    settings = {
        "index-url": "https://first.test",
        "extra-index-url": "https://b.test https://c.test",
    }
    assert index_urls(settings) == ["https://first.test", "https://b.test", "https://c.test"]


def test_without_a_setting_pip_names_its_default_index() -> None:
    (default,) = index_urls({})
    assert default.startswith("https://")
