"""What a set of clips consists of, as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from model.training.duplex.data.heard_clips import ClipInfo
from model.training.duplex.data.speakers import TEST

_MINUTE_S = 60.0


def report(infos: Sequence[ClipInfo], sound_licences: Sequence[str]) -> str:
    """Minutes by split, kind and language; speakers; licences of speech and of other sounds."""
    lines = [f"{len(infos)} clips, {_minutes(infos):.1f} min"]
    lines += _table("split", infos, lambda info: info.split)
    lines += _table("language", infos, lambda info: info.language)
    lines += _table("kind", infos, lambda info: info.kind)
    for split in sorted({info.split for info in infos}):
        speakers = {s for i in infos if i.split == split for s in i.speaker.split(",") if s}
        lines.append(f"speakers in {split}: {len(speakers)}")
    learnt = [info for info in infos if info.split != TEST]
    licences = {name for info in learnt for name in info.licence.split("; ") if name}
    lines.append("speech to learn from: " + ("; ".join(sorted(licences)) or "none"))
    lines.append("noises and rooms: " + ("; ".join(sound_licences) or "made"))
    return "\n".join(lines) + "\n"


def _table(title: str, infos: Iterable[ClipInfo], key: Callable[[ClipInfo], str]) -> list[str]:
    groups: defaultdict[str, list[ClipInfo]] = defaultdict(list)
    for info in infos:
        groups[key(info)].append(info)
    return [
        f"  {title} {name}: {len(group)} clips, {_minutes(group):.1f} min"
        for name, group in sorted(groups.items())
    ]


def _minutes(infos: Iterable[ClipInfo]) -> float:
    return sum(info.seconds for info in infos) / _MINUTE_S
