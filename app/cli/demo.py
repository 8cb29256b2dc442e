"""``parley demo``: the bundled conversation in real time, printed as it is held."""

from pathlib import Path
from typing import TextIO

from app import main as composition
from app.dialogue.timeline import Entry
from app.scenes.run import SceneOptions, run_scene, write_result
from app.scenes.scene_file import read_scene
from app.scenes.simulation import Simulation

DEMO_SCENE = "first_talk.toml"


def run_demo(out: Path, model: str, screen: TextIO) -> int:
    """Print the transcript; leave recording and timeline in ``out``. Raises BadInputError."""
    scene = read_scene(composition.RESOURCES / "scenes" / DEMO_SCENE)
    settings, parts = composition.scene_factories(model)
    screen.write(f"Parley holds a conversation of at most {scene.end.at_most_s:.0f} s.\n")

    def watch(stage: Simulation) -> None:
        def show(entry: Entry) -> None:
            line = _line(entry)
            try:
                if line:
                    screen.write(line + "\n")
                    screen.flush()
            except BrokenPipeError:
                stage.end()

        stage.timeline.listen(show)

    result = run_scene(scene, parts, settings, SceneOptions(model=model, keeps_replay=True), watch)
    write_result(result, out)
    screen.write(f"The recording and the timeline are in {out}/.\n")
    return 0


def _line(entry: Entry) -> str:
    match entry["event"]:
        case "ready":
            return f"        ready after {entry['load_s']} s"
        case "transcript_final":
            return f"You     {entry['text']}"
        case "assistant_speech_ended":
            cut = " — you interrupted" if entry.get("was_cut") else ""
            return f"Parley  {entry['heard_text']}{cut}"
        case "answer_latency":
            return f"        answered after {entry['answer_ms']:.0f} ms"
        case "interrupted":
            return "        interrupted"
        case "error":
            return f"        error: {entry['message']}"
        case _:
            return ""
