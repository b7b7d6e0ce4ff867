"""The text report: whole outputs in files, and properties of every one of them.

``UPDATE_SNAPSHOTS=1`` writes the files again instead of comparing; review the difference.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from ovms_doctor.model.findings import Evidence, Finding, Remedy, ServingEffect, Step, Subject
from ovms_doctor.model.styled import PlainOutput
from ovms_doctor.report.model import CheckRun, Report
from ovms_doctor.report.text_report import render
from tests.report import samples
from tests.report.rendered import text, written
from tests.report.samples import HOSTILE, SAMPLES

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1" and not os.environ.get("CI")

each_sample = pytest.mark.parametrize("name", SAMPLES)


def finding(**more: object) -> Finding:
    made = Finding("OVD111", "no-model-files", "error", Subject("m", 1, "/m/1", "/m/1"), "Nothing in /m/1")
    return replace(made, **more)  # type: ignore[arg-type]


# -- whole outputs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", ["short", "verbose"])
@each_sample
def test_snapshot(name: str, length: str) -> None:
    output = text(SAMPLES[name](), verbose=length == "verbose")
    path = SNAPSHOTS / f"{name}-{length}.txt"
    if UPDATE:
        path.write_text(output, "utf-8")
    assert output == path.read_text("utf-8")


def test_every_snapshot_belongs_to_a_sample() -> None:
    expected = {f"{name}-{length}.txt" for name in SAMPLES for length in ("short", "verbose")}
    assert {path.name for path in SNAPSHOTS.iterdir()} == expected


# -- every output --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252"])
@each_sample
def test_only_line_ends_and_printable_characters(name: str, encoding: str, verbose: bool) -> None:
    """Tested on the bytes: for any file name, only text reaches the terminal."""
    data = written(SAMPLES[name](), encoding=encoding, verbose=verbose)
    output = data.decode(encoding)
    assert all(line.isprintable() for line in output.split("\n"))
    assert output.endswith("\n")
    assert not any((byte < 0x20 and byte != 0x0A) or byte == 0x7F for byte in data)


@each_sample
def test_quiet_is_the_last_line_only(name: str) -> None:
    lines = text(SAMPLES[name]()).splitlines()
    assert text(SAMPLES[name](), quiet=True).splitlines() == lines[-1:]
    assert lines[-1][0] in "✓✗?!"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 300])
def test_a_terminal_is_filled_and_not_overfilled(width: int) -> None:
    """Only log lines, commands, which are never wrapped, and single words are longer."""
    report = samples.failures()
    whole = {line for one in report.findings for message in one.server_log for line in message.split("\n")}
    whole |= {str(step.command) for one in report.findings if one.remedy for step in one.remedy.steps}
    lines = text(report, verbose=True, width=width).splitlines()
    log_lines = [line.strip().removeprefix("log:  ") for line in lines]
    assert whole - set(log_lines) <= {"", "None"}
    usable = min(width, 120)
    for line, arguments in zip(lines, log_lines, strict=True):
        if arguments not in whole and width >= 80:
            assert cell_len(line) <= usable
    assert (
        max(
            cell_len(line) for line, arguments in zip(lines, log_lines, strict=True) if arguments not in whole
        )
        > usable * 0.8
    )


def test_without_a_terminal_lines_are_100_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "37")
    prose = [line for line in text(samples.failures()).splitlines() if not line.startswith((" ", "A"))]
    assert max(cell_len(line) for line in prose) > 90
    assert max(cell_len(line) for line in prose) <= 100


def test_trailing_spaces_are_never_written() -> None:
    for name in set(SAMPLES) - {"hostile", "hostile_error"}:
        assert not [line for line in text(SAMPLES[name]()).splitlines() if line != line.rstrip()], name


def test_markup_is_not_interpreted() -> None:
    assert "[red]markup[/red]:boom:" in text(samples.hostile())


def test_hostile_command_is_the_only_text_that_keeps_its_backslashes() -> None:
    output = text(samples.hostile(), verbose=True)
    assert "$'\\x1b'" in output
    assert "\\xff\\x5cx41" in output
    assert HOSTILE not in output


# -- the header ----------------------------------------------------------------------------------------


def test_outcomes_have_plain_sentences() -> None:
    assert "\nthe process ends with exit code 1\n" in text(samples.exits())
    assert "\nthe process ends with exit code 64\n" in text(samples.exits_early())
    assert "\nstart-up never ends\n" in text(samples.never_ends())


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        (None, ""),
        ("2026.3.0-21903-abc", "models read by OpenVINO 2026.3.0\n"),
        ("2026.3", "models read by OpenVINO 2026.3\n"),
        ("2026.3.1-1-abc", "models read by OpenVINO 2026.3.1, which is not the one in OVMS 2026.3"),
        ("2025.4.0-1-abc", "models read by OpenVINO 2025.4.0, which is not the one in OVMS 2026.3"),
        ("custom", "models read by OpenVINO custom, which is not the one in OVMS 2026.3"),
    ],
)
def test_names_the_openvino_that_is_quoted(runtime: str | None, expected: str) -> None:
    output = text(replace(samples.green(), runtime=runtime))
    assert expected in output
    assert ("models read by" in output) == (runtime is not None)


def test_names_the_directory_from_which_rights_count() -> None:
    assert "in a container: rights count from /models downwards (--bare-metal" in text(samples.green())
    assert "on this host: the rights of all parent directories count" in text(samples.exits_early())


def test_notes_are_shown() -> None:
    assert "\nnote: --select OVD8 matches nothing\n" in text(
        replace(samples.green(), notes=("--select OVD8 matches nothing",))
    )


# -- the table -----------------------------------------------------------------------------------------


def test_bad_rows_are_never_left_out() -> None:
    output = text(samples.many())
    rows = [line for line in output.splitlines() if "(IR)" in line]
    assert len(rows) == 40
    assert [row.split()[0] for row in rows if "OVD111" in row] == ["bad", "worse"]
    assert "… and 22 more rows, served as requested (--verbose shows all)" in output
    assert len([line for line in text(samples.many(), verbose=True).splitlines() if "(IR)" in line]) == 62


def test_more_bad_rows_than_fit_are_all_shown() -> None:
    models = [samples.model(f"m{number}", samples.version(1, "LOADING")) for number in range(50)]
    models.insert(3, samples.model("good", samples.version(1)))
    output = text(samples.report(*models, verdict="fail"))
    assert len([line for line in output.splitlines() if "LOADING" in line]) == 50
    assert "… and 1 more row, served as requested" in output


def test_versions_that_are_not_requested_are_listed_with_verbose() -> None:
    unused = samples.version(1, None, requested=False, tried=False)
    made = samples.report(samples.model("m", unused, samples.version(2)))
    assert "not requested" not in text(made)
    assert "not requested" in text(made, verbose=True)


def test_changes_are_explained() -> None:
    output = text(samples.failures())
    assert "AVAILABLE → END" in output
    assert "after the next poll" in output
    assert "→" not in text(samples.green())


# -- findings ------------------------------------------------------------------------------------------


def test_consequence_is_listed_below_its_cause() -> None:
    """Also over several steps; a cycle of causes loses no finding."""
    one = finding(code="OVD001", fingerprint="a", caused_by=("c",))
    two = finding(code="OVD002", fingerprint="b", caused_by=("a",))
    three = finding(code="OVD003", fingerprint="c", caused_by=("b",))
    other = finding(code="OVD004", fingerprint="d", caused_by=("not there",))
    itself = finding(code="OVD005", fingerprint="e", caused_by=("e",))
    output = text(samples.report(findings=(three, one, two, other, itself)))
    heads = [line for line in output.splitlines() if "error OVD" in line]
    assert sorted(line.split("OVD")[1][:3] for line in heads) == ["001", "002", "003", "004", "005"]
    indents = {line.split("OVD")[1][:3]: len(line) - len(line.lstrip()) for line in heads}
    assert indents["004"] == indents["005"] == 0
    assert sorted(indents[code] for code in ("001", "002", "003")) == [0, 4, 8]


def test_a_long_chain_stays_readable() -> None:
    chain = [
        finding(code=f"OVD{number:03}", fingerprint=str(number), caused_by=(str(number - 1),))
        for number in range(2000)
    ]
    output = text(samples.report(findings=tuple(chain)))
    heads = [line for line in output.splitlines() if "error OVD" in line]
    assert len(heads) == 2000
    assert max(len(line) - len(line.lstrip()) for line in heads) == 12


def test_long_finding_is_shortened_without_verbose() -> None:
    long = finding(
        message="word " * 1000,
        server_log=tuple(f"log line {number}" for number in range(20)),
        evidence=tuple(Evidence(f"sight {number}", "list") for number in range(20)),
        remedy=Remedy("do it", tuple(Step(f"step {number}", f"cmd {number}") for number in range(20))),
    )
    short, whole_text = (text(samples.report(findings=(long,)), verbose=one) for one in (False, True))
    assert short.count("log line") == 4
    assert "… and 16 more messages (--verbose)" in short
    assert short.count("sight ") == 6
    assert "… and 14 more sightings (--verbose)" in short
    assert short.count("cmd ") == 6
    assert len(short.splitlines()) < 60
    for word, number in (("log line", 20), ("sight ", 20), ("cmd ", 20), ("word", 1000)):
        assert whole_text.count(word) == number


def test_the_first_line_and_the_end_of_a_long_message_are_quoted() -> None:
    """The server names the model in its first line, and OpenVINO says what is wrong in its last ones."""
    message = "one\ntwo\nthree\n\nfour\nfive\n"
    short, whole_text = (
        text(samples.report(findings=(finding(server_log=(message,)),)), verbose=one) for one in (False, True)
    )
    assert (
        "log:  one\n        … (1 line between: --verbose)\n        three\n        four\n        five\n"
        in short
    )
    assert "log:  one\n        two\n        three\n\n        four\n        five\n" in whole_text


def test_log_lines_and_commands_are_never_broken() -> None:
    line, command = "log " * 200, "mv -- " + " ".join(f"/srv/models/file-{number}" for number in range(50))
    step = Step("Move.", command, "docker run", "needs root")
    made = samples.report(findings=(finding(server_log=(line,), remedy=Remedy("", (step,))),))
    lines = [one.strip() for one in text(made, verbose=True, width=40).splitlines()]
    assert command in lines
    assert f"log:  {line}".strip() in lines
    assert "[in docker run, needs root]" in " ".join(lines)


def test_confidence_below_high_is_written() -> None:
    assert "(confidence: low)" in text(samples.report(findings=(finding(confidence="low"),)))
    assert "confidence" not in text(samples.report(findings=(finding(),)))


# -- coverage and verdict ------------------------------------------------------------------------------


def test_incomplete_checks_are_named_with_the_reason() -> None:
    output = " ".join(text(samples.incomplete()).split())
    assert "2 checks ran (reading: timed out, /models/slow/3/model.onnx: OpenVINO did not finish" in output
    assert "proxies: could not look, not among the recorded facts" in output
    assert "memory: crashed, ZeroDivisionError: division by zero" in output


def last(report: Report) -> str:
    return text(report, quiet=True).strip()


def good(number: int) -> list[samples.ModelPlan]:
    return [samples.model(f"m{index}", samples.version(1)) for index in range(number)]


def bad(number: int) -> list[samples.ModelPlan]:
    return [samples.model(f"bad{index}", samples.version(1, "LOADING")) for index in range(number)]


def test_verdicts_of_good_reports() -> None:
    assert last(samples.report(*good(4))) == "✓ all 4 models are served as their owner expects"
    assert last(samples.report(*good(1))) == "✓ the model is served as its owner expects"
    assert last(samples.report()) == "✓ the server starts without a model"
    assert last(samples.warnings()) == "✓ the model is served, with 1 warning"


def test_verdicts_of_bad_reports() -> None:
    def fail(*models: samples.ModelPlan) -> str:
        return last(samples.report(*models, verdict="fail", exit_code=1))

    assert fail(*good(1), *bad(3)) == "✗ 1 of 4 models is served as its owner expects"
    assert fail(*good(3), *bad(1)) == "✗ 3 of 4 models are served as their owner expects"
    assert fail(*bad(4)) == "✗ none of the 4 models is served as its owner expects"
    assert fail(*bad(1)) == "✗ the model is not served as its owner expects"
    assert last(samples.strict()) == "✗ the model is served, but 1 warning counts as a failure here"
    assert last(samples.exits()) == "✗ the process ends with exit code 1: no model is served"
    assert last(samples.never_ends()) == "✗ start-up never ends"


def test_verdicts_of_incomplete_reports() -> None:
    plan = samples.incomplete().plan
    assert plan is not None
    slow = plan.models[1]

    def incomplete(*models: samples.ModelPlan) -> str:
        return last(samples.report(*models, verdict="incomplete", exit_code=3))

    assert incomplete(slow) == "? could not look at the model"
    assert incomplete(slow, slow) == "? could not look at any of 2 models"
    assert (
        incomplete(*good(2), slow)
        == "? could not look at 1 of 3 models; the other 2 models are served as their owner expects"
    )
    crash = (CheckRun("memory", "crashed", "x"), CheckRun("proxies", "could_not_look", "y"))
    made = samples.report(*good(2), verdict="incomplete", exit_code=3, checks=crash)
    assert last(made) == "? all 2 models are served, but proxies could not look; memory crashed"
    assert last(samples.unreadable()) == "? could not look at /config.json"
    assert last(samples.crashed()).startswith("? the run failed: The child that looks at files ended")
    assert last(replace(samples.crashed(), error=None)) == "? nothing could be examined"
    assert last(samples.report(*bad(1), *good(1), slow, verdict="fail")) == (
        "✗ 1 of 3 models is not served as its owner expects; could not look at 1"
    )


def test_an_unknown_graph_is_not_a_server_without_a_model() -> None:
    graph = replace(good(1)[0], kind="graph", followed=None)

    def verdict(*models: samples.ModelPlan, verdict: str = "incomplete") -> str:
        return last(samples.report(*models, verdict=verdict, exit_code=3))

    assert (
        verdict(graph) == "? the server starts; whether its graph or generative model is served is not known"
    )
    assert verdict(graph, graph).endswith("its 2 graphs or generative models are served is not known")
    assert verdict(graph, verdict="pass") == verdict(graph)
    assert verdict(graph, verdict="fail") == (
        "✗ the server starts; whether its graph or generative model is served is not known, and something counts as a "
        "failure here"
    )
    assert verdict(*good(1), graph).startswith(
        "? the model is served; 1 graph or generative model not followed"
    )


def test_an_unknown_start_is_not_judged() -> None:
    plan = samples.incomplete().plan
    assert plan is not None
    slow = plan.models[1]
    unreadable = samples.unreadable()
    failed = replace(unreadable, verdict="fail", exit_code=1)
    assert last(failed).startswith("✗ could not look at /config.json, but ")
    assert last(samples.report(slow, slow, *bad(1), verdict="fail")) == (
        "✗ 1 of 3 models is not served as its owner expects; could not look at 2"
    )
    assert last(samples.report(slow, *bad(2), verdict="fail")) == (
        "✗ 2 of 3 models are not served as their owner expects; could not look at 1"
    )


@pytest.mark.parametrize(
    ("effects", "obstacle"),
    [
        (["pod never ready"], "the pod never becomes ready"),
        (["container restarts"], "Kubernetes restarts the container again and again"),
        (["container restarts", "pod never ready"], "the pod never becomes ready"),
    ],
)
def test_a_pod_that_never_becomes_ready_is_not_a_success(effects: list[ServingEffect], obstacle: str) -> None:
    probes = tuple(
        samples.Finding(
            *("OVD712", "probe-cannot-succeed", "error", samples.Subject(), "A probe never succeeds: x"),
            serving_effect=effect,
        )
        for effect in effects
    )
    made = samples.report(*good(1), verdict="fail", exit_code=1)
    assert last(replace(made, findings=probes)) == f"✗ the model is served, but {obstacle}"
    passed = replace(made, findings=probes, verdict="pass", exit_code=0)
    assert last(passed) == f"! the model is served, but {obstacle}"
    # A model that was not examined does not count as served.
    unknown = samples.model("slow", unknown=samples.CouldNotLook("/models/slow", "timed out"))
    partly = samples.report(*good(1), unknown, verdict="fail", exit_code=1)
    assert last(replace(partly, findings=probes)) == f"✗ could not look at 1 of 2 models; {obstacle}"
    nothing = samples.report(unknown, verdict="fail", exit_code=1)
    assert last(replace(nothing, findings=probes)) == f"✗ {obstacle}"
    warning = replace(made, findings=(replace(probes[0], severity="warning"),), verdict="pass", exit_code=0)
    assert last(warning) == "✓ the model is served, with 1 warning"


def test_no_tick_if_a_model_is_not_served() -> None:
    """Not even if ``--fail-on never`` or ``--ignore`` lets the run pass."""
    assert last(samples.report(*good(1), *bad(1))) == (
        "! 1 of 2 models is served as its owner expects; no finding counts as a failure here"
    )


def test_only_ascii_if_the_encoding_is_ascii() -> None:
    data = written(samples.failures(), encoding="ascii")
    assert data.decode("ascii").splitlines()[-1] == "X 1 of 4 models is served as its owner expects"
    assert b"AVAILABLE -> END" in data
    assert b'"ready"' in data


# -- large reports -------------------------------------------------------------------------------------


def test_a_long_report_is_printed_while_it_is_written() -> None:
    class Counted(PlainOutput):
        """Collects the output and the length of its longest piece."""

        def __init__(self) -> None:
            self.pieces: list[str] = []
            super().__init__(io.StringIO())

        def write(self, text: str) -> None:
            self.pieces.append(text)

    models = [samples.model(f"model-{number}") for number in range(5000)]
    output = Counted()
    render(samples.report(*models), output, quiet=False, verbose=True)
    text = "".join(output.pieces)
    rows = [line.split()[0] for line in text.split("\n") if line.startswith(" model-")]
    assert rows == [model.entry.name for model in models]
    assert max(map(len, output.pieces)) < len(text) / 2
    assert "\n\n\n" not in text
