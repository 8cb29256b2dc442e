"""A progress bar for terminals, which writes a line now and then where it goes to a log."""

from typing import Any, TextIO

from tqdm import tqdm

_TERMINAL_REFRESH_S = 0.2
_LOG_REFRESH_S = 10.0


class ProgressBar(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """A bar of tqdm without its watching thread: reports arrive by themselves."""

    monitor_interval = 0

    def __init__(self, stream: TextIO, **options: Any) -> None:  # noqa: ANN401 - those of tqdm
        refresh_s = _TERMINAL_REFRESH_S if stream.isatty() else _LOG_REFRESH_S
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            file=stream, mininterval=refresh_s, maxinterval=refresh_s, dynamic_ncols=True, **options
        )

    def show(self, n_done: float, n_total: float | None = None) -> None:
        """Move the bar to ``n_done``, of ``n_total`` where that has changed."""
        self.total = self.total if n_total is None else n_total
        self.update(n_done - self.n)  # pyright: ignore[reportUnknownMemberType]
