"""Why the server ends before it serves anything: arguments, the configuration file, metrics, a parameter."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import unmounted_paths as outside
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.permissions import DIRECTORY_NOT_SEARCHABLE
from ovms_doctor.checks.positions import argument_position, key_of, line_and_column, with_position
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Step
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.plan_problems import StartProblem

_CODES = {
    "usage": "OVD406",
    "policy": "OVD407",
    "task_not_inferred": "OVD408",
    "config_not_json": "OVD403",
    "config_schema": "OVD404",
    "config_unreadable": "OVD405",
    "metrics": "OVD414",
    "help": "OVD415",
    "graph_settings": "OVD444",
}
_KEYWORDS = {
    "required": "a key is missing",
    "type": "a value of the wrong kind",
    "oneOf": "a value that fits none, or several, of the forms allowed",
    "anyOf": "a value that fits none of the forms allowed",
    "maxProperties": "more keys than allowed",
    "minProperties": "fewer keys than needed",
    "minimum": "a number that is too small",
    "maximum": "a number that is too large",
    "enum": "a value that is not one of those allowed",
}


def check(context: Context, problem: StartProblem) -> Iterator[Finding]:
    if problem.kind in ("parameter", "proxy", "cache", "extension") or (
        problem.failure is not None and problem.failure.denial is not None
    ):
        # Other checks say more about these.
        return
    if problem.kind == "help":
        yield _help(context)
        return
    words = None
    if problem.kind == "config_unreadable" and problem.path:
        words = outside.words_for(context, problem.path, "--config_path", directory=False)
    place = argument_position(context, problem.option)
    confidence: Confidence | None = "low" if problem.undefined else None
    yield context.finding(
        _CODES.get(problem.kind, DIRECTORY_NOT_SEARCHABLE),
        (f"{place}: " if place else "") + (words.message if words else _message(context, problem)),
        path=problem.path,
        detail=_detail(problem),
        confidence=words.confidence if words else confidence,
        log=problem.log,
        evidence=words.evidence if words else _evidence(context, problem),
        recovers="restart",
        steps=words.steps if words else _steps(context, problem),
        remedy=words.remedy if words else "",
    )


def _message(context: Context, problem: StartProblem) -> str:
    where = problem.path or "the configuration"
    if problem.kind == "config_not_json":
        place = line_and_column(context, problem.at)
        return f"{with_position(where, place)} is not JSON as the server reads it: {problem.hint or problem.text}"
    if problem.kind == "config_schema":
        return f"{with_position(where, line_and_column(context, problem.sibling or problem.pointer))}: {_what(problem)}"
    messages = {
        "usage": f"The server refuses its arguments: {problem.text}",
        "policy": f"--model_version_policy is nothing that the server understands: {problem.text}"
        if not problem.undefined
        else f"--model_version_policy holds a value of another kind than the server takes it for: {problem.text}",
        "task_not_inferred": f"{problem.path} makes the server take this for a generative model, and it "
        "finds no task in it",
        "config_unreadable": f"{problem.path} is not there",
        "model_path_denied": f"The server may not look for {problem.path}",
        "metrics": _metrics(context, problem),
        "graph_settings": f"A graph does not take {problem.text} on the command line",
    }
    return messages[problem.kind]


def _what(problem: StartProblem) -> str:
    pointer = problem.pointer or "#"
    if problem.keyword == "additionalProperties":
        return f"{pointer} is no key of this release's configuration"
    if problem.missing:
        instead = "" if problem.sibling is None else f", and {key_of(problem.sibling)} is none"
        return f"the key {problem.missing} is missing at {pointer}{instead}"
    if problem.sibling is not None:
        return f"{key_of(problem.sibling)} is one key too many at {pointer}"
    return f"{_KEYWORDS.get(problem.keyword, problem.keyword)} at {pointer}"


def _metrics(context: Context, problem: StartProblem) -> str:
    if problem.status == "METRICS_REST_PORT_MISSING":
        return "Metrics are enabled, and there is no --rest_port for them"
    if problem.status == "CONFIG_FILE_INVALID":
        return "Metrics are set in the configuration and on the command line: only one of them may be"
    if problem.keyword == "twice":
        return f"The metric {problem.text} is named twice, which the server takes for an unknown name"
    return f"The server knows no metric called {problem.text!r}"


def _detail(problem: StartProblem) -> str:
    if problem.undefined:
        return (
            "The server does not look what kind of value it is, and reads what is there as another: it may end, or "
            "serve other versions than were meant."
        )
    text = f"The server ends with exit code {problem.exit_code}; nothing is served."
    if problem.hint and problem.kind != "config_not_json":
        text += f" {problem.hint}"
    if problem.suggestion:
        text += f" Did you mean {problem.suggestion}?"
    return text


def _evidence(context: Context, problem: StartProblem) -> tuple[Evidence, ...]:
    how = "read of the configuration" if problem.kind.startswith("config_") else "the argument line"
    found = []
    if problem.at is not None or problem.pointer is not None:
        place = line_and_column(context, problem.pointer if problem.at is None else problem.at)
        if place is not None:
            what = f"{place}: {problem.pointer or problem.text}"
            found.append(Evidence(what, "read of the configuration"))
        other = line_and_column(context, problem.sibling) if problem.sibling is not None else None
        if other is not None:
            found.append(Evidence(f"{other}: {problem.sibling}", "read of the configuration"))
    if problem.path and not found:
        what = problem.text or ("nothing there" if problem.kind == "config_unreadable" else "seen")
        found.append(Evidence(f"{problem.path}: {what}", "as the server's user"))
    if problem.option:
        what = argument_position(context, problem.option) or problem.option
        found.append(Evidence(what, how if not problem.path else "the argument line"))
    if not found and problem.text:
        found.append(Evidence(problem.text, how))
    if problem.option in ("--grpc_workers", "--rest_workers"):
        found += _host_limits(context.deployment.limits)
    return tuple(found)


def _host_limits(limits: HostLimits) -> list[Evidence]:
    """What the host gives, where it is known: the server measures its workers by it."""
    known = []
    if limits.cores is not None:
        known.append(Evidence(f"processors that the server counts: {limits.cores}", "asked of this host"))
    if limits.open_files is not None:
        known.append(
            Evidence(f"files that a process may open: {limits.open_files}", "getrlimit of this process")
        )
    return known


def _steps(context: Context, problem: StartProblem) -> tuple[Step, ...]:
    if problem.kind == "task_not_inferred" and problem.path:
        host = quote(context.host(problem.path))
        return (Step("Move the file away.", f"mv -- {host} {host}.unused", "host", "changes files"),)
    if problem.kind == "config_not_json" and "byte order mark" in problem.hint and problem.path:
        host = quote(context.host(problem.path))
        command = f"sed -i '1s/^\\xEF\\xBB\\xBF//' {host}"
        return (Step("Take the byte order mark away.", command, "host", "changes files"),)
    if problem.suggestion:
        return (Step(f"Perhaps {problem.suggestion} was meant."),)
    if problem.remedy:
        return (Step(problem.remedy),)
    return ()


def _help(context: Context) -> Finding:
    return context.finding(
        "OVD415",
        "The server prints its help or version and ends: it was told nothing to serve",
        detail="The exit code is 0, so that a container ends as “completed”, and is started again and again "
        "where its policy says so.",
        evidence=(Evidence("no option, --help or --version", "the argument line"),),
        recovers="restart",
    )
