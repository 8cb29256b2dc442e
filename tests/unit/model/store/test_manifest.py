"""The weights manifest: the bundled one is sound, and a bad one is named in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import WeightsError
from model.store.manifest import MANIFEST_FORMAT, WEIGHTS_FILE, load_weights
from tests.fakes.manifests import parse_weights

ENTRY = {
    "name": "a",
    "path": "a.bin",
    "bytes": 3,
    "sha256": "0" * 64,
    "licence": "MIT",
    "purpose": "x",
    "groups": ["core"],
    "sources": [{"kind": "wheel", "parts": [{"from": "p==1.0", "member": "p/a.bin"}]}],
}


def document(**changes: object) -> dict[str, object]:
    entry = {**ENTRY, **changes}
    return {"format": MANIFEST_FORMAT, "groups": {"core": "the core"}, "weight": [entry]}


def test_bundled_manifest_has_every_default_weight_with_a_source() -> None:
    manifest = load_weights()
    core = {weight.path for weight in manifest.in_group("core")}
    assert {
        "silero_vad_16k_op15.onnx",
        "smart-turn-v3.2-cpu.onnx",
        "moonshine-tiny-en/encoder_model.ort",
        "moonshine-base-en/decoder_model_merged.ort",
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        "smollm2-135m-instruct-q4_1.gguf",
    } <= core
    assert all(weight.sources for weight in manifest)


def test_quick_group_is_core_without_the_large_language_model() -> None:
    manifest = load_weights()
    core = {weight.name for weight in manifest.in_group("core")}
    quick = {weight.name for weight in manifest.in_group("quick")}
    assert core - quick == {"qwen2.5-coder-0.5b"}
    assert quick <= core


def test_hd_voices_come_with_mandarin_speakers() -> None:
    names = {w.name for w in load_weights().in_group("hd-voices")}
    assert sum(name.startswith("kokoro-voice-") for name in names) == 54
    assert {"kokoro-voice-zf_xiaobei", "kokoro-voice-zm_yunxi"} <= names


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"path": "../escape.bin"}, "path"),
        ({"path": "/etc/passwd"}, "path"),
        ({"path": "C:/x"}, "path"),
        ({"path": "a\\b"}, "path"),
        ({"path": ".partial/x"}, "path"),
        ({"bytes": 0}, "bytes"),
        ({"bytes": True}, "bytes"),
        ({"sha256": "XYZ"}, "sha256"),
        ({"groups": ["nowhere"]}, "groups"),
        ({"groups": []}, "groups"),
        ({"sources": [{"kind": "ftp"}]}, "kind"),
        (
            {"sources": [{"kind": "wheel", "parts": [{"from": "p>=1", "member": "m"}]}]},
            "from",
        ),
        (
            {"sources": [{"kind": "wheel", "parts": [{"from": "--index-url=x", "member": "m"}]}]},
            "from",
        ),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_bad_entry_is_refused_with_file_and_key(changes: dict[str, object], key: str) -> None:
    with pytest.raises(WeightsError) as caught:
        parse_weights(document(**changes), "some.toml")
    message = str(caught.value)
    assert message.startswith("some.toml: ")
    assert f"{key}: " in message
    assert "\n" not in message


@pytest.mark.parametrize("key", sorted(ENTRY))
def test_missing_key_is_named(key: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != key}
    broken = {**document(), "weight": [entry]}
    with pytest.raises(WeightsError, match=f"{key}: is missing"):
        parse_weights(broken, "some.toml")


def test_repeated_name_is_refused() -> None:
    twice = {**document(), "weight": [ENTRY, {**ENTRY, "path": "b.bin"}]}
    with pytest.raises(WeightsError, match="unique"):
        parse_weights(twice, "some.toml")


def test_unknown_names_list_what_is_known() -> None:
    manifest = parse_weights(document(), "some.toml")
    with pytest.raises(WeightsError, match="known: a"):
        manifest.named("b")
    with pytest.raises(WeightsError, match="known: core"):
        manifest.in_group("b")


def test_unreadable_file_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.toml: is missing"):
        load_weights(tmp_path / "absent.toml")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(ENTRY)), values)
def test_any_value_of_any_key_is_read_or_refused_in_one_line(key: str, value: object) -> None:
    refusal = None
    try:
        parse_weights(document(**{key: value}), "some.toml")
    except WeightsError as error:
        refusal = str(error)
    assert refusal is None or refusal.startswith("some.toml")
    assert refusal is None or "\n" not in refusal


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "weights.toml"
    path.write_bytes(raw)
    with pytest.raises(WeightsError):
        load_weights(path)


def test_manifest_file_is_plain_toml() -> None:
    assert tomllib.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))["format"] == MANIFEST_FORMAT
