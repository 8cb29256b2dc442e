"""Runs a scripted conversation through the engine and writes what happened."""

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
from app.scenes.simulation import SceneOptions, Simulation, SimulationResult
from app.scenes.user_script import Line, line_of
from app.settings.settings import Settings
from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from audio_io.virtual_room import RoomSettings, speech_level
from model.files.whole_file import replacing, write_atomically


@dataclass(frozen=True, slots=True)
class SceneResult:
    """A finished scene; ``weights`` are the predictor's."""

    scene: Scene
    score: SceneScore
    run: SimulationResult
    weights: Mapping[str, str]

    def summary(self) -> dict[str, Any]:
        """Return the content of ``summary.json``."""
        score, transport = self.score.as_json(), self.run.transport
        return {
            "scene": self.scene.name,
            "model": self.run.model,
            "clock": "virtual_time" if self.run.is_virtual_time else "real time",
            "seconds": round(self.run.seconds, 2),
            "turns": score.pop("turns"),
            **score,
            "engine": {
                "input_xruns": transport.n_input_overflows,
                "output_xruns": transport.n_output_underflows,
                "starvations": transport.n_starvations,
                "late_callbacks": transport.n_late_callbacks,
                "longest_callback_gap_ms": round(transport.max_callback_gap_ms, 1),
                "reference_shifts": transport.n_reference_shifts,
                "queue_losses": transport.n_lost,
                "real_time_factor": round(self.run.real_time_factor, 3),
                "peak_memory_mb": round(self.run.peak_memory_mb, 1),
                "load_s": round(self.run.load_s, 2),
                "echo_return_loss_db": _rounded(self.run.echo_return_loss_db),
            },
        }


def run_scene(
    scene: Scene,
    factories: Factories,
    settings: Settings,
    options: SceneOptions,
    on_begin: Callable[[Simulation], None] | None = None,
) -> SceneResult:
    """Run ``scene`` to its end. Raises BadInputError for sound that cannot be used."""
    if options.model:
        settings = replace(settings, model=replace(settings.model, name=options.model))
    lines = tuple(_line(scene, i, user, factories) for i, user in enumerate(scene.users))
    simulation = Simulation(scene, lines, _room(scene, lines), factories, settings, options)
    if on_begin is not None:
        on_begin(simulation)
    run = simulation.run()
    score = SceneScorer(run.spoken, run.timeline, run.loudspeaker).score()
    return SceneResult(scene, score, run, factories.predictor_weights())


def write_result(result: SceneResult, out: Path) -> None:
    """Write recordings (FLAC), timeline, summary and replay. Raises BadInputError if it cannot."""
    run = result.run
    try:
        out.mkdir(parents=True, exist_ok=True)
        n = min(len(run.microphone), len(run.loudspeaker))
        _write_audio(
            out / "recording.flac", np.stack([run.microphone[:n], run.loudspeaker[:n]], axis=1)
        )
        _write_audio(out / "clean_user.flac", run.clean_user)
        lines = (json.dumps(entry, ensure_ascii=False) for entry in run.timeline)
        write_atomically(out / "timeline.jsonl", "".join(f"{line}\n" for line in lines))
        summary = json.dumps(result.summary(), ensure_ascii=False, indent=2)
        write_atomically(out / "summary.json", summary + "\n")
        _write_replay(result, out / INNER)
    except OSError as error:
        what = f"cannot be written: {error}"
        raise BadInputError(out, "", what, "choose another folder") from None


def _write_replay(result: SceneResult, folder: Path) -> None:
    """One that an earlier run left there is replaced."""
    if (folder / MANIFEST).is_file():
        shutil.rmtree(folder)
    writer = BundleWriter(folder, "scene", result.weights)
    for moment in result.run.moments:
        writer.take(moment)
    writer.close()


def read_audio(path: Path, scene: Path, key: str) -> Samples:
    """Return a file as float32 (n,) at 16 kHz. Raises BadInputError naming the scene's key."""
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        what = f"{path} is not audio that can be read ({error})"
        raise BadInputError(scene, key, what, "use WAV, FLAC or OGG") from None
    mono = samples.mean(axis=1)
    if not len(mono):
        raise BadInputError(scene, key, f"{path} holds no samples", "use a longer recording")
    if not np.isfinite(mono).all():
        raise BadInputError(scene, key, f"{path} holds values that are no numbers", "re-export it")
    if rate_hz != ENGINE_RATE_HZ:
        mono = soxr.resample(mono, rate_hz, ENGINE_RATE_HZ)
    return frozen(mono)


def _line(scene: Scene, i: int, user: Utterance, factories: Factories) -> Line:
    if user.wav:
        return line_of(user, read_audio(scene.file(user.wav), scene.path, f"user[{i}].wav"))
    try:
        return line_of(user, factories.synthesize(user.text, user.voice))
    except KeyError as error:
        key, what = f"user[{i}].voice", f"there is no voice {error}"
        raise BadInputError(scene.path, key, what, "see the list of voices") from None


def _room(scene: Scene, lines: tuple[Line, ...]) -> RoomSettings:
    plan = scene.room

    def sound(name: str, key: str) -> Samples | None:
        return read_audio(scene.file(name), scene.path, key) if name else None

    return RoomSettings(
        impulse_response=sound(plan.impulse_response, "room.impulse_response"),
        echo_db=plan.echo_db,
        delay_ms=plan.delay_ms,
        drift_ppm=plan.drift_ppm,
        clip_at=plan.clip_at,
        delay_jump_ms=plan.delay_jump_ms,
        delay_jump_every_s=plan.delay_jump_every_s,
        noise=sound(plan.noise, "room.noise"),
        snr_db=plan.snr_db,
        speech_dbfs=speech_level([line.samples for line in lines]),
    )


def _write_audio(path: Path, samples: Samples) -> None:
    with replacing(path) as partial:
        soundfile.write(partial, samples, ENGINE_RATE_HZ, subtype="PCM_16", format="FLAC")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
