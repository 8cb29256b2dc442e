"""Where log records go: a small rotating file, and warnings to stderr. Never what was said.

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
    """Log to ``folder`` and stderr for the time of the context; to stderr alone without a folder.

    A folder that cannot be written costs the file, not the start.
    """
    root = logging.getLogger()
    level_before = root.level
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setLevel(logging.WARNING)
    to_stderr.setFormatter(logging.Formatter(_STDERR_FORMAT))
    root.addHandler(to_stderr)
    root.setLevel(min(level, logging.WARNING))
    handlers: list[logging.Handler] = [to_stderr]
    if folder is not None:
        try:
            handlers.append(_file_handler(folder, level))
            root.addHandler(handlers[-1])
        except OSError as error:
            logger.warning("no log file in %s: %s", folder, error)
    try:
        yield
    finally:
        root.setLevel(level_before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


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
