"""A progress bar on a terminal, nothing elsewhere."""

from tqdm import tqdm


class Progress(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """A bar of ``total`` steps without the thread with which tqdm watches its bars."""

    monitor_interval = 0

    def __init__(self, total: int | None, what: str) -> None:
        super().__init__(total=total, desc=what, leave=False, disable=None)
