"""Where log records go: a small rotating file, and warnings to stderr. Nothing of what was said.

Records are written on the thread that makes them; the audio callbacks make none.
"""

import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_NAME = "parley.log"

_MAX_BYTES = 1_000_000
_N_OLD_FILES = 3
_FILE_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(threadName)s %(name)s: %(message)s"
_DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"
_STDERR_FORMAT = "parley: %(levelname)s: %(message)s"

logger = logging.getLogger(__name__)


@contextmanager
def logging_to(folder: Path | None, level: int = logging.INFO) -> Generator[None]:
    """Logs to ``folder`` and stderr until left; only to stderr where the folder is None.

    A folder that cannot be written costs the file, not the start.
    """
    root = logging.getLogger()
    level_before = root.level
    handlers: list[logging.Handler] = [_stderr_handler()]
    failure: OSError | None = None
    if folder is not None:
        try:
            handlers.append(_file_handler(folder, level))
        except OSError as error:
            failure = error
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(min(level, logging.WARNING))
    if failure is not None:
        logger.warning("no log file in %s: %s", folder, failure)
    try:
        yield
    finally:
        root.setLevel(level_before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _stderr_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter(_STDERR_FORMAT))
    return handler


def _file_handler(folder: Path, level: int) -> logging.Handler:
    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        folder / LOG_NAME, maxBytes=_MAX_BYTES, backupCount=_N_OLD_FILES, encoding="utf-8"
    )
    formatter = logging.Formatter(_FILE_FORMAT, _DATE_FORMAT)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.setLevel(level)
    return handler
