"""Sentences about loading and downloading: what, how far, how long."""

from app.session.snapshot import DownloadInfo, EngineSnapshot
from app.ui.theme.translations import Catalogue

BYTES_PER_MB = 1e6
MINUTE_S = 60.0
MINUTES_FROM_S = 90.0  # below, seconds say more than "1 min"


def loading_words(picture: EngineSnapshot, words: Catalogue) -> str:
    """Return what is being loaded, or ""."""
    if not picture.loading:
        return ""
    what = words.find(f"loading.{picture.loading.replace(' ', '_')}", picture.loading)
    return words("state.loading", what=what, share=f"{picture.loading_fraction:.0%}")


def download_words(info: DownloadInfo, words: Catalogue) -> str:
    """Return share, megabytes, speed and time left, as far as each is known."""
    if info.error:
        return words("models.failed", reason=info.error)
    if info.note:
        return words("models.note", note=info.note)
    if not info.n_bytes:
        return words("models.waiting")
    parts = [
        words(
            "models.amount",
            share=f"{info.n_done / info.n_bytes:.0%}",
            done=megabytes(info.n_done / BYTES_PER_MB),
            total=megabytes(info.n_bytes / BYTES_PER_MB),
        )
    ]
    if info.bytes_per_s > 0.0:
        parts.append(words("models.speed", speed=f"{info.bytes_per_s / BYTES_PER_MB:.1f}"))
    if info.left_s is not None:
        parts.append(words("models.left", left=duration(info.left_s, words)))
    return " · ".join(parts)


def megabytes(amount: float) -> str:
    """Return whole megabytes, or one decimal below ten."""
    return f"{amount:,.0f}" if amount >= 9.95 else f"{amount:.1f}"


def duration(seconds: float, words: Catalogue) -> str:
    """Return a duration rounded as people say it."""
    if seconds < MINUTES_FROM_S:
        return words("time.seconds", n=max(1, round(seconds)))
    return words("time.minutes", n=round(seconds / MINUTE_S))
