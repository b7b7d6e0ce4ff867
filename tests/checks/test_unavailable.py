"""The remedy for a path that could not be read names what is missing: a mount, a package, a volume's content,
rights.
"""

from __future__ import annotations

import pytest

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.doctor import check
from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.container import Container, ContainerMount
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan

BASE = "/models/m"


def finding(cause: CouldNotLook, container: Container | None = None, **options: object) -> Finding:
    request = CheckOptions(arguments=("--config_path", "/c.json", "--port", "9000"), **options)  # type: ignore[arg-type]
    if container is not None:
        request = options_from_container(request, container)
    context = Context(deployment_for(request, Facts()), Plan("config", "unknown", unknown=cause), Facts())
    (found,) = check(context)
    return found


def mounted(kind: str, source: str = "docker-run", **more: object) -> Container:
    mount = ContainerMount("/models", kind, **more)  # type: ignore[arg-type]
    return Container(
        source, "a line", name="ovms", image="openvino/model_server:2026.3", arguments=(), mounts=(mount,)
    )  # type: ignore[arg-type]


def remedy_text(found: Finding) -> str:
    return " ".join(
        (found.remedy.summary, *(f"{step.text} {step.command or ''}" for step in found.remedy.steps))
    )


@pytest.mark.parametrize(
    ("container", "parts"),
    [
        (mounted("volume", name="weights"), ["docker volume inspect", "weights", "--mount ./copy:/models"]),
        (mounted("volume", "docker", name="weights"), ["docker cp ovms:/models ./copy"]),
        (mounted("claim", "kubernetes", name="data"), ["kubectl cp POD:/models ./copy -c ovms"]),
        (
            mounted("config", "kubernetes", name="ours", options=("configMap",)),
            ["kubectl get configmap ours -o yaml"],
        ),
        (mounted("config", "kubernetes", name="ours", options=("secret",)), ["kubectl get secret ours"]),
        (mounted("config", "kubernetes", name="a, b", options=("projected",)), ["--mount ./copy:/models"]),
        (mounted("config", "compose", name="ours"), ["Save the files", "--mount ./copy:/models"]),
        (mounted("tmpfs"), ["inspect the container"]),
        (mounted("other", "kubernetes", name="nfs"), ["kubectl cp"]),
    ],
)
def test_the_remedy_names_the_mount(container: Container, parts: list[str]) -> None:
    text = remedy_text(finding(CouldNotLook(BASE, "its files cannot be reached from here"), container))
    assert all(part in text for part in parts)
    assert "root can try" not in text


def test_a_path_in_the_image() -> None:
    container = Container("docker-run", "a line", image="own/image:1", arguments=())
    text = remedy_text(finding(CouldNotLook(BASE, "it lies in the image itself"), container))
    assert "docker create own/image:1" in text
    assert "--mount ./copy:/models/m" in text


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("the Python package openvino is not installed", "python3 -m pip install openvino"),
        ("boto3 cannot be loaded here (No module named 'boto3'): pip install boto3", "pip install boto3"),
        ("not among the recorded facts", "ovms-doctor collect"),
        ("interrupted", "Run it again"),
        ("the custom loader l is not run", "Read in the server's log"),
    ],
)
def test_by_the_reason(reason: str, part: str) -> None:
    text = remedy_text(finding(CouldNotLook(BASE, reason), bare_metal=True))
    assert part in text
    assert "root can try" not in text


def test_a_permission_gap_suggests_root() -> None:
    found = finding(
        CouldNotLook(BASE, "this process (uid 1000) has no permission to search /models"), bare_metal=True
    )
    assert "root can try" in remedy_text(found)


def test_a_mounted_directory_without_permission_is_not_a_missing_mount() -> None:
    container = mounted("bind", host="/srv/models")
    found = finding(
        CouldNotLook(BASE, "this process (uid 1000) has no permission to search /srv/models"), container
    )
    assert "root can try" in remedy_text(found)
