"""Third-party checks as users run them: a distribution is installed, and the command line is run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from ovms_doctor.checks.registry import all_checks
from ovms_doctor.report.schema import report_schema
from tests.cli.helpers import good_model
from tests.cli.run import Result
from tests.plugins.install import DIST, declare, install, with_plugins

pytestmark = pytest.mark.slow

#: Seconds for checks that do not hang: longer than any of them takes on a busy machine.
LONG = "600"
#: Seconds for a check that hangs, tried in this order: everything before the hang must be done within them,
#: also on a busy machine.
DEADLINES = ("1", "4", "16", "64")


@pytest.fixture
def models(public_dir: Path) -> Path:
    good_model(public_dir / "models" / "m" / "1")
    return public_dir / "models"


def check(site: Path, models: Path, *arguments: str, timeout: str = LONG, **more: str) -> Result:
    """The JSON report, which fulfils its schema whatever a check does."""
    options = ("--load", "none", "--format", "json", "--check-timeout", timeout)
    result = with_plugins(site, "check", models, *options, *arguments, **more)
    jsonschema.validate(result.document, report_schema())
    return result


def statuses(result: Result) -> dict[str, str]:
    """The statuses of the third-party checks; the built-in ones always run."""
    every = {item["name"]: item["status"] for item in result.document["checks"]}
    assert all(every.pop(item.name, "ran") in ("ran", "not_applicable") for item in all_checks())
    return every


def codes(result: Result) -> list[str]:
    return [finding["code"] for finding in result.document["findings"]]


def finding(result: Result, code: str) -> dict[str, Any]:
    (found,) = [item for item in result.document["findings"] if item["code"] == code]
    return dict(found)


# -- good ones -----------------------------------------------------------------------------------------


def test_a_good_check(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-format"])
    result = check(site, models)
    assert (result.code, result.err) == (0, b"")
    assert statuses(result) == {"acme-format": "ran"}
    found = finding(result, "ACME101")
    base = str(models / "m")
    assert found["name"] == "acme-format-seen"
    assert found["message"] == "m is of the format ir"
    assert found["subject"] == {
        "model": "m",
        "version": 1,
        "path": f"{base}/1/model.xml",
        "server_path": f"{base}/1/model.xml",
        **dict.fromkeys(("line", "column", "document")),
    }
    assert found["evidence"] == [{"what": "1", "how": "list"}]
    assert found["docs"] == "https://checks.example.com/101"
    assert found["remedy"]["steps"][0]["command"] == "convert"
    text = with_plugins(site, "check", models, "--load", "none")
    assert b"ACME101 acme-format-seen" in text.out


def test_its_error_counts_for_fail_on(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-names"])
    assert check(site, models).code == 1
    assert check(site, models, "--fail-on", "never").code == 0
    assert check(install(DIST, tmp_path / "other", ["acme-format"]), models, "--fail-on", "warning").code == 1


def test_recorded_facts_are_judged_too(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-format", "acme-names"])
    facts = tmp_path / "facts.json"
    saved = with_plugins(site, "collect", models, "--load", "none", "-o", facts)
    assert saved.code == 0
    from_facts = with_plugins(site, "check", "--facts", facts, "--format", "json")
    direct = check(site, models)
    assert from_facts.document["findings"] == direct.document["findings"]
    assert codes(from_facts) == ["ACME201", "ACME101"]


def test_output_of_a_check_is_not_shown(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-prints"])
    result = check(site, models)
    assert (result.code, result.err) == (0, b"")
    assert finding(result, "ACME401")["message"] == "it printed"
    assert b"hello" not in result.out
    text = with_plugins(site, "check", models, "--load", "none")
    assert b"hello" not in text.out + text.err


def test_texts_of_a_plugin_do_not_control_a_terminal(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-hostile-text", "acme-not-applicable"])
    for arguments in (
        ["check", str(models), "--load", "none", "--verbose"],
        ["explain", "ACME301"],
        ["checks"],
    ):
        result = with_plugins(site, *arguments)
        assert result.code == 0
        assert b"\x1b" not in result.out
        assert b"\x07" not in result.out
        assert "\u202e" not in result.text
    assert "[bold]no markup[/bold] \\xff" in with_plugins(site, "check", models, "--load", "none").text


def test_not_applicable_and_could_not_look(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-not-applicable"])
    result = check(site, models)
    assert (result.code, statuses(result), codes(result)) == (
        0,
        {"acme-not-applicable": "not_applicable"},
        [],
    )
    site = install(DIST, tmp_path / "other", ["acme-could-not-look"])
    result = check(site, models)
    assert (result.code, statuses(result)) == (3, {"acme-could-not-look": "could_not_look"})
    assert "list of owners" in finding(result, "OVD903")["message"]


# -- bad ones ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "code", "arguments"),
    [
        ("acme-raises", "crashed", "OVD901", "ValueError: of its own in two lines (bad.py, line "),
        ("acme-exits", "crashed", "OVD901", "SystemExit: 0"),
        ("acme-leaves", "crashed", "OVD901", "it ended with status 0"),
        ("acme-aborts", "crashed", "OVD901", "it was ended by SIGABRT"),
        ("acme-segfaults", "crashed", "OVD901", "it was ended by SIGSEGV"),
        ("acme-eats-memory", "crashed", "OVD901", "MemoryError"),
        ("acme-import-aborts", "crashed", "OVD901", "it was ended by SIGABRT"),
        ("acme-import-fails", "crashed", "OVD906", "No module named 'acme_library_that_is_not_installed'"),
        ("acme-not-there", "crashed", "OVD906", "has no attribute 'not_there'"),
        ("acme-no-check", "crashed", "OVD906", "is a dict, not a Check"),
        ("acme-claims", "could_not_look", "OVD906", "it claims the code OVD101"),
        ("acme-foreign-code", "crashed", "OVD907", "OVD101 is not one of its own codes"),
        ("acme-writes-into-pipes", "crashed", "OVD901", "its output is not an answer"),
    ],
)
def test_a_bad_check_leaves_the_others_intact(
    tmp_path: Path, models: Path, name: str, status: str, code: str, arguments: str
) -> None:
    site = install(DIST, tmp_path / "site", [name, "acme-format"])
    result = check(site, models)
    assert result.err == b""
    assert statuses(result) == {name: status, "acme-format": "ran"}
    assert sorted(codes(result)) == ["ACME101", code]
    found = finding(result, code)
    assert arguments in found["message"]
    assert f"The check {name} of acme-checks 1.2" in found["message"]
    assert found["severity"] == "warning"
    # Findings about ovms-doctor itself never count for --fail-on; a check that did not run makes the run incomplete.
    assert result.code == 3
    assert result.document["summary"]["verdict"] == "incomplete"


def test_exit_codes_of_a_check_that_crashed(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-aborts", "acme-format"])
    assert check(site, models, "--fail-on", "warning", "--ignore", "ACME101").code == 3
    assert check(site, models, "--fail-on", "warning").code == 1
    assert check(site, models, "--exit-zero").code == 0
    assert check(site, models, "--ignore", "acme-aborts").code == 0


@pytest.mark.parametrize(
    ("name", "stage"), [("acme-hangs", "to run"), ("acme-import-hangs", "to be imported")]
)
def test_a_check_that_hangs_is_ended(tmp_path: Path, models: Path, name: str, stage: str) -> None:
    site = install(DIST, tmp_path / "site", [name])
    pid_file = tmp_path / "pid"
    for deadline in DEADLINES:
        result = check(site, models, timeout=deadline, ACME_PID_FILE=str(pid_file))
        assert (result.code, statuses(result)) == (3, {name: "timed_out"})
        message = finding(result, "OVD902")["message"]
        if f"{deadline} s {stage}" in message:
            break
    else:
        pytest.fail(message)
    if name == "acme-hangs":
        _until_gone(int(pid_file.read_text()))


def test_programs_started_by_a_check_are_ended_too(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-starts-others"])
    pid_file = tmp_path / "pid"
    result = check(site, models, ACME_PID_FILE=str(pid_file))
    assert statuses(result) == {"acme-starts-others": "crashed"}
    _until_gone(int(pid_file.read_text()))


def test_the_valid_part_of_garbage_is_kept(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-garbage"])
    result = check(site, models)
    assert statuses(result) == {"acme-garbage": "crashed"}
    assert sorted(codes(result)) == ["ACME908", "OVD907"]
    message = finding(result, "OVD907")["message"]
    assert "finding 2: a Finding is expected, not a str, and 9 more of this kind" in message


def test_all_at_once(tmp_path: Path, models: Path) -> None:
    """Every check of the distribution is in the report once, and the good ones ran."""
    site = install(DIST, tmp_path / "site")
    good = {"acme-format", "acme-names", "acme-prints"}
    for deadline in DEADLINES:
        result = check(site, models, timeout=deadline, ACME_PID_FILE=str(tmp_path / "pid"))
        found = statuses(result)
        if good <= {name for name in found if found[name] == "ran"}:
            break
    else:
        pytest.fail(str(found))
    assert found["acme-hangs"] == found["acme-import-hangs"] == "timed_out"
    # A check with the name of a built-in one does not replace it.
    assert found["layout of acme-checks"] == "could_not_look"
    assert result.code == 1


# -- clashes -------------------------------------------------------------------------------------------


def test_two_checks_of_one_name(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-format"])
    declare(site, "rivals", {"acme-format": "acme_checks.good:by_name"})
    result = check(site, models)
    assert set(statuses(result).values()) == {"could_not_look"}
    assert len(statuses(result)) == 2
    messages = [item["message"] for item in result.document["findings"]]
    assert len(messages) == 2
    assert all("several checks have this name, in acme-checks and rivals" in text for text in messages)
    assert result.code == 3


def test_two_distributions_of_one_prefix(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-format"])
    declare(site, "rivals", {"rival-names": "acme_checks.good:rival_names"})
    result = check(site, models)
    assert statuses(result) == {"acme-format": "could_not_look", "rival-names": "could_not_look"}
    assert codes(result) == ["OVD906", "OVD906"]
    text = result.document["findings"][0]["message"]
    assert "the code prefix ACME is claimed by acme-checks and rivals" in text


def test_two_checks_of_one_code(tmp_path: Path, models: Path) -> None:
    points = {"one": "acme_checks.good:one", "two": "acme_checks.good:two"}
    site = install(DIST, tmp_path / "site", [])
    declare(site, "doubles", points)
    result = check(site, models)
    assert statuses(result) == {"one": "could_not_look", "two": "could_not_look"}
    assert "ACME201 is claimed by one and two" in result.document["findings"][0]["message"]


def test_another_name_than_that_of_the_entry_point(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", [])
    declare(site, "others", {"other-name": "acme_checks.good:by_name"})
    result = check(site, models)
    assert statuses(result) == {"other-name": "could_not_look"}
    message = result.document["findings"][0]["message"]
    assert "name: acme-names is not the name of its entry point, other-name" in message


# -- selection -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "ran", "found"),
    [
        (["--select", "ACME101"], ["acme-format"], ["ACME101"]),
        (["--select", "acme"], ["acme-format", "acme-names"], ["ACME201", "ACME101"]),
        (["--select", "acme-names"], ["acme-names"], ["ACME201"]),
        (["--select", "acme-format-seen"], ["acme-format"], ["ACME101"]),
        (["--select", "layout"], [], []),
        (["--select", "OVD1"], [], []),
        (["--ignore", "acme-names"], ["acme-format"], ["ACME101"]),
        (["--ignore", "ACME2"], ["acme-format"], ["ACME101"]),
        (["--ignore", "acme-format-seen"], ["acme-names"], ["ACME201"]),
        (["--select", "ACME", "--ignore", "ACME101"], ["acme-names"], ["ACME201"]),
        (["--no-plugins"], [], []),
    ],
    ids=" ".join,
)
def test_selection(
    tmp_path: Path, models: Path, arguments: list[str], ran: list[str], found: list[str]
) -> None:
    site = install(DIST, tmp_path / "site", ["acme-format", "acme-names"])
    result = check(site, models, *arguments)
    assert statuses(result) == dict.fromkeys(ran, "ran")
    assert codes(result) == found
    assert result.err == b""


def test_pattern_that_matches_nothing_is_wrong_usage(tmp_path: Path, models: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-format"])
    reason = b"no check, no finding and no code has this name; ovms-doctor checks lists them\n"
    result = check(site, models, "--select", "ACME7", "--select", "ACME1")
    assert (result.code, result.err) == (2, b"ovms-doctor: --select ACME7: " + reason)
    result = check(site, models, "--no-plugins", "--ignore", "ACME1")
    assert (result.code, result.err) == (2, b"ovms-doctor: --ignore ACME1: " + reason)
    assert check(site, models, "--select", "OVD1,ACME1", "--ignore", "OVD104, acme-format").code == 0


def test_selected_check_that_cannot_run_is_not_a_pass(tmp_path: Path, models: Path) -> None:
    """It could not register its code: that must not end as a pass."""
    site = install(DIST, tmp_path / "site", ["acme-import-fails", "acme-format"])
    assert check(site, models, "--select", "ACME777").code == 3
    assert check(site, models, "--select", "acme-import-fails").code == 3
    assert check(site, models, "--select", "ACME101").code == 0
    assert check(site, models, "--ignore", "acme-import-fails").code == 0


# -- explain and checks --------------------------------------------------------------------------------


def test_explain_and_checks_know_the_codes(tmp_path: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-format", "acme-import-fails"])
    for word in ("ACME101", "acme101", "acme-format-seen"):
        result = with_plugins(site, "explain", word, "--format", "json")
        assert result.code == 0
        (entry,) = result.document["codes"]
        assert (entry["code"], entry["check"]) == ("ACME101", "acme-format")
        assert entry["meaning"].startswith("What the server does, see [the list]")
        assert entry["texts"] == ["What the server logs: {number}", "Another text"]
        assert entry["example"] == {"before": "m/1/wrong", "after": "m/1/right"}
    output = with_plugins(site, "explain", "ACME101").out.decode()
    assert "What the server does, see the list (https://checks.example.com)" in output
    result = with_plugins(site, "checks", "--format", "json")
    listed = {item["name"]: [code["code"] for code in item["codes"]] for item in result.document["checks"]}
    assert listed["acme-format"] == ["ACME101"]
    assert b"acme_library_that_is_not_installed" in result.err
    assert with_plugins(site, "explain", "ACME999").code == 1


# -- nothing more than needed --------------------------------------------------------------------------

_RUN = """
import subprocess, sys
import ovms_doctor.cli.app
from ovms_doctor.plugins import discovery
started = []
sys.addaudithook(lambda name, args: started.append(args[1]) if name == "os.posix_spawn" else None)
site = sys.argv[1]
discovery.safe_path = lambda: [site]
code = ovms_doctor.cli.app.run(sys.argv[2:])
assert code in (0, 3), code
mine = [words for words in started if any("ovms_doctor.plugins.child" in str(word) for word in words)]
print(len(mine), *(name for name in sys.modules if name.startswith("ovms_doctor.plugin")), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("installed", "arguments", "children", "loaded"),
    [
        ([], [], 0, set()),
        (["acme-format"], ["--no-plugins"], 0, set()),
        (["acme-format"], ["--select", "layout"], 0, {"messages", "process", "protocol", "run"}),
        (["acme-format"], [], 1, {"messages", "process", "protocol", "run"}),
    ],
    ids=["none installed", "left out", "not selected", "used"],
)
def test_nothing_is_imported_or_started_unnecessarily(
    tmp_path: Path, models: Path, installed: list[str], arguments: list[str], children: int, loaded: set[str]
) -> None:
    site = install(DIST, tmp_path / "site", installed)
    command = [sys.executable, "-c", _RUN, str(site), "check", str(models), "--load", "none", *arguments]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    number, *modules = completed.stderr.split("\n")[-2].split()
    expected = {f"ovms_doctor.plugins.{name}" for name in loaded}
    assert set(modules) == expected | {"ovms_doctor.plugins", "ovms_doctor.plugins.discovery"}
    assert int(number) == children


# -- interrupted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda item: item.name
)
def test_no_process_of_a_check_remains(tmp_path: Path, models: Path, number: signal.Signals) -> None:
    site = install(DIST, tmp_path / "site", ["acme-hangs"])
    pid_file = tmp_path / "pid"
    process = subprocess.Popen(
        [sys.executable, "-m", "ovms_doctor", "check", models, "--load", "none", "--check-timeout", "600"],
        env={**os.environ, "PYTHONPATH": str(site), "ACME_PID_FILE": str(pid_file)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        while process.poll() is None and not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.01)
        assert process.poll() is None, "it ended before it hung"
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert b"Traceback" not in errors
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    _until_gone(int(pid_file.read_text()))


def _until_gone(pid: int) -> None:
    """Waits until the process is gone. It was killed; its new parent may need a moment to collect it. Hangs
    if it was not killed."""
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
