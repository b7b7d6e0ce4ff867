"""The report of a load: good models, each family of failures, crashes, memory."""

from __future__ import annotations

import json
import os
import re
import signal
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import msgspec
import pytest

from tests.probes.runtime.driver import DATA, run
from tests.probes.runtime.models import each_format, ir, onnx, operation, parameter, result

pytestmark = pytest.mark.slow

#: Element types by their names in OpenVINO 2026.4.
ELEMENT_TYPES = [
    *("f32", "f64", "f16", "bf16", "i4", "i8", "i16", "i32", "i64", "u1", "u4", "u8", "u16", "u32", "u64"),
    *("boolean", "string", "dynamic", "nf4", "f8e4m3", "f8e5m2", "u2", "u3", "u6", "f4e2m1", "f8e8m0"),
]
READ = "Exception from src/inference/src/cpp/core.cpp:84:\n"
COMPILE = "Exception from src/inference/src/cpp/core.cpp:117:\n"
#: Texts that the server itself logged ("Error: {text}; occurred during loading ov::Model …"), linked
#: with OpenVINO 2026.4.1; "{D}" is the directory. Files: text, or [file of data/, bytes kept].
SERVER_TEXTS = json.loads((DATA / "server_texts.json").read_text())


def tensor(names: list[str], element_type: str, shape: str) -> dict[str, object]:
    return {"names": names, "element_type": element_type, "shape": shape}


def alike(text: str) -> str:
    """A text in which the names of the frontends are sorted: their order differs from run to run."""
    return re.sub(
        r"(?<=Available frontends: )[a-z ]*", lambda found: " ".join(sorted(found[0].split())), text
    )


def write(directory: Path, text: str, name: str = "m.xml") -> Path:
    model = directory / name
    model.write_text(text)
    return model


def test_describes_inputs_and_outputs(package_path: list[str]) -> None:
    models = [DATA / name for name in ("fc.xml", "two.xml", "int.xml", "str.xml", "onnx_ok.onnx")]
    outcome = run([(model, "compile") for model in models], path=package_path)
    assert [(load["outcome"], load["stage"], load["message"]) for load in outcome.loads] == [
        ("ok", "compile", "")
    ] * 5
    assert [load["inputs"] for load in outcome.loads[:4]] == [
        [tensor(["x"], "f32", "[1,3]")],
        [tensor(["a"], "f32", "[1,4]"), tensor(["b"], "f32", "[1,4]")],
        [tensor(["input_ids"], "i64", "[1,?]")],
        [tensor(["text"], "string", "[?]")],
    ]
    assert outcome.loads[0]["outputs"] == [tensor(["y"], "f32", "[1,10]")]


def test_read_stops_before_compile() -> None:
    (load,) = run([(DATA / "fc.xml", "read")]).loads
    assert (load["level"], load["outcome"], load["stage"], load["detail"]) == ("read", "ok", "read", "")


def test_version_is_the_release() -> None:
    outcome = run([(DATA / "fc.xml", "read")])
    version = outcome.only("prepared")["version"]
    assert re.fullmatch(r"\d{4}\.\d+\.\d+", version)
    assert outcome.loads[0]["runtime"] == version


def test_every_format_reads_and_compiles(tmp_path: Path, package_path: list[str]) -> None:
    models = each_format(tmp_path)
    loads = run([(model, "compile") for model in models], path=package_path).loads
    assert [(load["outcome"], load["message"]) for load in loads] == [("ok", "")] * len(models)
    assert [load["inputs"] for load in loads] == [
        [tensor(["x"], "f32", "[1,3]")],
        [tensor(["x"], "f32", "[1,?]")],
        [tensor(["x:0"], "f32", "[1,4]")],
        [tensor(["input"], "f32", "[1,4]")],
        [],
        [tensor(["x"], "f32", "[1,4]")],
    ]


@pytest.mark.parametrize(
    ("names", "expected"), [(None, []), ("", []), ("b,a", ["a", "b"]), (r"a\,b,c", ["a,b", "c"])]
)
def test_all_names_of_an_input(
    tmp_path: Path, package_path: list[str], names: str | None, expected: list[str]
) -> None:
    model = write(tmp_path, ir(parameter(names=names), result()))
    (load,) = run([(model, "read")], path=package_path).loads
    assert load["inputs"] == [tensor(expected, "f32", "[1,4]")]


def test_long_names_are_not_cut(tmp_path: Path) -> None:
    names = [f"{letter * 100}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    model = write(tmp_path, ir(parameter(names=",".join(names)), result()))
    (load,) = run([(model, "read")]).loads
    assert load["inputs"][0]["names"] == names


def test_element_types_by_openvinos_names(tmp_path: Path, package_path: list[str]) -> None:
    models = [write(tmp_path, ir(parameter(name), result()), f"{name}.xml") for name in ELEMENT_TYPES]
    loads = run([(model, "read") for model in models], path=package_path).loads
    assert [load["inputs"][0]["element_type"] for load in loads] == ELEMENT_TYPES


@pytest.mark.parametrize(
    ("written", "shape"),
    [
        ("", "[]"),
        ("1,?,2..8,4..,..6,0", "[1,?,2..8,4..,..6,0]"),
        ("...", "[...]"),
        ("0..3,-1", "[..3,?]"),
    ],
)
def test_shapes_as_openvino_prints_them(
    tmp_path: Path, package_path: list[str], written: str, shape: str
) -> None:
    model = write(tmp_path, ir(parameter(shape=written), result()))
    (load,) = run([(model, "read")], path=package_path).loads
    assert (load["message"], load["inputs"]) == ("", [tensor([], "f32", shape)])


def test_names_of_an_input_that_are_not_utf8(tmp_path: Path, package_path: list[str]) -> None:
    model = tmp_path / "m.xml"
    model.write_bytes(ir(parameter(names="NAME,b"), result()).encode().replace(b"NAME", b"a \xff"))
    (load,) = run([(model, "read")], path=package_path).loads
    assert load["inputs"] == [tensor(["a \udcff", "b"], "f32", "[1,4]")]


@pytest.mark.parametrize("case", SERVER_TEXTS, ids=lambda case: case["about"])
def test_error_is_the_text_that_the_server_logged(
    tmp_path: Path, package_path: list[str], case: dict[str, object]
) -> None:
    files = case["files"]
    assert isinstance(files, dict)
    for name, content in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.write_text(content)
        else:
            file.write_bytes((DATA / content[0]).read_bytes()[: content[1]])
    # The server passes a SavedModel as its directory and a slash.
    (load,) = run([(f"{tmp_path}/{case['load']}", "compile")], path=package_path).loads
    assert (load["outcome"], load["stage"]) == ("failed", "read")
    assert alike(load["message"]) == alike(str(case["text"]).replace("{D}", str(tmp_path)))


def fails(tmp_path: Path, model: str, package_path: list[str]) -> str:
    (load,) = run([(write(tmp_path, model), "read")], path=package_path).loads
    assert (load["outcome"], load["inputs"], load["outputs"]) == ("failed", [], [])
    assert load["message"].startswith(READ)
    return str(load["message"])


def test_operations_that_the_release_lacks(tmp_path: Path, package_path: list[str]) -> None:
    unknown = ir(parameter(), operation("FancyRelu"), result())
    assert fails(tmp_path, unknown, package_path).endswith(
        "Opset opset1 doesn't contain the operation with type: FancyRelu\n\n"
    )
    extension = ir(parameter(), operation("FancyRelu", "extension"), result())
    assert fails(tmp_path, extension, package_path).endswith(
        "Cannot create FancyRelu layer o id:1 from unsupported opset: extension\n\n"
    )


def test_onnx_operation_without_a_conversion(tmp_path: Path, package_path: list[str]) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(onnx("NotAnOp"))
    (load,) = run([(model, "read")], path=package_path).loads
    assert load["outcome"] == "failed"
    assert "No conversion rule found for operations: NotAnOp" in load["message"]


def test_compile_refuses_what_read_accepts(tmp_path: Path, package_path: list[str]) -> None:
    model = write(tmp_path, ir(parameter(shape="...", names="x"), operation("ReLU"), result()))
    (load,) = run([(model, "compile")], path=package_path).loads
    assert (load["outcome"], load["stage"]) == ("failed", "compile")
    assert load["message"].startswith(COMPILE)
    assert "CPU plug-in doesn't support Parameter operation with dynamic rank" in load["message"]
    assert load["inputs"] == [tensor(["x"], "f32", "[...]")]


def test_names_that_are_not_utf8(tmp_path: Path, package_path: list[str]) -> None:
    for name, source in ((b"\xff.xml", "fc.xml"), (b"\xff.bin", "fc.bin")):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write((DATA / source).read_bytes())
    with open(os.path.join(os.fsencode(tmp_path), b"\xfe.xml"), "wb") as file:
        file.write(b"junk")
    good, bad = (os.path.join(str(tmp_path), os.fsdecode(name)) for name in (b"\xff.xml", b"\xfe.xml"))
    first, second = run([(good, "read"), (bad, "read")], path=package_path).loads
    assert (first["outcome"], second["outcome"]) == ("ok", "failed")
    if second["message"] or not package_path:
        assert f'Unable to read the model: "{bad}"' in second["message"]
    else:  # the package, with a Python that drops such texts
        assert second["detail"] == "OpenVINO's text was lost, because it is not UTF-8"


def test_a_crash_ends_the_process_by_its_signal(tmp_path: Path) -> None:
    broken = operation("ReadValue", "opset6", "<data/>")
    model = write(tmp_path, ir(parameter(), broken, result()))
    outcome = run([(DATA / "fc.xml", "read"), (model, "read"), (DATA / "fc.xml", "read")])
    assert outcome.code == -signal.SIGSEGV
    assert [line["outcome"] for line in outcome.lines if "level" in line] == ["ok"]


def test_failures_leave_the_process_usable(tmp_path: Path, package_path: list[str]) -> None:
    invalid = write(tmp_path, "junk")
    jobs: list[tuple[str | Path, str]] = [(invalid, "read"), (DATA / "fc.xml", "compile")] * 5
    loads = run(jobs, path=package_path).loads
    assert [load["outcome"] for load in loads] == ["failed", "ok"] * 5
    assert {load["message"] for load in loads[1::2]} == {""}


def test_an_impossible_allocation_is_out_of_memory(tmp_path: Path, package_path: list[str]) -> None:
    chain = (operation("ReLU"), result())
    huge = write(tmp_path, ir(parameter(shape="2000000000,8", names="x"), *chain))
    huge_then_small: list[tuple[str | Path, str]] = [(huge, "compile"), (DATA / "fc.xml", "compile")]
    outcome = run(huge_then_small, path=package_path)
    load, after = outcome.loads
    assert (load["outcome"], load["stage"]) == ("out_of_memory", "compile")
    assert "std::bad_alloc" in load["message"]
    assert load["inputs"] == [tensor(["x"], "f32", "[2000000000,8]")]
    assert "bytes of address space" in load["detail"]
    assert after["outcome"] == "ok"
    assert outcome.only("limits") == {"address space kept": True, "core": 0}


def test_weights_that_cannot_be_mapped_are_out_of_memory(tmp_path: Path) -> None:
    model = write(tmp_path, (DATA / "fc.xml").read_text())
    # Sparse, and larger than the hard limit that simulates a machine without free memory.
    with (tmp_path / "m.bin").open("wb") as weights:
        weights.truncate(64 << 30)
    limited = (
        "import resource,runpy,sys;resource.setrlimit(resource.RLIMIT_AS,(8<<30,8<<30));"
        "sys.argv=sys.argv[1:];runpy.run_path(sys.argv[0],run_name='__main__')"
    )
    (load,) = run([(model, "read")], python=("-c", limited)).loads
    assert (load["outcome"], load["stage"]) == ("out_of_memory", "read")
    assert "Cannot allocate memory" in load["message"]


def test_memory_limit_bounds_a_load(tmp_path: Path) -> None:
    model = write(tmp_path, ir(parameter(shape="1,400000000"), operation("ReLU"), result()))
    (bounded,) = run([(model, "compile")], memory_limit=512 << 20).loads
    assert (bounded["outcome"], bounded["stage"]) == ("out_of_memory", "compile")
    small: list[tuple[str | Path, str]] = [(DATA / "fc.xml", "compile")]
    (unhurt,) = run(small, memory_limit=512 << 20).loads
    assert unhurt["outcome"] == "ok"


def test_nothing_is_imported_after_prepare(tmp_path: Path) -> None:
    models = [*each_format(tmp_path), str(tmp_path / "nothing.xml")]
    outcome = run([(model, level) for model in models for level in ("read", "compile")])
    assert outcome.code == 0
    assert outcome.only("imported") == []
    modules = outcome.only("prepared")["modules"]
    assert [name for name in modules if name.startswith("numpy.") or name == "openvino.frontend"] == []


def test_openvino_not_installed(tmp_path: Path) -> None:
    """Without site-packages, except the library that defines all data types."""
    (tmp_path / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    outcome = run([], path=[str(tmp_path)], python=("-B", "-E", "-S"))
    assert outcome.only("unavailable") == "the Python package openvino is not installed"


def test_openvino_broken(tmp_path: Path) -> None:
    package = tmp_path / "openvino"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('no\\nuse')\n")
    extension = package / f"_pyopenvino{EXTENSION_SUFFIXES[0]}"
    extension.write_text("no library")
    reason = run([], path=[str(tmp_path)]).only("unavailable")
    assert reason.startswith("OpenVINO is installed but cannot be used: ")
    assert f"{extension}: file too short" in reason
    assert reason.endswith("; no use")


def test_openvino_of_another_python(tmp_path: Path) -> None:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text("from openvino import _pyopenvino\n")
    reason = run([], path=[str(tmp_path)]).only("unavailable")
    assert "the package has no extension module for this Python; cannot import name '_pyopenvino'" in reason
