"""Model files grouped by the sets they are fetched in."""

from dataclasses import dataclass

from app.session.catalog import VoiceInfo, WeightInfo
from app.settings.settings import Settings

SET_OF_ANSWERS = {"standard": "core", "quick": "quick", "better": "better"}
"""Which set each choice of "model.answers" needs."""


@dataclass(frozen=True, slots=True)
class WeightSet:
    """Files that are only useful together."""

    id: str
    weights: tuple[WeightInfo, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(weight.name for weight in self.weights)

    @property
    def megabytes(self) -> float:
        return sum(weight.megabytes for weight in self.weights)

    @property
    def missing_megabytes(self) -> float:
        return sum(weight.megabytes for weight in self.weights if not weight.is_present)

    @property
    def is_complete(self) -> bool:
        return all(weight.is_present for weight in self.weights)

    @property
    def licences(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(weight.licence for weight in self.weights))

    @property
    def removable(self) -> tuple[str, ...]:
        """Return the names of files that no other set needs."""
        return tuple(w.name for w in self.weights if w.is_present and w.groups == (self.id,))


def weight_sets(models: tuple[WeightInfo, ...]) -> tuple[WeightSet, ...]:
    """Return the sets in the order of their first files, without those inside another set."""
    names = tuple(dict.fromkeys(group for model in models for group in model.groups))
    members = {name: frozenset(m.name for m in models if name in m.groups) for name in names}
    return tuple(
        WeightSet(name, tuple(model for model in models if name in model.groups))
        for name in names
        if not any(members[name] < members[other] for other in names)
    )


def sets_for_voices(
    voices: tuple[VoiceInfo, ...], models: tuple[WeightInfo, ...]
) -> tuple[WeightSet, ...]:
    """Return the sets of files that would make more of the voices speak."""
    needed = {name for voice in voices if not voice.is_available for name in voice.needs}
    missing = {model.name for model in models if not model.is_present} & needed
    return tuple(found for found in weight_sets(models) if missing.intersection(found.names))


def used_by(found: WeightSet, settings: Settings, voices: tuple[VoiceInfo, ...]) -> bool:
    """Return whether the settings need the set now or from the next start on."""
    if found.id in (SET_OF_ANSWERS.get(settings.model.answers), settings.model.name):
        return True
    chosen = settings.voice.preset.partition(":")[0].split("+")
    needs = {name for voice in voices if voice.id in chosen for name in voice.needs}
    return bool(needs.intersection(found.names))
