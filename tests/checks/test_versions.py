"""Versions that another version unloads, hides or holds up: facts in, findings out.

The rules are those of modelmanager.cpp (reloadModelWithVersions, addModelVersions), recorded over several polls: failed
versions are removed with std::binary_search from a list in the order of the names, and an exception ends a round.
"""

from __future__ import annotations

import pytest

from ovms_doctor.checks import versions
from ovms_doctor.checks.context import Context
from ovms_doctor.model.deployment import ModelEntry, VersionPolicy
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import CausedBy, Finding
from tests.configuration.build import deployed
from tests.prediction.memory import MemoryFiles, deployment, model_of, settle

ALL = ModelEntry("m", "/m", VersionPolicy("all"))


def findings(files: MemoryFiles, mode: str = "config", **more: object) -> list[Finding]:
    server = deployment("2026.3", mode, **more)
    return list(versions.check(Context(server, settle(server, files), Facts(complete=True))))


def subject(finding: Finding) -> tuple[str, str | None, int | None, str | None]:
    about = finding.subject
    return finding.code, about.model, about.version, about.path


def test_nothing_is_found_where_the_fallback_is_stable() -> None:
    assert findings(model_of("1", "2")) == []
    assert findings(model_of("1", "2", bad=("2",))) == []
    assert findings(model_of("9", "10")) == []


def test_a_version_that_is_unloaded_at_the_next_poll() -> None:
    (found,) = findings(model_of("1", "2", "3", bad=("2", "3")))
    assert subject(found) == ("OVD115", "m", 1, "/m/1")
    assert found.message == "Version 1 is loaded at start-up and unloaded at the next poll"
    assert "versions known to be broken (2, 3)" in found.detail
    assert found.evidence[0].observation == "versions that do not load: 2, 3"
    assert (found.severity, found.recovers) == ("error", "next_poll")
    assert found.causes == (CausedBy(version=2), CausedBy(version=3))


@pytest.mark.parametrize(("seconds", "codes"), [("1", ["OVD115"]), ("0", [])])
def test_without_polls_nothing_is_unloaded(seconds: str, codes: list[str]) -> None:
    """With 0 seconds the server starts no thread that looks for versions."""
    arguments = ("--model_path", "/m", "--model_name", "m", "--port", "9000")
    server = deployed("2026.3", (*arguments, "--file_system_poll_wait_seconds", seconds))
    plan = settle(server, model_of("1", "2", "3", bad=("2", "3")))
    assert [item.code for item in versions.check(Context(server, plan, Facts(complete=True)))] == codes


def test_a_good_version_that_the_search_does_not_find() -> None:
    (found,) = findings(model_of("8", "9", "10", bad=("10",)))
    assert subject(found) == ("OVD116", "m", 10, "/m")
    assert found.message == "Version 9 does not replace the broken 10: the server's search does not find it"
    assert "in the order of their names (10, 8, 9)" in found.detail
    assert found.evidence[0].observation.endswith("order of the directories' names: 10, 8, 9")
    assert (found.recovers, found.causes) == ("next_poll", (CausedBy(version=10),))
    (found,) = findings(model_of("9", "10", bad=("10",)), mode="single")
    assert (found.code, found.recovers) == ("OVD116", "restart")


def test_the_search_matters_only_where_an_older_version_could_be_served() -> None:
    assert findings(model_of("9", "10", bad=("9", "10")), entry=ALL) == []
    assert findings(model_of("2", "10", "11", bad=("2",)), entry=ALL) == []


def test_a_version_that_is_tried_for_ever() -> None:
    files = model_of("101", "9", "9x", bad=("9", "9x"))
    files.files["/n/1/a.onnx"] = "good"
    found, other = findings(files, models=(ALL, ModelEntry("n", "/n")))
    assert subject(found) == ("OVD117", "m", 9, "/m")
    assert found.message == "Start-up never ends: version 9 is tried again without pause"
    assert found.detail.startswith("Several directories (“9”, “9x”) are read as version 9, it does not load")
    assert found.evidence[0].observation.endswith("directories “9”, “9x”")
    assert (found.severity, found.recovers, found.causes) == ("error", "restart", (CausedBy(version=9),))
    assert subject(other) == ("OVD118", "n", None, "/n")
    assert other.message == "n is never tried: start-up does not reach it"
    assert (other.severity, other.recovers) == ("error", "restart")
    assert other.detail == "The load of an earlier model ends the process or never returns."


def test_a_version_that_is_tried_for_ever_from_the_first_poll_on() -> None:
    """The exception of version 1 ends the first round, before the others are tried."""
    files = model_of("1", "101", "9", "9x", bad=("9", "9x"))
    files.denied["/m/1"] = "read"
    (found,) = findings(files, entry=ALL)
    assert subject(found) == ("OVD117", "m", 9, "/m")
    assert (
        found.message == "At the first poll after start-up, version 9 is tried again without pause, for ever"
    )


def test_versions_after_one_whose_load_throws() -> None:
    files = model_of("1", "2", "3")
    files.denied["/m/1"] = "read"
    first, second = findings(files, entry=ALL)
    assert subject(first) == ("OVD118", "m", 2, "/m/2")
    assert subject(second) == ("OVD118", "m", 3, "/m/3")
    assert first.message == "Version 2 is not tried at start-up: the load of 1 throws an exception"
    assert "the server loads the rest at the next poll" in first.detail
    assert (first.severity, first.recovers, first.causes) == ("error", "next_poll", (CausedBy(version=1),))


def test_a_version_that_is_not_requested_does_not_wait() -> None:
    files = model_of("1", "2")
    files.denied["/m/2"] = "read"
    assert findings(files) == []
