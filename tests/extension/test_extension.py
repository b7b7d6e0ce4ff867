"""CPU extensions from the file to the findings: good ones, and each way in which one cannot be loaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import InspectLibrary, LoadExtension, codec
from ovms_doctor.model.options import CheckOptions
from tests.extension import build as made
from tests.extension.build import LIBRARY, RELEASE, build, for_other_openvino, patched, plain_library
from tests.extension.run import judge, judged, model
from tests.probes.runtime.operation import OPERATION

pytestmark = [pytest.mark.slow, pytest.mark.needs_command("g++")]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An extension with the operation that the model uses."""
    return build(tmp_path_factory.mktemp("good"), OPERATION)


@pytest.fixture(scope="module")
def library_without_operations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with an entry point that registers no operation."""
    return build(tmp_path_factory.mktemp("bare"), made.ENTRY)


# -- healthy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_arguments", [False, True], ids=["target", "arguments"])
def test_a_good_extension_brings_the_operation(library: Path, tmp_path: Path, by_arguments: bool) -> None:
    judged = judge(model(tmp_path), library, by_arguments=by_arguments, load="compile")
    assert (judged.codes, judged.outcome, judged.served) == ([], ("serves", None), (1,))
    assert judged.extension.loaded
    assert judged.settled.plan.models[0].versions[0].attempt.basis == "compiled"  # type: ignore[union-attr]


def test_without_it_the_model_needs_one(tmp_path: Path) -> None:
    judged = judge(model(tmp_path), None)
    assert "OVD321" in judged.codes
    assert judged.outcome == ("exits", 1)
    assert judged.settled.plan.extension is None


def test_a_model_without_custom_operations_is_served_with_an_extension(library: Path, tmp_path: Path) -> None:
    judged = judge(model(tmp_path, "ReLU", "opset1"), library)
    assert (judged.codes, judged.served) == ([], (1,))


def test_a_link_leads_to_the_library(library: Path, tmp_path: Path) -> None:
    (tmp_path / "link.so").symlink_to(library)
    judged = judge(model(tmp_path), tmp_path / "link.so")
    assert (judged.codes, judged.served) == ([], (1,))


@pytest.mark.needs_module("openvino_tokenizers")
def test_the_library_of_the_tokenizers(tmp_path: Path) -> None:
    from importlib.metadata import files

    (found,) = [
        file for file in files("openvino-tokenizers") or () if file.name == "libopenvino_tokenizers.so"
    ]
    tokenizers = Path(str(found.locate()))
    judged = judge(model(tmp_path / "a", "ReLU", "opset1"), tokenizers)
    assert (judged.codes, judged.served, judged.extension.loaded) == ([], (1,), True)
    lacking = judge(model(tmp_path / "b"), tokenizers)
    assert (lacking.codes, lacking.outcome) == (["OVD359"], ("exits", 1))
    assert "ProbeIdentity" in lacking.only.message
    older = judge(model(tmp_path / "c", "ReLU", "opset1"), tokenizers, release="2025.4")
    assert (older.codes, older.outcome, older.only.confidence) == (["OVD354"], ("exits", 1), "high")


# -- read off the file, which is not loaded --------------------------------------------------------------


def _text(good: Path, target: Path) -> None:
    target.write_text("<!DOCTYPE html>\n")


def _empty(good: Path, target: Path) -> None:
    target.touch()


def _directory(good: Path, target: Path) -> None:
    target.mkdir()


def _fifo(good: Path, target: Path) -> None:
    os.mkfifo(target)


def _half(good: Path, target: Path) -> None:
    data = good.read_bytes()
    target.write_bytes(data[: len(data) // 3])


def _head(good: Path, target: Path) -> None:
    target.write_bytes(good.read_bytes()[:20])


def _bits(good: Path, target: Path) -> None:
    patched(good, target, 4, b"\x01")


def _machine(good: Path, target: Path) -> None:
    patched(good, target, 18, (183).to_bytes(2, "little"))


def _object(good: Path, target: Path) -> None:
    patched(good, target, 16, (1).to_bytes(2, "little"))


@pytest.mark.parametrize(
    ("make", "code", "outcome", "text"),
    [
        (_text, "OVD352", ("exits", 1), "does not begin like an ELF file"),
        (_empty, "OVD352", ("exits", 1), "empty"),
        (_head, "OVD352", ("exits", 1), "ends after 20 bytes"),
        (_half, "OVD352", ("exits", None), "of it are loaded"),
        (_object, "OVD352", ("exits", 1), "not a shared library"),
        (_directory, "OVD351", ("exits", 1), "not a file but a directory"),
        (_fifo, "OVD358", ("never_ends", None), "FIFO"),
        (_bits, "OVD353", ("exits", 1), "32-bit"),
        (_machine, "OVD353", ("exits", 1), "aarch64"),
        (for_other_openvino, "OVD354", ("exits", 1), "2023.3.0"),
    ],
)
def test_a_file_that_is_not_an_extension_is_refused(
    library_without_operations: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], object],
    code: str,
    outcome: tuple[str, int | None],
    text: str,
) -> None:
    target = tmp_path / "libmine.so"
    make(library_without_operations, target)
    judged = judge(model(tmp_path), target)
    assert (judged.codes, judged.outcome) == ([code], outcome)
    assert text in judged.only.message
    assert judged.only.severity == "error"
    assert judged.only.evidence
    assert not any(isinstance(question, LoadExtension) for question, _ in judged.settled.facts)


@pytest.mark.parametrize("by_arguments", [False, True], ids=["target", "arguments"])
def test_a_missing_extension_is_reported(tmp_path: Path, by_arguments: bool) -> None:
    judged = judge(model(tmp_path), tmp_path / "gone.so", by_arguments=by_arguments)
    assert (judged.codes, judged.outcome) == (["OVD406"], ("exits", 64))
    assert "--cpu_extension parameter does not exist" in judged.only.message


@pytest.mark.parametrize("by_arguments", [False, True], ids=["target", "arguments"])
@pytest.mark.parametrize("release", ["2022.3", "2026.3"])
def test_a_path_that_cannot_be_checked_ends_the_server_in_another_way(
    tmp_path: Path, release: str, by_arguments: bool
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    judged = judge(
        model(tmp_path, "ReLU", "opset1"), tmp_path / "loop", release=release, by_arguments=by_arguments
    )
    assert (judged.codes, judged.outcome) == (["OVD351"], ("exits", 1))
    assert judged.only.server_log == (
        "Exception catch: filesystem error: status: Too many levels of symbolic links "
        f"[{tmp_path / 'loop'}] - will now terminate.",
    )


@pytest.mark.needs_root
def test_a_directory_above_the_extension_is_closed(
    library_without_operations: Path, public_dir: Path
) -> None:
    (public_dir / "closed").mkdir(mode=0o700)
    shutil.copy(library_without_operations, public_dir / "closed" / "libmine.so")
    models = model(public_dir, "ReLU", "opset1")
    judged = judge(models, public_dir / "closed" / "libmine.so", as_user=True, by_arguments=True)
    assert (judged.codes, judged.outcome) == (["OVD351"], ("exits", 1))
    assert "status: Permission denied [" in judged.only.server_log[0]
    (public_dir / "closed").chmod(0o711)
    assert judge(models, public_dir / "closed" / "libmine.so", as_user=True, by_arguments=True).codes == []


@pytest.mark.parametrize("make", [_bits, _machine])
def test_another_machine_on_this_very_host(
    library_without_operations: Path, tmp_path: Path, make: Callable[[Path, Path], object]
) -> None:
    make(library_without_operations, tmp_path / "libmine.so")
    judged = judge(model(tmp_path), tmp_path / "libmine.so", by_arguments=True)
    assert (judged.codes, judged.outcome) == (["OVD353"], ("exits", 1))


def test_no_entry_point(tmp_path: Path) -> None:
    judged = judge(model(tmp_path), build(tmp_path, made.NO_ENTRY))
    assert (judged.codes, judged.outcome) == (["OVD356"], ("exits", 1))


def test_until_2023_there_were_other_entry_points(tmp_path: Path) -> None:
    library = build(tmp_path, made.NO_ENTRY)
    library.write_bytes(library.read_bytes().replace(LIBRARY.encode(), b"libopenvino.so.2330"))
    judged = judge(model(tmp_path, "ReLU", "opset1"), library, release="2023.3")
    assert (judged.codes, judged.served) == ([], (1,))


@pytest.mark.needs_root
def test_an_extension_unreadable_for_the_server_is_reported(
    library_without_operations: Path, public_dir: Path
) -> None:
    shutil.copy(library_without_operations, public_dir / "libmine.so")
    models = model(public_dir, "ReLU", "opset1")
    (public_dir / "libmine.so").chmod(0o640)
    judged = judge(models, public_dir / "libmine.so", as_user=True)
    assert (judged.codes, judged.outcome) == (["OVD351"], ("exits", 1))
    assert "mode 0640" in judged.only.evidence[0].observation
    (public_dir / "libmine.so").chmod(0o644)
    assert judge(models, public_dir / "libmine.so", as_user=True).codes == []


# -- loaded in a child -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "code", "exit_code", "text"),
    [
        (made.UNDEFINED, "OVD357", 1, "undefined symbol: my_function"),
        (made.THROWS, "OVD357", 1, "boom create"),
        (made.ABORTS, "OVD357", 134, "signal 6"),
        (made.THROWS_EARLY, "OVD357", 134, "signal 6"),
        (made.FAULTS, "OVD357", 139, "signal 11"),
    ],
    ids=["undefined symbol", "throws", "aborts", "throws early", "segmentation fault"],
)
def test_code_that_fails(tmp_path: Path, source: str, code: str, exit_code: int, text: str) -> None:
    judged = judge(model(tmp_path), build(tmp_path, source))
    assert (judged.codes, judged.outcome) == ([code], ("exits", exit_code))
    assert text in judged.only.message
    assert bool(judged.only.server_log) is (exit_code == 1)


def test_extension_that_never_returns(tmp_path: Path) -> None:
    judged = judge(model(tmp_path), build(tmp_path, made.SLEEPS), load_deadline=2.0)
    assert judged.settled.plan.outcome == "unknown"
    (finding,) = [finding for finding in judged.findings if finding.code == "OVD358"]
    assert (finding.severity, finding.confidence) == ("warning", "medium")


def test_a_library_that_brings_another_operation(library: Path, tmp_path: Path) -> None:
    judged = judge(model(tmp_path, "CustomGelu"), library)
    assert (judged.codes, judged.outcome) == (["OVD359"], ("exits", 1))
    assert "CustomGelu" in judged.only.message


# -- what it asks for besides ------------------------------------------------------------------------------


def test_a_library_missing_in_some_images(tmp_path: Path) -> None:
    plain_library(tmp_path / "other", "libother.so")
    library = build(tmp_path / "ext", made.ENTRY, f"-L{tmp_path / 'other'}", "-lother")
    judged = judge(model(tmp_path, "ReLU", "opset1"), library)
    assert (judged.codes, judged.outcome, judged.served) == (["OVD355"], ("serves", None), (1,))
    assert (judged.only.severity, judged.only.confidence) == ("warning", "low")
    assert "libother.so" in judged.only.message
    assert not judged.extension.loaded


def test_a_library_beside_the_extension_is_found(tmp_path: Path) -> None:
    plain_library(tmp_path / "ext", "libother.so")
    library = build(tmp_path / "ext", made.ENTRY, f"-L{tmp_path / 'ext'}", "-lother", "-Wl,-rpath,$ORIGIN")
    judged = judge(model(tmp_path, "ReLU", "opset1"), library)
    assert (judged.codes, judged.extension.loaded) == ([], True)


def test_on_this_very_host_the_missing_library_is_the_servers_own(tmp_path: Path) -> None:
    plain_library(tmp_path / "other", "libother.so")
    library = build(tmp_path / "ext", made.ENTRY, f"-L{tmp_path / 'other'}", "-lother")
    judged = judge(model(tmp_path), library, by_arguments=True)
    assert (judged.codes, judged.outcome) == (["OVD357"], ("exits", 1))
    assert "libother.so: cannot open shared object file" in judged.only.message


# -- where it is not loaded --------------------------------------------------------------------------------


def test_load_none_loads_no_extension(library: Path, tmp_path: Path) -> None:
    judged = judge(model(tmp_path), library, load="none")
    assert not any(isinstance(question, LoadExtension) for question, _ in judged.settled.facts)
    assert [code for code in judged.codes if not code.startswith("OVD9")] == []
    assert judged.settled.plan.outcome == "unknown"


def test_an_extension_for_another_openvino_is_only_read(library: Path, tmp_path: Path) -> None:
    """It is right for the release. The OpenVINO here could not load it, and the model is not reported as failing."""
    other = for_other_openvino(library, tmp_path / "libmine.so")
    judged = judge(model(tmp_path), other, release="2023.3")
    assert not any(isinstance(question, LoadExtension) for question, _ in judged.settled.facts)
    assert [code for code in judged.codes if not code.startswith("OVD9")] == []
    assert judged.settled.plan.outcome == "unknown"
    served = judge(model(tmp_path / "fine", "ReLU", "opset1"), other, release="2023.3")
    assert (served.codes, served.served) == ([], (1,))


def test_recorded_facts_are_enough(library: Path, tmp_path: Path) -> None:
    """The facts are evaluated again without the library: nothing is read and nothing is loaded."""
    models = model(tmp_path, "CustomGelu")
    first = judge(models, library)
    questions = [question for question, _ in first.settled.facts]
    assert InspectLibrary(str(library)) in questions
    assert LoadExtension(str(library)) in questions
    _, facts = codec.load(codec.dump(first.settled.facts, {}))
    request = CheckOptions(
        targets=(str(models),), cpu_extension=str(library), release=RELEASE, working_directory="/"
    )
    again = judged(settled_run(request, facts, None))
    assert again.findings == first.findings
