"""The data that ``explain`` reads: current, complete, found by code and name, and cheap to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ovms_doctor.checks.registry import all_checks, all_codes, check_names
from ovms_doctor.explain.general import general
from ovms_doctor.explain.index import codes, index, lookup, lookup_page, prose
from ovms_doctor.model import server_log
from ovms_doctor.model.server_log import Message

CHECKS, CODES, CHECK_OF = all_checks(), all_codes(), check_names()
ROOT = Path(__file__).parents[2]
#: Modules of a normal installation that take long to import or need a terminal.
HEAVY = set(
    "rich typer click openvino numpy rapidjson jsonschema yaml psutil boto3 docker google elftools".split()
)


def test_the_index_contains_the_declared_codes() -> None:
    assert [(check.name, check.summary) for check in index().checks] == [
        (check.name, check.summary) for check in CHECKS
    ]
    assert list(codes()) == list(CODES)
    for code, entry in codes().items():
        declared = CODES[code]
        assert (entry.name, entry.severity, entry.check) == (declared.name, declared.severity, CHECK_OF[code])
        assert (entry.summary, entry.remedy, entry.recovers) == (
            declared.summary,
            declared.remedy,
            declared.recovers,
        )
        assert entry.messages == tuple(message.text for message in declared.messages)
        assert (entry.texts, entry.releases, entry.see_also) == (
            declared.texts,
            declared.releases,
            declared.see_also,
        )
        assert declared.example is not None
        assert entry.example == (declared.example.before, declared.example.after)
        assert (entry.docs, entry.is_gap) == (declared.address, declared.is_gap)


def test_every_message_of_the_server_log_is_explained() -> None:
    """Each message has a code or is one of the messages without a cause."""
    messages = {item.text for item in vars(server_log).values() if isinstance(item, Message)}
    explained = {message for entry in codes().values() for message in entry.messages}
    explained |= {text for message in general().messages for text in message.texts}
    assert messages - explained == {server_log.RELOAD_THREW.text}


def test_general_messages_name_known_codes_and_statuses() -> None:
    named = {code for message in general().messages for code in message.codes}
    named |= {code for item in general().statuses for code in (*item.version, *item.start)}
    assert named <= set(CODES)
    assert {item.status for item in general().statuses} <= set(server_log.STATUS_TEXT.values())
    assert len({message.name for message in general().messages}) == len(general().messages)


def test_a_refused_read_is_in_the_table_of_statuses() -> None:
    """All codes that cite OpenVINO's refusal end as "Internal server error", and no others."""
    cite = {entry.code for entry in codes().values() if server_log.READ_FAILED.text in entry.messages}
    status = server_log.STATUS_TEXT["INTERNAL_ERROR"]
    (item,) = [item for item in general().statuses if item.status == status]
    assert set(item.codes("version")) == cite


@pytest.mark.parametrize(
    "name", ["OVD101", "ovd101", " OVD101\n", "no-version-directory", "No-Version-Directory"]
)
def test_lookup(name: str) -> None:
    assert lookup(name) is codes()["OVD101"]


@pytest.mark.parametrize("name", ["", "OVD", "OVD999", "no version directory", "OVD101x", "\x00", "\udcff"])
def test_lookup_of_an_unknown_name(name: str) -> None:
    assert lookup(name) is None


def test_a_page_without_its_table() -> None:
    text = prose(codes()["OVD101"])
    assert text.startswith("The server looks for versions only in the sub-directories")
    assert "| Severity" not in text


def test_a_shared_page() -> None:
    page = lookup_page(" Load-Fails\n")
    assert page is not None
    assert (page.name, page.title) == ("load-fails", "When the load of a version fails")
    assert page.text.startswith("The version has the state LOADING")


@pytest.mark.parametrize("name", ["", "load", "OVD101", "../pages/load-fails", "load-fails.md"])
def test_no_other_file_is_a_shared_page(name: str) -> None:
    assert lookup_page(name) is None


@pytest.mark.parametrize("module", ["index", "general", "search", "render", "markdown"])
def test_import_is_cheap(module: str) -> None:
    """It imports only the standard library, msgspec and our own data: no check, no terminal, no runtime."""
    script = f"import sys, ovms_doctor.explain.{module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = set(result.stdout.split())
    assert f"ovms_doctor.explain.{module}" in loaded
    foreign = {name.split(".")[0] for name in loaded} & HEAVY
    ours = {name.split(".")[1] for name in loaded if name.startswith("ovms_doctor.")}
    assert not foreign
    assert ours <= {"model", "explain"}
