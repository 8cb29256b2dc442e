"""Runs a scripted conversation through the engine and writes what happened.

``recording.flac`` (microphone | loudspeaker), ``clean_user.flac``, ``timeline.jsonl``,
``summary.json`` and a replay bundle; nothing is written when the scene cannot be run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from app.engine.factories import Factories
from app.messages.errors import BadInputError
from app.replay.bundle import INNER, MANIFEST
from app.replay.writer import BundleWriter
from app.scenes.scene_file import Scene, Utterance
from app.scenes.score import SceneScore, SceneScorer
from app.scenes.simulation import Simulation, SimulationConfig, SimulationResult, build_simulation
from app.scenes.user_script import Line, line_of
from app.settings.settings import Settings
from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from audio_io.virtual_room import RoomSettings, speech_level
from model.files.whole_file import write_atomically


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """How a scene is run; ``keeps_replay`` costs 130 kB of memory a second."""

    is_virtual_time: bool = False
    model: str = ""
    seed: int = 0
    keeps_replay: bool = False


@dataclass(frozen=True, slots=True)
class SceneResult:
    """A finished scene; ``weights`` are the predictor's."""

    scene: Scene
    score: SceneScore
    run: SimulationResult
    weights: Mapping[str, str]

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        score = self.score.as_json()
        return {
            "scene": self.scene.name,
            "model": self.run.model,
            "clock": "virtual_time" if self.run.is_virtual_time else "real time",
            "seconds": round(self.run.seconds, 2),
            "turns": score.pop("turns"),
            **score,
            "engine": {
                "input_xruns": self.run.n_input_overflows,
                "output_xruns": self.run.n_output_underflows,
                "starvations": self.run.n_starvations,
                "late_callbacks": self.run.n_late_callbacks,
                "real_time_factor": round(self.run.real_time_factor, 3),
                "peak_memory_mb": round(self.run.peak_memory_mb, 1),
                "load_s": round(self.run.load_s, 2),
                "echo_return_loss_db": _rounded(self.run.echo_return_loss_db),
            },
        }


def run_scene(
    scene: Scene,
    parts: Factories,
    settings: Settings,
    options: SceneOptions,
    on_stage: Callable[[Simulation], None] | None = None,
) -> SceneResult:
    """Runs ``scene`` to its end. Raises BadInputError for sound that cannot be used."""
    if options.model:
        settings = replace(settings, model=replace(settings.model, name=options.model))
    lines = tuple(_line(scene, i, user, parts) for i, user in enumerate(scene.users))
    room = _room(scene, lines)
    plan = SimulationConfig(scene, lines, room, parts, settings, options.seed, options.keeps_replay)
    stage = build_simulation(plan, is_virtual_time=options.is_virtual_time)
    if on_stage is not None:
        on_stage(stage)
    run = stage.run()
    scorer = SceneScorer(run.spoken, run.timeline, run.loudspeaker)
    return SceneResult(scene, scorer.score(), run, parts.predictor_weights())


def write_result(result: SceneResult, out: Path) -> None:
    """Writes the files and the replay. Raises BadInputError when ``out`` cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        n = min(len(result.run.microphone), len(result.run.loudspeaker))
        both = np.stack([result.run.microphone[:n], result.run.loudspeaker[:n]], axis=1)
        _write_audio(out / "recording.flac", both)
        _write_audio(out / "clean_user.flac", result.run.clean_user)
        lines = (json.dumps(entry, ensure_ascii=False) for entry in result.run.timeline)
        write_atomically(out / "timeline.jsonl", "".join(f"{line}\n" for line in lines))
        summary = json.dumps(result.summary(), ensure_ascii=False, indent=2)
        write_atomically(out / "summary.json", summary + "\n")
        _write_replay(result, out / INNER)
    except OSError as error:
        raise BadInputError(
            out, "", f"cannot be written: {error}", "choose another folder"
        ) from None


def _write_replay(result: SceneResult, folder: Path) -> None:
    """One that an earlier run left there is replaced."""
    if (folder / MANIFEST).is_file():
        shutil.rmtree(folder)
    writer = BundleWriter(folder, "scene", result.weights)
    for moment in result.run.moments:
        writer.take(moment)
    writer.close()


def read_audio(path: Path, scene: Path, key: str) -> Samples:
    """16 kHz mono. Raises BadInputError naming the scene's key."""
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise BadInputError(
            scene, key, f"{path} is not audio that can be read ({error})", "use WAV, FLAC or OGG"
        ) from None
    mono = samples.mean(axis=1)
    if not len(mono):
        raise BadInputError(scene, key, f"{path} holds no samples", "use a longer recording")
    if not np.isfinite(mono).all():
        raise BadInputError(scene, key, f"{path} holds values that are no numbers", "re-export it")
    if rate_hz != ENGINE_RATE_HZ:
        mono = soxr.resample(mono, rate_hz, ENGINE_RATE_HZ)
    return frozen(mono)


def _line(scene: Scene, i: int, user: Utterance, parts: Factories) -> Line:
    if user.wav is not None:
        return line_of(user, read_audio(user.wav, scene.path, f"user[{i}].wav"))
    try:
        return line_of(user, parts.synthesize(user.text, user.voice))
    except KeyError as error:
        raise BadInputError(
            scene.path, f"user[{i}].voice", f"there is no voice {error}", "see the list of voices"
        ) from None


def _room(scene: Scene, lines: tuple[Line, ...]) -> RoomSettings:
    plan = scene.room
    response = plan.impulse_response
    noise = plan.noise
    voices = [line.samples for line in lines]
    return RoomSettings(
        impulse_response=read_audio(response, scene.path, "room.impulse_response")
        if response
        else None,
        echo_db=plan.echo_db,
        delay_ms=plan.delay_ms,
        drift_ppm=plan.drift_ppm,
        noise=read_audio(noise, scene.path, "room.noise") if noise else None,
        snr_db=plan.snr_db,
        speech_dbfs=speech_level(voices),
    )


def _write_audio(path: Path, samples: Samples) -> None:
    partial = path.with_suffix(".partial.flac")
    soundfile.write(partial, samples, ENGINE_RATE_HZ, subtype="PCM_16")
    partial.replace(path)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
