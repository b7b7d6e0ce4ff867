"""Host paths used as server paths: what is neither under a mount nor in the image does not exist for the server."""

from __future__ import annotations

from typing import Any

import pytest

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.registry import arrange, run_checks
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import Facts, Unavailable
from ovms_doctor.model.facts.answers import Answer
from ovms_doctor.model.facts.questions import AnyQuestion, StatHost, StatPath
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan
from tests.configuration.build import MemoryCollector, configured_files, entry, listed
from tests.prediction.memory import MemoryFiles

MOUNT = Mount("/srv/models", "/models")


class Mounted(MemoryCollector):
    """Files in memory behind mounts: what is under no mount cannot be read."""

    def __init__(self, files: MemoryFiles, mount_points: tuple[str, ...]) -> None:
        super().__init__(files)
        self.mount_points = mount_points

    def collect(self, questions: Any, progress: Any = None) -> dict[AnyQuestion, Answer]:
        answers = super().collect(questions)
        for question in questions:
            inside = any(
                (question.path + "/").startswith(directory)
                for directory in (*self.mount_points, "/conf/", "/opt/x/")
            )
            if not isinstance(question, StatHost) and not inside:
                answers[question] = Unavailable("outside")
        return answers


def plan_and_findings(
    files: MemoryFiles,
    *arguments: str,
    mounts: tuple[Mount, ...] = (MOUNT,),
    bare: bool = False,
    directory: str = "/w",
) -> tuple[Plan, list[Finding]]:
    request = CheckOptions(
        arguments=(*arguments, "--rest_port", "1"),
        release="2026.3",
        mounts=mounts,
        bare_metal=bare,
        working_directory=directory,
    )
    settled = settled_run(request, Facts(), Mounted(files, tuple(f"{mount.server}/" for mount in mounts)))
    outcomes = run_checks(Context(settled.deployment, settled.plan, settled.facts))
    assert {outcome.status for outcome in outcomes} <= {"ran", "not_applicable"}
    return settled.plan, list(arrange(one for outcome in outcomes for one in outcome.findings))


def single(files: MemoryFiles, path: str, **more: object) -> tuple[Plan, list[Finding]]:
    return plan_and_findings(files, "--model_path", path, "--model_name", "m", **more)  # type: ignore[arg-type]


def host_files(*paths: str) -> MemoryFiles:
    return MemoryFiles({"/models/m/1/a.onnx": "good"}, host=set(paths))


def test_a_path_of_the_host_that_a_mount_covers() -> None:
    plan, (found,) = single(host_files("/srv/models/m"), "/srv/models/m")
    assert (plan.outcome, plan.exit_code, plan.models[0].status) == ("exits", 1, "PATH_INVALID")
    assert (found.code, found.severity, found.confidence) == ("OVD106", "error", "medium")
    assert found.server_log == ("Directory does not exist: /srv/models/m",)
    assert "is a path of this host, which is mounted at /models/m" in found.message
    assert found.remedy is not None
    assert "/models/m" in found.remedy.summary
    assert [step.text for step in found.remedy.steps] == ["Use /models/m for the model's base path."]


def test_a_version_directory_of_the_host_is_named_by_its_model_in_the_container() -> None:
    _, (found,) = single(host_files("/srv/models/m/1"), "/srv/models/m/1")
    assert "which is mounted at /models/m/1" in found.message
    assert found.remedy is not None
    assert [step.text for step in found.remedy.steps] == ["Use /models/m for the model's base path."]


@pytest.mark.parametrize("path", ["/srv/elsewhere/m", "/mnt/a/b/m", "/mnt/models/m", "/opt/models/m/1"])
def test_a_path_that_ends_as_one_below_a_mount_is_meant_there(path: str) -> None:
    plan, (found,) = single(host_files(), path)
    assert (plan.outcome, plan.exit_code, found.code) == ("exits", 1, "OVD106")
    assert found.remedy is not None
    assert "/models/m" in "".join(step.text for step in found.remedy.steps)


def test_a_path_of_the_host_that_no_mount_covers() -> None:
    _, (found,) = single(host_files("/data/m"), "/data/m")
    assert (found.code, found.confidence) == ("OVD106", "high")
    assert "no mount covers it (mounted: /srv/models at /models)" in found.message
    assert found.remedy is not None
    assert found.remedy.steps[0].command == "docker run -v /data/m:/data/m:ro …"


def test_a_path_that_is_missing_on_the_host_and_in_the_image() -> None:
    _, (found,) = single(host_files(), "/model/m")
    assert (found.code, found.confidence) == ("OVD106", "medium")
    assert "/model/m does not exist for the server" in found.message


@pytest.mark.parametrize(
    ("path", "host_path"),
    [
        ("/srv/elsewhere/other", "/other"),
        ("/home/ovms/m", "/home/ovms/m"),
        ("/usr/share/m", "/usr/share/m"),
        ("/var/lib/m", "/var/lib/m"),
        ("/ovms/m", "/ovms/m"),
        ("/opt", "/opt/m"),
        ("/data/../srv/m", "/data/m"),
    ],
)
def test_path_that_the_image_may_have_is_unavailable(path: str, host_path: str) -> None:
    plan, found = single(host_files(host_path), path)
    assert plan.outcome != "exits"
    assert "OVD106" not in {item.code for item in found}


@pytest.mark.parametrize(
    "path", ["/home/me/m", "/srv/m", "/mnt/m", "/tmp/x/m", "/opt/models/m", "/var/models/m"]
)
def test_a_path_below_the_images_directories_is_checked_on_the_host(path: str) -> None:
    _, (found,) = single(host_files(path), path)
    assert (found.code, found.confidence) == ("OVD106", "medium")
    assert any("the image may contain it" in item.observation for item in found.evidence)


def test_no_finding_without_a_mount_or_on_bare_metal() -> None:
    for more in ({"mounts": ()}, {"bare": True}):
        plan, found = single(host_files("/data/m"), "/data/m", **more)
        assert plan.outcome == "unknown"
        assert "OVD106" not in {item.code for item in found}


def test_mounted_path_is_read() -> None:
    plan, found = single(host_files("/srv/models/m"), "/models/m")
    assert (plan.outcome, found) == ("serves", [])


def test_a_relative_path_counts_from_the_containers_directory() -> None:
    plan, found = single(host_files("/data/m"), "m", directory="/data")
    assert plan.outcome == "unknown"
    assert "OVD106" not in {item.code for item in found}


def test_a_directory_above_a_mount_is_made_by_mounting() -> None:
    _, found = single(host_files("/data/m"), "/data", mounts=(MOUNT, Mount("/x", "/data/m")))
    assert "OVD106" not in {item.code for item in found}


@pytest.mark.parametrize("base", ["/models2/m", "/opt/models/m", "/mnt/a/b/m", "/config/m"])
def test_a_mounted_version_directory_is_served_from_the_directories_above_it(base: str) -> None:
    files = MemoryFiles({"/models/m/1/a.onnx": "good", f"{base}/3/a.onnx": "good"})
    plan, found = single(files, base, mounts=(MOUNT, Mount("/x", f"{base}/3")))
    assert (plan.outcome, found) == ("serves", [])
    assert [version.version for version in plan.models[0].versions] == [3]


def test_a_base_path_above_the_mounted_model_is_one_level_too_high() -> None:
    files = MemoryFiles({"/models2/m/1/a.onnx": "good"})
    plan, (found,) = single(files, "/models2", mounts=(MOUNT, Mount("/x", "/models2/m")))
    assert (plan.outcome, found.code) == ("serves", "OVD101")
    assert found.remedy is not None
    assert [step.text for step in found.remedy.steps] == ["Give the server --model_path /models2/m"]


@pytest.mark.parametrize("base", ["/usr/share/m", "/home/ovms/m", "/ovms/m"])
def test_the_images_files_beside_a_mount_are_unknown(base: str) -> None:
    files = MemoryFiles({f"{base}/3/a.onnx": "good"})
    plan, found = single(files, base, mounts=(Mount("/x", f"{base}/3"),))
    assert (plan.outcome, found[0].code) == ("unknown", "OVD903")


def test_a_configuration_of_the_host() -> None:
    plan, (found,) = plan_and_findings(host_files("/etc2/config.json"), "--config_path", "/etc2/config.json")
    assert (plan.outcome, plan.exit_code) == ("exits", 1)
    assert (found.code, found.confidence) == ("OVD405", "high")
    assert found.server_log == ("Configuration file is invalid /etc2/config.json",)
    assert found.remedy is not None
    assert found.remedy.steps[0].command == "docker run -v /etc2:/etc2:ro …"


def test_a_base_path_of_the_host_in_a_configuration() -> None:
    files = configured_files(listed(entry("m", "/srv/models/m"), entry("n", "/models/m")))
    files.files = {"/conf/config.json": files.files["/c/config.json"], "/models/m/1/a.onnx": "good"}
    files.host = {"/srv/models/m"}
    plan, (found,) = plan_and_findings(
        files, "--config_path", "/conf/config.json", mounts=(MOUNT, Mount("/c", "/conf"))
    )
    assert plan.outcome == "serves"
    assert (found.code, found.subject.model, found.recovers) == ("OVD106", "m", "config_change")


def test_host_is_queried_only_if_the_result_depends_on_it() -> None:
    files = host_files("/srv/models/m")
    single(files, "/models/m")
    assert not any(isinstance(question, StatHost) for question in files.questions)
    files = host_files("/data/m")
    single(files, "/data/m")
    assert StatHost("/data") in files.questions
    assert not any(isinstance(one, StatPath) and one.path == "/data/m" for one in files.questions)
