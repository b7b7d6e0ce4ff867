"""The rules about a CPU extension: facts in, the result of the start-up out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.run import begin, report_on
from ovms_doctor.diagnosis.settle import SettledRun
from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Facts,
    FactsMissingError,
    Failure,
    FileContent,
    InspectLibrary,
    LibraryInspection,
    LoadExtension,
    LoadReport,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.plan_problems import ExtensionPlan
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.extension import HEAD, extension_stops, needs_untried, plan_extension
from ovms_doctor.prediction.startup import plan
from tests.extension.run import judged

LIBRARY_INSPECTION = LibraryInspection(
    9000, "", "", 64, "x86-64", ("libopenvino.so.2540", "libc.so.6"), (), ("GLIBC_2.17",), True
)
LOCAL_LIBRARY = replace(LIBRARY_INSPECTION, local_openvino="libopenvino.so.2540")
PATH = "/ext/e.so"


def deployment(release: str = "2025.4") -> Deployment:
    return Deployment(
        "config",
        parse_release(release),
        "--ovms-version",
        models=(ModelEntry("m", "/m"),),
        options=CheckOptions(cpu_extension=PATH),
    )


def facts(library: LibraryInspection | Unavailable | None = None, *more: tuple[AnyQuestion, Answer]) -> Facts:
    known: dict[AnyQuestion, Answer] = {StatPath(PATH): PathStatus("regular", 9000)}
    known[ReadFile(PATH, HEAD)] = FileContent(b"\x7fELF", 9000)
    if library is not None:
        known[InspectLibrary(PATH)] = library
    return Facts({**known, **dict(more)})


def course(
    library: LibraryInspection | Unavailable, *more: tuple[AnyQuestion, Answer], release: str = "2025.4"
) -> ExtensionPlan:
    found = plan_extension(deployment(release), facts(library, *more))
    assert found is not None
    return found


def test_no_extension_is_searched_if_none_is_named() -> None:
    assert plan_extension(replace(deployment(), options=CheckOptions()), Facts()) is None
    deployed = deployment_for(
        CheckOptions(
            arguments=("--config_path", "/c.json", "--port", "9", "--cpu_extension", "e.so"),
            working_directory="/ext",
        ),
        Facts(),
    )
    with pytest.raises(FactsMissingError) as missing:
        plan_extension(deployed, Facts())
    assert missing.value.questions == (StatPath("/ext/e.so"),)


def test_extension_code_is_run_only_for_the_installed_openvino() -> None:
    with pytest.raises(FactsMissingError) as missing:
        course(LOCAL_LIBRARY)
    assert missing.value.questions == (LoadExtension(PATH),)
    assert (
        "the OpenVINO here is libopenvino.so.2641"
        in course(replace(LIBRARY_INSPECTION, local_openvino="libopenvino.so.2641")).untried
    )
    assert "missing" in course(LIBRARY_INSPECTION).untried
    assert course(LOCAL_LIBRARY, release="2025.3").problem == "openvino"


def test_extension_code_is_not_run_if_the_user_named_a_container() -> None:
    from ovms_doctor.model.container import Container

    deployed = replace(deployment(), container=Container("docker", "ovms"))
    found = plan_extension(deployed, facts(LOCAL_LIBRARY))
    assert found is not None
    assert "names it, not the user" in found.untried
    assert not found.unavailable


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("…\ndlopen: libOpenCL.so.1: cannot open shared object file: No such file or directory\n", ""),
        ("…\nlibc.so.6: version `GLIBC_2.38' not found (required by e.so)\n", ""),
        ("…\n/ext/e.so: undefined symbol: my_function\n", "refused"),
    ],
)
def test_library_missing_on_this_host_is_not_a_finding(message: str, reason: str) -> None:
    report = LoadReport("read", "failed", "read", message, "2025.4.0")
    found = course(LOCAL_LIBRARY, (LoadExtension(PATH), report))
    assert (found.problem, found.ends) == (reason, bool(reason))
    assert bool(found.untried) is not bool(reason)
    extension = plan_extension(
        replace(deployment(), bare_metal=True), facts(LOCAL_LIBRARY, (LoadExtension(PATH), report))
    )
    assert extension is not None
    assert extension.problem == "refused"


def test_a_c_library_missing_in_every_image_of_the_release() -> None:
    found = course(replace(LOCAL_LIBRARY, symbol_versions=("GLIBC_2.41",)))
    assert (found.problem, found.ends, found.missing) == ("libraries", True, ("GLIBC_2.41",))
    with pytest.raises(FactsMissingError):
        # On the server's own host it is loaded to try it.
        plan_extension(
            replace(deployment(), bare_metal=True),
            facts(replace(LOCAL_LIBRARY, symbol_versions=("GLIBC_2.41",))),
        )


def test_libraries_are_searched_in_the_paths_of_the_file() -> None:
    needs = replace(
        LOCAL_LIBRARY, needed=(*LOCAL_LIBRARY.needed, "libx.so"), search_paths=("$ORIGIN/deps", "/opt/x")
    )
    first, second = StatPath("/ext/deps/libx.so"), StatPath("/opt/x/libx.so")
    loaded = (LoadExtension(PATH), LoadReport("read", "ok", "read", "", "2025.4.0"))
    assert course(needs, (first, Failure(2)), (second, PathStatus("regular", 1)), loaded).missing == ()
    assert course(needs, (first, Failure(2)), (second, Failure(2)), loaded).missing == ("libx.so",)
    other = replace(needs, search_paths=("$LIB",))
    assert course(other, loaded).missing == ()


def test_signals_become_exit_codes() -> None:
    def ended(signal: int, release: str) -> int | None:
        library = replace(
            LOCAL_LIBRARY, needed=("libopenvino.so.2630",), local_openvino="libopenvino.so.2630"
        )
        if release == "2025.4":
            library = LOCAL_LIBRARY
        report = LoadReport("read", "crashed", "read", "", "x", signal)
        return course(library, (LoadExtension(PATH), report), release=release).exit_code

    assert ended(11, "2025.4") == 139
    assert ended(4, "2026.3") == 132
    assert ended(4, "2025.4") is None


def test_failed_query_is_a_gap_and_not_a_finding() -> None:
    reason = (
        "the Python package pyelftools is not installed; install it with: python -m pip install pyelftools"
    )
    known = facts(Unavailable(reason))
    no_models = replace(deployment(), models=())
    settled = plan(no_models, known).plan
    assert settled is not None
    assert settled.outcome == "serves"
    settled_run = SettledRun(no_models, settled, known)
    assert [code for code in judged(settled_run).codes if code.startswith("OVD35")] == []
    report = report_on(settled_run, OutputOptions(), begin(()))
    (check,) = [check for check in report.checks if check.name == "extension"]
    assert (check.status, check.reason) == ("could_not_look", f"{PATH}: {reason}")


def test_damaged_tables_lead_to_no_verdict() -> None:
    found = course(LibraryInspection(9000, "damaged", "its tables cannot be read: x", 64, "x86-64"))
    assert (found.problem, found.ends, found.unavailable) == ("", False, True)
    assert extension_stops(found, deployment()) is None


def test_model_refused_without_the_extension_is_not_reported_to_fail() -> None:
    untried = course(LIBRARY_INSPECTION)
    refused = LoadReport("read", "failed", "read", "not supported", "2026.4.1")
    release = parse_release("2025.4")
    assert "was not loaded here" in needs_untried(untried, None, refused, release)
    assert needs_untried(untried, None, replace(refused, outcome="ok", message=""), release) == ""
    assert needs_untried(None, None, refused, release) == ""
    assert needs_untried(replace(untried, untried="", loaded=True), None, refused, release) == ""
