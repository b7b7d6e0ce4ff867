"""The demonstration repository and the recorded cases: their content is as described."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.cases_build import Case, Family, RecordedRelease, TreeEntry, build, load_cases

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
MODELS = FIXTURES / "models"

#: The layer's output for 1/8, 2/8 … 8/8; TensorFlow and ONNX's reference evaluator give the same.
ANSWER = [0.0, 0.0, 0.0, 0.0, 0.6171875, 0.953125, 0.4921875, 0.4296875]

GOOD = (
    "dense-ir/1/model.xml",
    "dense-onnx/1/model.onnx",
    "dense-paddle/1/inference.pdmodel",
    "dense-saved-model/1/",
    "dense-frozen/1/frozen_graph.pb",
    "dense-tflite/1/model.tflite",
    "model1/1/ir_model.xml",
    "newest-broken/1/model.xml",
)
BROKEN = {
    "lfs-pointer/1/model.xml": "Incorrect weights in bin file!",
    "truncated-weights/1/model.xml": "Incorrect weights in bin file!",
    "needs-extension/1/model.xml": (
        "Cannot create CustomReLU layer relu id:5 from unsupported opset: extension"
    ),
    "needs-tokenizers/1/lower_case.xml": (
        "Cannot create StringTensorUnpack layer unpack id:1 from unsupported opset: extension"
    ),
    "newest-broken/2/model.xml": "Start-end tags mismatch at offset",
}

#: Loads one model; importing openvino sends telemetry unless that module is kept from loading.
LOAD = """
import json, sys
sys.modules["openvino_telemetry"] = None
import numpy, openvino
core = openvino.Core()
try:
    model = core.read_model(sys.argv[1])
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
except RuntimeError as error:
    print(json.dumps({"refused": str(error)}))
else:
    given = numpy.arange(1, 9, dtype=numpy.float32).reshape(1, 8) / 8
    print(json.dumps({"answer": compiled(given)[0][0].tolist()}))
"""

needs_openvino = pytest.mark.needs_module("openvino", "numpy")


def load(path: str) -> dict[str, Any]:
    completed = subprocess.run(
        [sys.executable, "-c", LOAD, str(MODELS) + "/" + path],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(completed.stdout)
    return result


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FIXTURES / "generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@needs_openvino
@pytest.mark.parametrize("path", GOOD)
@pytest.mark.sample(every=4)
def test_a_good_model_compiles_and_computes_the_layer(path: str) -> None:
    assert load(path)["answer"] == pytest.approx(ANSWER, abs=1e-6)


@needs_openvino
@pytest.mark.parametrize("path", BROKEN)
@pytest.mark.sample(every=3)
def test_a_broken_model_is_refused(path: str) -> None:
    assert BROKEN[path] in load(path)["refused"]


def test_the_documented_models_have_the_documented_mistakes() -> None:
    assert sorted(os.listdir(MODELS / "model1/2")) == ["anotherfile.txt", "somefile.bin"]
    assert all(path.is_file() for path in (MODELS / "model2").iterdir())
    assert (MODELS / "model2/mapping_config.json").is_file()
    assert os.listdir(MODELS / "docs") == ["README.md"]


def test_the_readme_has_every_model_and_nothing_else() -> None:
    lines = (FIXTURES / "README.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == sorted(os.listdir(MODELS))


def test_committed_fixtures_equal_the_generated_ones() -> None:
    completed = generate("--check")
    assert (completed.stdout, completed.returncode) == ("", 0)


def test_check_names_every_difference_and_writing_removes_it(tmp_path: Path) -> None:
    copy = tmp_path / "models"
    shutil.copytree(MODELS, copy)
    (copy / "dense-onnx/1/model.onnx").write_bytes(b"")
    (copy / "dense-ir/1/model.bin").unlink()
    (copy / "stray").write_text("x")
    completed = generate("--check", "--directory", str(copy))
    assert completed.returncode == 1
    assert completed.stdout.splitlines() == [
        "missing: dense-ir/1/model.bin",
        "not generated: stray",
        "differs: dense-onnx/1/model.onnx",
    ]
    assert generate("--directory", str(copy)).returncode == 0
    assert generate("--check", "--directory", str(copy)).returncode == 0


RECORDINGS = [(release, family) for release in get_args(RecordedRelease) for family in get_args(Family)]


@pytest.mark.parametrize(("release", "family"), RECORDINGS)
def test_every_recorded_tree_can_be_built(release: RecordedRelease, family: Family, tmp_path: Path) -> None:
    cases = load_cases(release, family)
    assert len(cases) == {"serving": 181, "random": 401}[family]
    for case in cases.values():
        directory = tmp_path / case.id
        build(case, directory)
        # A mode set last may make the content unreadable for users other than root.
        if not any(entry.kind == "chmod" for entry in case.tree):
            assert all(os.path.lexists(directory / entry.path) for entry in case.tree), case.id


def test_both_releases_have_the_same_cases() -> None:
    for family in get_args(Family):
        older, newer = load_cases("2025.4", family), load_cases("2026.3", family)
        assert [(case.tree, case.arguments("/d")) for case in older.values()] == [
            (case.tree, case.arguments("/d")) for case in newer.values()
        ]


def test_the_directory_and_the_port_are_filled_in() -> None:
    case = load_cases("2026.3", "serving")["name-1"]
    port = ("--rest_port", "18080")
    assert case.arguments("/srv") == ("--model_path", "/srv/m", "--model_name", "m", *port)
    assert case.filled("files_tried", "/srv") == ["/srv/m/1/model.xml"]
    assert case.filled("cwd", "/srv") is None
    with_port = load_cases("2026.3", "serving")["cli-rest-port-70000"].arguments("/srv")
    assert with_port.count("--rest_port") == 1


@pytest.mark.parametrize(
    ("release", "id_", "uid", "code", "comparable"),
    [
        ("2026.3", "name-1", 0, None, True),
        ("2026.3", "name-plus1", 0, 1, True),
        ("2026.3", "perm-base-000", 5000, 64, False),
        ("2025.4", "perm-base-000", 5000, 1, True),
        ("2025.4", "f-fifo-xml", 0, None, False),
    ],
)
def test_how_a_recording_is_read(
    release: RecordedRelease, id_: str, uid: int, code: int | None, comparable: bool
) -> None:
    case = load_cases(release, "serving")[id_]
    assert (case.uid, case.exit_code, case.versions_comparable) == (uid, code, comparable)
    assert case.never_ends is (id_ == "f-fifo-xml")
    assert not case.polls_comparable


def test_polls_count_only_if_the_server_keeps_running() -> None:
    cases = load_cases("2026.3", "random").values()
    assert {case.exit_code for case in cases if case.polls_comparable} == {None}
    assert any(case.recorded.get("cycles_result") and not case.polls_comparable for case in cases)


def test_caveats_are_read_from_the_recording() -> None:
    cases = load_cases("2025.4", "serving")
    marked = {id_: case.caveats for id_, case in cases.items() if case.caveats}
    assert marked == {
        "lay-graph-pbtxt": {"graphs"},
        "f-two-xml-one-bin": {"order"},
        "f-macos-appledouble": {"order"},
        "f-two-bin": {"order"},
    }


def made(tmp_path: Path, *entries: TreeEntry) -> Path:
    build(Case("made", "serving", "2026.3", "", entries, {}, frozenset()), tmp_path / "d")
    return tmp_path / "d"


def test_contents_of_a_tree(tmp_path: Path) -> None:
    root = made(
        tmp_path,
        TreeEntry("a/text", "file", ("in {D}",)),
        TreeEntry("a/value", "json", ({"at": "{D}/a"},)),
        TreeEntry("a/bytes", "hex", ("00ff",)),
        TreeEntry("a/cut", "bincut", ("fc", 7)),
        TreeEntry("a/long", "binpad", ("fc", 7)),
        TreeEntry("a/mark", "xmlbom", ("fc",)),
        TreeEntry("link", "link", ("a/text",)),
        TreeEntry("pipe", "fifo", ()),
        TreeEntry("a", "chmod", ("750",)),
        TreeEntry("a/text", "chmod", ("400",)),
    )
    weights = (Path(__file__).parent / "data/cases/models/fc.bin").read_bytes()
    assert (root / "link").read_text() == f"in {root}"
    assert json.loads((root / "a/value").read_text()) == {"at": f"{root}/a"}
    assert (root / "a/bytes").read_bytes() == b"\x00\xff"
    assert (root / "a/cut").read_bytes() == weights[:7]
    assert (root / "a/long").read_bytes() == weights + bytes(7)
    assert (root / "a/mark").read_bytes().startswith(b"\xef\xbb\xbf<?xml")
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)
    modes = [stat.S_IMODE((root / name).stat().st_mode) for name in ("a", "a/text", "a/value")]
    assert modes == [0o750, 0o400, 0o644]


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="socket"):
        made(tmp_path, TreeEntry("x", "socket", ()))


def test_package_data_about_openvino_is_complete() -> None:
    data = files("ovms_doctor.model.releases") / "data"
    operations = json.loads((data / "opset-operations.json").read_text("utf-8"))
    assert operations["first_release"]["opset15"]["StringTensorUnpack"] == "2024.4.0"
    messages = json.loads((data / "openvino-messages.json").read_text("utf-8"))
    assert "from unsupported opset: extension" in messages["cases"]["op-extension"][-1]["text"]
