"""Files that changed after the running server read them: what is said, and how the server applies them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.live.drift import drift_finding, unlisted_finding
from ovms_doctor.model.container import Container
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import CausedBy
from ovms_doctor.model.live import (
    Address,
    ChangedPath,
    Drift,
    LiveServable,
    LiveStatus,
    LiveVersion,
    Observations,
)
from tests.prediction.memory import deployment, model_of, settle

ADDRESS = Address("localhost", 8000, False, False, True)
SERVED = (LiveServable("m", "model", (LiveVersion(1, "AVAILABLE", "OK", "available"),)),)
STATUS = LiveStatus(ADDRESS, (), (), Observations(), server="ovms", servables=SERVED)
CONTAINER = Container("docker", "ovms", name="ovms", engine="docker")
#: Of the start of the server, and of the change.
STARTED, CHANGED = 1_795_873_200.0, 1_795_876_800.0
START_TEXT, CHANGE_TEXT = "2026-11-28 13:40:00 UTC", "2026-11-28 14:40:00 UTC"
NEWER = "The next poll applies the change: the files are newer than the observations of the server."
NO_POLLS = "--file_system_poll_wait_seconds is 0"


def context(
    container: Container | None = CONTAINER,
    *,
    mode: str = "config",
    polls: bool = True,
    outcome: str = "serves",
) -> Context:
    server = deployment(mode=mode, container=container)
    plan = replace(settle(server, model_of("1")), polls=polls, outcome=outcome)  # type: ignore[arg-type]
    return Context(server, plan, Facts(complete=True))


def drift(kind: str, *paths: str, content: bool = True, **more: object) -> Drift:
    changed = tuple(ChangedPath(path, CHANGED, content) for path in paths)
    about = (None, None) if kind == "configuration" else ("m", 1)
    made = Drift(kind, *about, changed, STARTED, False, False)  # type: ignore[arg-type]
    return replace(made, **more)  # type: ignore[arg-type]


CONFIG = "/c/config.json"
NEW = "/m/2"


def test_a_configuration_that_is_not_read_again() -> None:
    found = drift_finding(
        context(polls=False), STATUS, drift("configuration", CONFIG, missing=("n",), extra=("o",))
    )
    assert (found.code, found.severity, found.recovers, found.confidence) == ("OVD848", "error", None, "high")
    assert found.message == (
        f"config.json was changed at {CHANGE_TEXT} and not reloaded: the server read it at {START_TEXT}."
    )
    assert found.detail == (
        "It names n, which the server does not have; the server still has o, which it does not name. "
        f"It does not read it again: {NO_POLLS}. The file is newer than the server's configuration."
    )
    assert [item.observation for item in found.evidence] == [
        f"{CONFIG}: content changed at {CHANGE_TEXT}",
        f"the server started at {START_TEXT}",
        "the server has m",
    ]
    assert [step.command for step in found.remedy.steps] == [
        "curl -sS -X POST http://localhost:8000/v1/config/reload",
        "docker restart ovms",
    ]


def test_a_configuration_whose_change_the_list_does_not_show() -> None:
    found = drift_finding(context(polls=False), STATUS, drift("configuration", CONFIG))
    assert (found.severity, found.confidence) == ("warning", "medium")
    assert found.detail.endswith("The list of servables does not show what it changes.")


def test_a_configuration_that_the_next_poll_reads() -> None:
    found = drift_finding(context(), STATUS, drift("configuration", CONFIG, next_poll=True, missing=("n",)))
    assert (found.severity, found.recovers, found.remedy.steps) == ("info", "next_poll", ())
    assert found.message == f"config.json was changed at {CHANGE_TEXT}, after the server's last poll."
    assert found.detail == f"It names n, which the server does not have. {NEWER}"
    assert found.remedy.summary == "Do nothing: the server applies the change by itself."


def test_a_configuration_that_the_server_polls_and_does_not_have() -> None:
    alone = drift("configuration", CONFIG, single_file_mount=True, extra=("o",))
    found = drift_finding(context(), STATUS, alone)
    assert (found.severity, found.confidence) == ("warning", "medium")
    assert found.message.endswith("and not reloaded, though the server polls it.")
    assert "The file is mounted by itself: if an editor replaced it with a new file" in found.detail
    assert [step.command for step in found.remedy.steps] == [
        f"docker exec ovms cat {CONFIG}",
        None,
        "docker restart ovms",
    ]


def test_a_configuration_with_which_the_server_would_not_start_again() -> None:
    found = drift_finding(context(outcome="exits"), STATUS, drift("configuration", CONFIG, breaks=True))
    assert (found.severity, found.recovers) == ("warning", None)
    assert found.message == (
        f"config.json was changed at {CHANGE_TEXT} and is invalid: the server keeps what it read before."
    )
    assert found.causes == (CausedBy(check="configuration", any_model=True),)
    assert [step.text for step in found.remedy.steps] == [
        "Repair the file before the server is started again."
    ]


@pytest.mark.parametrize(
    ("container", "restart", "listing"),
    [
        (CONTAINER, "docker restart ovms", f"docker exec ovms ls -la {NEW}"),
        (replace(CONTAINER, engine="podman"), "podman restart ovms", f"podman exec ovms ls -la {NEW}"),
        (replace(CONTAINER, name="", id="0123456789abcdef"), "docker restart 0123456789ab",
         f"docker exec 0123456789ab ls -la {NEW}"),
        (replace(CONTAINER, source="kubernetes", engine="kubernetes"), None,
         f"kubectl exec POD -c ovms -- ls -la {NEW}"),
        (None, "docker restart CONTAINER", f"docker exec CONTAINER ls -la {NEW}"),
    ],
)  # fmt: skip
def test_a_version_that_a_polling_server_does_not_have(
    container: Container | None, restart: str | None, listing: str
) -> None:
    """The commands are those of the engine that runs the container."""
    found = drift_finding(context(container), STATUS, drift("version_added", NEW, version=2))
    assert (found.code, found.severity, found.confidence) == ("OVD849", "error", "medium")
    assert found.message == (
        f"Version 2 of m was added at {CHANGE_TEXT}, and the server, which polls, does not have it."
    )
    assert found.evidence[-1].observation == "the server has of m: 1 AVAILABLE"
    assert [step.command for step in found.remedy.steps] == [listing, restart]


@pytest.mark.parametrize(
    ("mode", "recovers", "commands"),
    [
        ("single", "restart", ["docker restart ovms"]),
        ("config", None, ["curl -sS -X POST http://localhost:8000/v1/config/reload", "docker restart ovms"]),
    ],
)
def test_a_version_that_a_server_without_polls_does_not_have(
    mode: str, recovers: str | None, commands: list[str]
) -> None:
    added = drift("version_added", NEW, version=2)
    found = drift_finding(context(mode=mode, polls=False), STATUS, added)
    assert (found.severity, found.confidence, found.recovers) == ("error", "high", recovers)
    assert found.message == (
        f"Version 2 of m was added at {CHANGE_TEXT}, after the server last read its directories."
    )
    assert f"It read them at its start, {START_TEXT}, and does not poll: {NO_POLLS}." in found.detail
    assert [step.command for step in found.remedy.steps] == commands


@pytest.mark.parametrize("outcome", ["serves", "exits"])
def test_a_version_that_the_next_poll_loads(outcome: str) -> None:
    """Also where a server that is started now would end."""
    added = drift("version_added", NEW, version=2, next_poll=True)
    found = drift_finding(context(outcome=outcome), STATUS, added)
    assert (found.severity, found.recovers, found.confidence) == ("info", "next_poll", "high")
    assert found.message == f"Version 2 of m was added at {CHANGE_TEXT}, after the server's last poll."
    assert (found.detail, found.remedy.steps) == (NEWER, ())


def test_a_version_whose_directory_is_gone() -> None:
    found = drift_finding(context(), STATUS, drift("version_removed"))
    assert (found.code, found.severity, found.recovers) == ("OVD850", "warning", None)
    assert found.message == "Version 1 of m is served, and its directory does not exist any more."
    assert "after the next start it does not serve this version" in found.detail
    found = drift_finding(context(), STATUS, drift("version_removed", next_poll=True))
    assert (found.severity, found.recovers) == ("info", "next_poll")
    assert found.detail == f"{NEWER} The version is retired then."


@pytest.mark.parametrize(
    ("names", "content", "subject", "severity", "kept"),
    [
        (["a.onnx"], True, "a.onnx of m, version 1, was changed at", "warning", "the old model stays"),
        (["a.xml", "a.bin"], True, "a.xml, a.bin of m, version 1, were changed at", "warning",
         "the old model stays"),
        (["a", "b", "c", "d"], True, "a, b, c and more of m, version 1, were changed at", "warning",
         "the old model stays"),
        (["mapping_config.json"], True, "mapping_config.json of m, version 1, was changed at", "warning",
         "the old names of the tensors stay"),
        (["a.onnx"], False,
         "a.onnx of m, version 1, was replaced, or got another owner or other permissions, at", "info",
         "the old model stays"),
    ],
)  # fmt: skip
def test_files_of_a_version_that_is_served(
    names: list[str], content: bool, subject: str, severity: str, kept: str
) -> None:
    """Files in an existing version directory are never read again (modelmanager.cpp)."""
    paths = [f"/m/1/{name}" for name in names]
    found = drift_finding(context(), STATUS, drift("files_changed", *paths, content=content))
    assert (found.code, found.severity, found.recovers, found.confidence) == (
        "OVD850", severity, "restart", "medium"
    )  # fmt: skip
    assert found.message == f"{subject} {CHANGE_TEXT}; the server started at {START_TEXT} and keeps that."
    assert f"are read when the version is loaded and never again: {kept} in use." in found.detail
    status = "content" if content else "status"
    assert found.evidence[0].observation == f"{paths[0]}: {status} changed at {CHANGE_TEXT}"
    logged = drift_finding(context(), STATUS, drift("files_changed", *paths, content=content, logged=True))
    assert logged.confidence == "high"
    assert (found.evidence[-1].how, logged.evidence[-1].how) == ("docker inspect", "log")
    assert f"the server loaded it at {START_TEXT} and keeps that." in logged.message


@pytest.mark.parametrize(
    ("container", "source"),
    [
        (CONTAINER, "docker inspect"),
        (replace(CONTAINER, engine="podman"), "podman inspect"),
        (replace(CONTAINER, engine=""), "docker inspect"),
        (replace(CONTAINER, source="kubernetes", engine="kubernetes"), "the pod's status"),
        (None, "docker inspect"),
    ],
)
def test_the_source_of_the_start_is_the_engine_of_the_container(
    container: Container | None, source: str
) -> None:
    for kind in ("version_added", "files_changed"):
        changed = drift(kind, "/m/1/a.onnx")
        found = drift_finding(context(container), STATUS, changed)
        assert source in [item.how for item in found.evidence]
        logged = drift_finding(context(container), STATUS, replace(changed, logged=True))
        assert source not in [item.how for item in logged.evidence]


def test_files_that_would_not_be_served_again() -> None:
    found = drift_finding(
        context(), STATUS, drift("files_changed", "/m/1/a.onnx", content=False, breaks=True)
    )
    assert (found.severity, found.causes) == ("warning", (CausedBy(version=1),))
    assert found.detail.endswith("After the next start, it is not served as the files are now.")
    assert [step.text for step in found.remedy.steps] == [
        "Repair the files before the server is started again."
    ]


def test_a_graph_that_changed() -> None:
    found = drift_finding(context(), STATUS, drift("files_changed", "/m/graph.pbtxt", version=None))
    assert found.detail == (
        "A graph is read again only when config.json changes. The file is newer than the served graph."
    )
    assert [step.text for step in found.remedy.steps] == ["Restart the server."]


def test_a_model_that_is_configured_and_not_listed() -> None:
    found = unlisted_finding(context(), STATUS, "n")
    assert (found.subject.model, found.recovers, found.confidence) == ("n", "config_change", "medium")
    assert found.message == "n is configured, and the running server does not list it."
    assert found.evidence[0].observation == "the server has m"
