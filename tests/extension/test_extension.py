"""CPU extensions from the file to the findings: good ones, and each way in which one cannot be loaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ovms_doctor.diagnosis.settle import look
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
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with an entry point that brings nothing."""
    return build(tmp_path_factory.mktemp("bare"), made.ENTRY)


# -- healthy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [False, True], ids=["target", "arguments"])
def test_a_good_extension_brings_the_operation(library: Path, tmp_path: Path, words: bool) -> None:
    seen = judge(model(tmp_path), library, words=words, load="compile")
    assert (seen.codes, seen.outcome, seen.served) == ([], ("serves", None), (1,))
    assert seen.extension.loaded
    assert seen.seen.plan.models[0].versions[0].attempt.basis == "compiled"  # type: ignore[union-attr]


def test_without_it_the_model_needs_one(tmp_path: Path) -> None:
    seen = judge(model(tmp_path), None)
    assert "OVD321" in seen.codes
    assert seen.outcome == ("exits", 1)
    assert seen.seen.plan.extension is None


def test_a_model_that_needs_none_is_served_with_one(library: Path, tmp_path: Path) -> None:
    seen = judge(model(tmp_path, "ReLU", "opset1"), library)
    assert (seen.codes, seen.served) == ([], (1,))


def test_a_link_leads_to_the_library(library: Path, tmp_path: Path) -> None:
    (tmp_path / "link.so").symlink_to(library)
    seen = judge(model(tmp_path), tmp_path / "link.so")
    assert (seen.codes, seen.served) == ([], (1,))


@pytest.mark.needs_module("openvino_tokenizers")
def test_the_library_of_the_tokenizers(tmp_path: Path) -> None:
    from importlib.metadata import files

    (found,) = [
        file for file in files("openvino-tokenizers") or () if file.name == "libopenvino_tokenizers.so"
    ]
    tokenizers = Path(str(found.locate()))
    seen = judge(model(tmp_path / "a", "ReLU", "opset1"), tokenizers)
    assert (seen.codes, seen.served, seen.extension.loaded) == ([], (1,), True)
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
    ("make", "code", "outcome", "words"),
    [
        (_text, "OVD352", ("exits", 1), "does not begin as an ELF file"),
        (_empty, "OVD352", ("exits", 1), "empty"),
        (_head, "OVD352", ("exits", 1), "ends after 20 bytes"),
        (_half, "OVD352", ("exits", None), "are to be loaded"),
        (_object, "OVD352", ("exits", 1), "no shared library"),
        (_directory, "OVD351", ("exits", 1), "not a file but a directory"),
        (_fifo, "OVD358", ("never_ends", None), "FIFO"),
        (_bits, "OVD353", ("exits", 1), "32-bit"),
        (_machine, "OVD353", ("exits", 1), "aarch64"),
        (for_other_openvino, "OVD354", ("exits", 1), "2023.3.0"),
    ],
)
def test_a_file_that_is_no_extension_for_this_server(
    bare: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], object],
    code: str,
    outcome: tuple[str, int | None],
    words: str,
) -> None:
    target = tmp_path / "libmine.so"
    make(bare, target)
    seen = judge(model(tmp_path), target)
    assert (seen.codes, seen.outcome) == ([code], outcome)
    assert words in seen.only.message
    assert seen.only.severity == "error"
    assert seen.only.evidence
    assert not any(isinstance(question, LoadExtension) for question, _ in seen.seen.facts)


@pytest.mark.parametrize("words", [False, True], ids=["target", "arguments"])
def test_one_that_is_not_there(tmp_path: Path, words: bool) -> None:
    seen = judge(model(tmp_path), tmp_path / "gone.so", words=words)
    assert (seen.codes, seen.outcome) == (["OVD406"], ("exits", 64))
    assert "--cpu_extension parameter does not exist" in seen.only.message


@pytest.mark.parametrize("make", [_bits, _machine])
def test_another_machine_on_this_very_host(
    bare: Path, tmp_path: Path, make: Callable[[Path, Path], object]
) -> None:
    make(bare, tmp_path / "libmine.so")
    seen = judge(model(tmp_path), tmp_path / "libmine.so", words=True)
    assert (seen.codes, seen.outcome) == (["OVD353"], ("exits", 1))


def test_no_entry_point(tmp_path: Path) -> None:
    seen = judge(model(tmp_path), build(tmp_path, made.NO_ENTRY))
    assert (seen.codes, seen.outcome) == (["OVD356"], ("exits", 1))


def test_until_2023_there_were_other_entry_points(tmp_path: Path) -> None:
    library = build(tmp_path, made.NO_ENTRY)
    library.write_bytes(library.read_bytes().replace(LIBRARY.encode(), b"libopenvino.so.2330"))
    seen = judge(model(tmp_path, "ReLU", "opset1"), library, release="2023.3")
    assert (seen.codes, seen.served) == ([], (1,))


@pytest.mark.needs_root
def test_one_that_the_servers_user_may_not_read(bare: Path, world_dir: Path) -> None:
    shutil.copy(bare, world_dir / "libmine.so")
    models = model(world_dir, "ReLU", "opset1")
    (world_dir / "libmine.so").chmod(0o640)
    seen = judge(models, world_dir / "libmine.so", as_user=True)
    assert (seen.codes, seen.outcome) == (["OVD351"], ("exits", 1))
    assert "mode 0640" in seen.only.evidence[0].observation
    (world_dir / "libmine.so").chmod(0o644)
    assert judge(models, world_dir / "libmine.so", as_user=True).codes == []


# -- loaded in a child -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "code", "exit_code", "words"),
    [
        (made.UNDEFINED, "OVD357", 1, "undefined symbol: my_function"),
        (made.THROWS, "OVD357", 1, "boom create"),
        (made.ABORTS, "OVD357", 134, "signal 6"),
        (made.THROWS_EARLY, "OVD357", 134, "signal 6"),
        (made.FAULTS, "OVD357", 139, "signal 11"),
    ],
    ids=["undefined symbol", "throws", "aborts", "throws early", "segmentation fault"],
)
def test_code_that_fails(tmp_path: Path, source: str, code: str, exit_code: int, words: str) -> None:
    seen = judge(model(tmp_path), build(tmp_path, source))
    assert (seen.codes, seen.outcome) == ([code], ("exits", exit_code))
    assert words in seen.only.message
    assert bool(seen.only.server_log) is (exit_code == 1)


def test_code_that_never_comes_back(tmp_path: Path) -> None:
    seen = judge(model(tmp_path), build(tmp_path, made.SLEEPS), load_deadline=2.0)
    assert seen.seen.plan.outcome == "unknown"
    (finding,) = [finding for finding in seen.findings if finding.code == "OVD358"]
    assert (finding.severity, finding.confidence) == ("warning", "medium")


def test_a_library_that_brings_another_operation(library: Path, tmp_path: Path) -> None:
    seen = judge(model(tmp_path, "CustomGelu"), library)
    assert (seen.codes, seen.outcome) == (["OVD359"], ("exits", 1))
    assert "CustomGelu" in seen.only.message


# -- what it asks for besides ------------------------------------------------------------------------------


def test_a_library_that_not_every_image_has(tmp_path: Path) -> None:
    plain_library(tmp_path / "other", "libother.so")
    library = build(tmp_path / "ext", made.ENTRY, f"-L{tmp_path / 'other'}", "-lother")
    seen = judge(model(tmp_path, "ReLU", "opset1"), library)
    assert (seen.codes, seen.outcome, seen.served) == (["OVD355"], ("serves", None), (1,))
    assert (seen.only.severity, seen.only.confidence) == ("warning", "low")
    assert "libother.so" in seen.only.message
    assert not seen.extension.loaded


def test_one_that_lies_beside_it(tmp_path: Path) -> None:
    plain_library(tmp_path / "ext", "libother.so")
    library = build(tmp_path / "ext", made.ENTRY, f"-L{tmp_path / 'ext'}", "-lother", "-Wl,-rpath,$ORIGIN")
    seen = judge(model(tmp_path, "ReLU", "opset1"), library)
    assert (seen.codes, seen.extension.loaded) == ([], True)


def test_on_this_very_host_the_missing_library_is_the_servers_own(tmp_path: Path) -> None:
    plain_library(tmp_path / "other", "libother.so")
    library = build(tmp_path / "ext", made.ENTRY, f"-L{tmp_path / 'other'}", "-lother")
    seen = judge(model(tmp_path), library, words=True)
    assert (seen.codes, seen.outcome) == (["OVD357"], ("exits", 1))
    assert "libother.so: cannot open shared object file" in seen.only.message


# -- where it is not loaded --------------------------------------------------------------------------------


def test_nothing_is_loaded_where_nothing_is_to_be(library: Path, tmp_path: Path) -> None:
    seen = judge(model(tmp_path), library, load="none")
    assert not any(isinstance(question, LoadExtension) for question, _ in seen.seen.facts)
    assert [code for code in seen.codes if not code.startswith("OVD9")] == []
    assert seen.seen.plan.outcome == "unknown"


def test_for_another_openvino_it_is_only_read(library: Path, tmp_path: Path) -> None:
    """Right for the release; the OpenVINO here could not load it, and the model is not said to fail."""
    other = for_other_openvino(library, tmp_path / "libmine.so")
    seen = judge(model(tmp_path), other, release="2023.3")
    assert not any(isinstance(question, LoadExtension) for question, _ in seen.seen.facts)
    assert [code for code in seen.codes if not code.startswith("OVD9")] == []
    assert seen.seen.plan.outcome == "unknown"
    fine = judge(model(tmp_path / "fine", "ReLU", "opset1"), other, release="2023.3")
    assert (fine.codes, fine.served) == ([], (1,))


def test_recorded_facts_are_enough(library: Path, tmp_path: Path) -> None:
    """Judged again without the library: nothing is looked at, nothing loaded."""
    models = model(tmp_path, "CustomGelu")
    first = judge(models, library)
    asked = [question for question, _ in first.seen.facts]
    assert InspectLibrary(str(library)) in asked
    assert LoadExtension(str(library)) in asked
    _, facts = codec.load(codec.dump(first.seen.facts, {}))
    request = CheckOptions(
        targets=(str(models),), cpu_extension=str(library), release=RELEASE, working_directory="/"
    )
    again = judged(look(request, facts, None))
    assert again.findings == first.findings
