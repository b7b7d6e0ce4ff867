"""The JSON report: from a report to its document, and the document as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, get_args

from msgspec import UNSET, Struct, to_builtins
from msgspec.structs import asdict, astuple, replace

from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import DEFAULT_POLICY, Deployment
from ovms_doctor.model.findings import Finding, Occurrences, Remedy
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.pipelines import PipelinePlan
from ovms_doctor.model.plan import ErrorCode, ModelPlan, Plan, StateName, VersionPlan
from ovms_doctor.model.text import escape
from ovms_doctor.report.document import (
    SCHEMA_VERSION,
    CheckCounts,
    CheckInfo,
    ContainerInfo,
    EvidenceInfo,
    FactsFromInfo,
    FindingInfo,
    IgnoredInput,
    ModelInfo,
    OccurrencesInfo,
    RemedyInfo,
    ReportDocument,
    RunInfo,
    ServerInfo,
    StepInfo,
    SubjectInfo,
    Summary,
    SuppressionInfo,
    TargetInfo,
    ToolInfo,
    UserInfo,
    VersionInfo,
)
from ovms_doctor.report.live_document import LiveInfo
from ovms_doctor.report.log_document import LogInfo
from ovms_doctor.report.log_json import iso_time
from ovms_doctor.report.model import CheckRun, CheckStatus, Report
from ovms_doctor.report.request_document import RequestInfo
from ovms_doctor.report.verdict import verdict_line

Document: TypeAlias = dict[str, Any]

#: Any character that may need escaping, except the line ends of the layout.
_OTHER = lazy_pattern(r"[^\n\x20-\x7e]")


def to_document(
    report: Report,
    request: RequestInfo | None = None,
    log: LogInfo | None = None,
    live: LiveInfo | None = None,
    sentence: str | None = None,
) -> Document:
    """Returns the report as JSON values, its text escaped as in :mod:`ovms_doctor.model.text`. `request`: the request
    and its verdict; `log`: the content of a log; `live`: the running server; `sentence`: the verdict as a sentence,
    if it does not follow from the report alone.

    The order is fixed: two reports on the same input differ only in times.
    """
    made = _frame(report, request, log, live, sentence)
    made = replace(made, models=tuple(_servables(report)), findings=tuple(_findings(report)))
    escaped: Document = _escaped(to_builtins(made))
    return escaped


def document_parts(report: Report, live: LiveInfo | None = None) -> Iterator[str]:
    """Yields the text that `dumps` makes of the document of `to_document`, in parts: one model or finding at a time is
    in memory."""
    entries: dict[str, Callable[[], Iterable[Struct]]] = {
        "models": lambda: _servables(report),
        "findings": lambda: _findings(report),
    }
    frame: Document = _escaped(to_builtins(_frame(report, live=live)))
    separator = "{\n"
    for name, value in frame.items():
        yield separator
        if name in entries:
            yield f"  {json.dumps(name)}: "
            yield from _array_parts(entries[name]())
        else:
            yield _printed({name: value})[2:-2]
        separator = ",\n"
    yield "\n}\n"


def _array_parts(items: Iterable[Struct]) -> Iterator[str]:
    """Yields an array that is a value of the document, as `dumps` writes it."""
    begin = "[\n"
    for item in items:
        text = _printed([_escaped(to_builtins(item))])[2:-2]
        yield begin + "\n".join(f"  {line}" for line in text.split("\n"))
        begin = ",\n"
    yield "[]" if begin == "[\n" else "\n  ]"


def _frame(
    report: Report,
    request: RequestInfo | None = None,
    log: LogInfo | None = None,
    live: LiveInfo | None = None,
    sentence: str | None = None,
) -> ReportDocument:
    """Returns the document as its types, without models and findings, its text not yet escaped."""
    made = ReportDocument(
        SCHEMA_VERSION,
        ToolInfo("ovms-doctor", report.tool_version),
        _run(report),
        _server(report.deployment, report.plan, report.runtime),
        _summary(report, " ".join(verdict_line(report)) if sentence is None else sentence),
        (),
        (),
        tuple(_check(check) for check in report.checks),
        UNSET if report.error is None else report.error,
    )
    if request is not None:
        made = replace(made, request=request)
        if made.server.release is None:
            made = replace(
                made, server=replace(made.server, release=request.release, release_from=request.release_from)
            )
    if log is not None:
        server = replace(made.server, release=log.release, release_from=log.release_from)
        made = replace(made, log=log, server=server)
    if live is not None:
        made = replace(made, live=live)
        if made.server.release is None and live.release is not None:
            made = replace(made, server=replace(made.server, release=live.release, release_from="the server"))
    return made


def dumps(document: Document) -> str:
    """Returns the document as text that UTF-8 can write, with a newline at its end.

    Unprintable characters (DEL, C1 controls, bidirectional overrides) are written as ``\\uNNNN``, which is the same
    JSON: a report may be shown with ``cat``.
    """
    return _printed(document) + "\n"


def _printed(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return _OTHER.sub(lambda match: _printable(match[0]), text)


def _printable(char: str) -> str:
    return char if char.isprintable() else json.dumps(char, ensure_ascii=True)[1:-1]


#: Keys whose text is not escaped: commands, and requests that are sent.
_SHELL_TEXTS = ("command", "corrected")


def _command(value: Any) -> Any:
    """Returns a command unescaped: it is quoted for a shell already, and may contain backslashes."""
    return "".join(escape(char) for char in value) if isinstance(value, str) else value


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {
            escape(key): _command(item) if key in _SHELL_TEXTS else _escaped(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return value


# -- the run and the server ----------------------------------------------------------------------------


def _run(report: Report) -> RunInfo:
    run, origin = report.run, report.facts_from
    return RunInfo(
        run.started_at,
        round(run.duration_s, 3),
        run.arguments,
        dict(run.host),
        report.notes,
        UNSET if origin is None else FactsFromInfo(*astuple(origin)),
    )


def _server(deployment: Deployment | None, plan: Plan | None, runtime: str | None) -> ServerInfo:
    return ServerInfo(
        mode=plan.mode if plan else deployment.mode if deployment else None,
        release=str(deployment.release) if deployment else None,
        release_from=deployment.release_from if deployment else None,
        user=UserInfo(**asdict(deployment.user)) if deployment else None,
        user_from=deployment.user_from if deployment else None,
        bare_metal=deployment.bare_metal if deployment else None,
        config_path=deployment.config_path if deployment else None,
        container=_container(deployment.container) if deployment else None,
        outcome=plan.outcome if plan else "unknown",
        starts=plan.starts if plan else None,
        exit_code=plan.exit_code if plan else None,
        runtime=runtime,
        ignored=tuple(IgnoredInput(item.location, item.text) for item in plan.ignored) if plan else (),
        targets=tuple(TargetInfo(target.path, target.kind) for target in deployment.targets)
        if deployment
        else (),
    )


def _container(container: Container | None) -> ContainerInfo | None:
    if container is None:
        return None
    state = container.state
    return ContainerInfo(
        source=container.source,
        name=container.name or container.source_name,
        id=container.id,
        image=container.image,
        arguments=container.arguments,
        status=state.status if state else None,
        exit_code=state.exit_code if state else None,
        oom_killed=state.oom_killed if state else None,
        memory_limit=container.limits.memory,
        not_known=container.problems,
    )


def _summary(report: Report, sentence: str) -> Summary:
    severities = [finding.severity for finding in report.findings]
    statuses = [check.status for check in report.checks]
    return Summary(
        verdict=report.verdict,
        errors=severities.count("error"),
        warnings=severities.count("warning"),
        infos=severities.count("info"),
        checks=CheckCounts(**{status: statuses.count(status) for status in get_args(CheckStatus)}),
        sentence=sentence,
        suppressed=len(report.suppressed),
    )


# -- models --------------------------------------------------------------------------------------------


def _servables(report: Report) -> Iterator[ModelInfo]:
    """Yields models and graphs, then the pipelines that the server keeps under their names."""
    if report.plan is None:
        return
    for model in report.plan.models:
        yield _model(model, report)
    for item in report.plan.pipelines:
        if not item.is_dropped:
            yield _pipeline(item, report)


def host_path(server_path: str, report: Report) -> str | None:
    """Returns the host path of a server path, None for remote storage."""
    if is_remote(server_path):
        return None
    return server_path if report.deployment is None else report.deployment.host_path(server_path)


def _model(model: ModelPlan, report: Report) -> ModelInfo:
    assert report.plan is not None
    # After the process has ended, the reached states are kept, but no servable answers.
    has_exited = report.plan.outcome == "exits"
    base = model.entry.base_path
    return ModelInfo(
        name=model.entry.name,
        kind="model" if model.kind == "classic" else model.kind,
        base_path=base,
        host_path=host_path(base, report),
        policy=model.entry.policy.as_json(),
        served_versions=() if has_exited else _served(model, model.served),
        later_served_versions=() if has_exited else _served(model, model.served_later),
        error_findings=_error_findings(model.entry.name, report),
        versions=_graph_version(model, has_exited=has_exited)
        if model.followed is not None
        else tuple(
            _version(version, has_exited=has_exited)
            for version in sorted(model.versions, key=lambda item: item.version)
        ),
    )


def _served(model: ModelPlan, versions: tuple[int, ...]) -> tuple[int, ...]:
    if model.followed is not None:
        return (1,) if model.tried and model.followed.verdict == "available" else ()
    return tuple(sorted(versions))


def _graph_version(model: ModelPlan, *, has_exited: bool) -> tuple[VersionInfo, ...]:
    """Returns a graph as /v1/config shows it: with one version, 1; none if an exception left it out."""
    assert model.followed is not None
    verdict = model.followed.verdict
    states: dict[str, tuple[StateName | None, ErrorCode | None]] = {
        "available": ("AVAILABLE", "OK"),
        "failed": ("LOADING", "FAILED_PRECONDITION"),
        "unknown": (None, None),
    }
    if not model.tried or verdict not in states:
        return ()
    state = states[verdict]
    later = (None, None) if has_exited else state
    path = model.followed.path or None
    return (VersionInfo(1, (), True, *state, *later, model.followed.basis, path, None),)


def _pipeline(pipeline: PipelinePlan, report: Report) -> ModelInfo:
    """Returns a pipeline as /v1/config shows it: with one version, 1."""
    assert report.plan is not None
    has_exited = report.plan.outcome == "exits"
    states: dict[bool | None, tuple[StateName | None, ErrorCode | None]] = {
        True: ("AVAILABLE", "OK"),
        False: ("LOADING", "FAILED_PRECONDITION"),
        None: (None, None),
    }
    now = (None, None) if has_exited else states[pipeline.available]
    later = (None, None) if has_exited else states[pipeline.later_available]
    return ModelInfo(
        name=pipeline.name,
        kind="pipeline",
        base_path="",
        host_path=None,
        policy=DEFAULT_POLICY.as_json(),
        served_versions=(1,) if now[0] == "AVAILABLE" else (),
        later_served_versions=(1,) if later[0] == "AVAILABLE" else (),
        error_findings=_error_findings(pipeline.name, report),
        versions=(VersionInfo(1, (), True, *now, *later, None, None, None),),
    )


def _version(version: VersionPlan, *, has_exited: bool) -> VersionInfo:
    now, attempt = version.now, version.attempt
    later = None if has_exited else version.later
    return VersionInfo(
        version=version.version,
        directories=version.directories,
        requested=version.requested,
        state=now.state if now else None,
        error_code=now.error_code if now else None,
        later_state=later.state if later else None,
        later_error_code=later.error_code if later else None,
        state_basis=attempt.basis if attempt else None,
        model_file=attempt.model_file if attempt else None,
        format=attempt.format if attempt else None,
    )


def _error_findings(model: str, report: Report) -> str:
    """Returns code and name of each error finding on the model, in the report's order (causes first)."""
    errors = (item for item in report.by_model.get(model, ()) if item.severity == "error")
    return ", ".join(dict.fromkeys(f"{item.code} {item.name}" for item in errors))


# -- findings and checks -------------------------------------------------------------------------------


def _findings(report: Report) -> Iterator[FindingInfo]:
    return (_finding(finding) for finding in (*report.findings, *report.suppressed))


def _finding(finding: Finding) -> FindingInfo:
    subject = finding.subject
    return FindingInfo(
        code=finding.code,
        name=finding.name,
        severity=finding.severity,
        confidence=finding.confidence,
        subject=SubjectInfo(**asdict(subject)),
        message=finding.message,
        detail=finding.detail,
        server_log=finding.server_log,
        evidence=tuple(EvidenceInfo(item.observation, item.how) for item in finding.evidence),
        recovers=finding.recovers,
        remedy=_remedy(finding.remedy) if finding.remedy else None,
        docs=finding.docs,
        caused_by=finding.caused_by,
        fingerprint=finding.fingerprint,
        occurrences=UNSET if finding.occurrences is None else _occurrences(finding.occurrences),
        suppressed=UNSET if finding.suppressed is None else SuppressionInfo(*astuple(finding.suppressed)),
    )


def _occurrences(found: Occurrences) -> OccurrencesInfo:
    return OccurrencesInfo(
        found.count,
        iso_time(found.first_at),
        iso_time(found.last_at),
        found.first_line or None,
        found.last_line or None,
    )


def _remedy(remedy: Remedy) -> RemedyInfo:
    steps = (StepInfo(step.text, step.command, step.location, step.effect) for step in remedy.steps)
    return RemedyInfo(remedy.summary, tuple(steps))


def _check(check: CheckRun) -> CheckInfo:
    return CheckInfo(check.name, check.status, check.reason, round(check.duration_s, 3))
