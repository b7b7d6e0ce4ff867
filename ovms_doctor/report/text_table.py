"""The table of predicted models: one row for each version that matters, always including the bad ones."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from msgspec import Struct

from ovms_doctor.model.display_text import clip
from ovms_doctor.model.findings import Finding, is_about_itself
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pipelines import PipelinePlan
from ovms_doctor.model.plan import ModelPlan, Plan, VersionPlan
from ovms_doctor.report.model import Report
from ovms_doctor.report.phrases import FORMATS, plural, title_of
from ovms_doctor.report.text_columns import Column, write_columns
from ovms_doctor.report.text_columns import Row as Cells
from ovms_doctor.report.text_writer import TextWriter
from ovms_doctor.report.verdict import ModelStatus, is_in_azure, model_status

#: The most rows without --verbose; good ones are left out first.
ROWS = 40
#: Maximum cells of a reason without --verbose.
_NOTE_CELLS = 200
#: On a short line names wrap first, then the file is left out, then the reason goes below its row.
_COLUMNS = (
    Column("model", 28, 12),
    Column("version", 20, 7),
    Column("state", 22, 11),
    Column("file", 40, 16, leaves=1),
    Column("why"),
)
_STYLES: dict[ModelStatus, str] = {"good": "", "bad": "red", "unknown": "yellow", "not followed": "yellow"}


#: The values that /v1/config shows for a graph.
GRAPH_STATES = {
    "available": "AVAILABLE",
    "failed": "LOADING",
    "escaped": "absent",
    "killed": "gone",
    "unknown": "unknown",
}


class Row(Struct, frozen=True):
    """One line of the table."""

    #: The model's name.
    model: str
    #: The version.
    version: str
    #: The state and its changes.
    state: str
    #: The model file.
    file: str
    #: The reason, or a remark.
    note: str
    #: The status of this version alone.
    status: ModelStatus


def write_table(writer: TextWriter, report: Report) -> None:
    """Writes the table, and below it the number of omitted rows and the meaning of its arrows."""
    plan = report.plan
    if plan is None or not (plan.models or plan.pipelines):
        return
    rows = list(_rows(plan, report, all_versions=writer.verbose))
    displayed = rows if writer.verbose else _shown_rows(rows)
    written = [
        _columns_of(row, last, writer) for row, last in zip(displayed, [None, *displayed], strict=False)
    ]
    write_columns(writer, _COLUMNS, written, None)
    left_out = len(rows) - len(displayed)
    if left_out:
        text = f"… and {plural(left_out, 'more row')}, served as requested (--verbose shows all)"
        writer.prose(text, indent=1, style="dim")
    if any("→" in row.state for row in displayed):
        writer.prose(_legend(plan), indent=1, style="dim")


def _legend(plan: Plan) -> str:
    if plan.outcome == "exits":
        return "→ gone: the state that was reached when the process ended"
    return "A → B: A right after start-up, B after the next poll"


# -- rows ----------------------------------------------------------------------------------------------


def _rows(plan: Plan, report: Report, *, all_versions: bool) -> Iterator[Row]:
    for model in plan.models:
        versions = [version for version in model.versions if all_versions or _matters(version)]
        if not model.tried or not versions:
            yield _without_versions(model, report)
            continue
        for version in sorted(versions, key=lambda item: -item.version):
            yield _of_version(model, version, plan, report)
    for pipeline in plan.pipelines:
        yield _of_pipeline(pipeline, report)


def _of_pipeline(pipeline: PipelinePlan, report: Report) -> Row:
    findings = [
        item
        for item in report.findings
        if item.serving_effect == "pipeline not served"
        and item.subject.model == pipeline.name
        and pipeline.fault is not None
    ]
    states: dict[bool | None, tuple[str, ModelStatus]] = {
        True: ("AVAILABLE", "good"),
        False: ("not served" if pipeline.is_dropped else "LOADING", "bad"),
        None: ("unknown", "unknown"),
    }
    state, end = states[pipeline.available]
    reason = _first_title(findings) or next(iter(pipeline.doubts), "")
    return Row(pipeline.name, "-", state, "pipeline", reason, end)


def _matters(version: VersionPlan) -> bool:
    return version.requested or version.now is not None or version.later is not None


def _without_versions(model: ModelPlan, report: Report) -> Row:
    note = _first_title(_findings(model, report)) or _first_title(_of_its_bucket(model, report))
    end = model_status(model, report)
    state = "not served" if model.tried else "not tried"
    if model.followed is not None and end != "not followed" and model.tried:
        state = GRAPH_STATES[model.followed.verdict]
        note = note or ", ".join(model.followed.tasks)
    elif end == "not followed":
        state = "not followed"
        note = note or ("a graph" if model.kind == "graph" else "a generative model")
    elif not model.tried:
        note = note or "start-up does not reach it"
    elif model.unknown is not None:
        state = "unknown"
        if is_in_azure(model) and is_about_itself(note):
            note = "not examined: it is in Azure"
        note = note or f"could not look: {model.unknown.reason}"
    return Row(model.entry.name, "-", state, "-", note, end)


def _of_version(model: ModelPlan, version: VersionPlan, plan: Plan, report: Report) -> Row:
    unknown = model.unknown is not None and version.now is None
    end: ModelStatus = "good"
    if plan.outcome == "exits" or version.fails:
        end = "unknown" if unknown else "bad"
    elif plan.outcome == "never_ends" and not _keeps_state(version):
        end = "bad"
    name = str(version.version)
    return Row(
        model.entry.name,
        name,
        _state(version, plan, unknown=unknown),
        _file(version),
        _note(model, version, report, end),
        end,
    )


def _keeps_state(version: VersionPlan) -> bool:
    return not version.requested or (version.now is not None and version.now.available)


def _state(version: VersionPlan, plan: Plan, *, unknown: bool) -> str:
    now = version.now.state if version.now else None
    if plan.outcome == "exits":
        return f"{now} → gone" if now else "not tried"
    later = version.later.state if version.later else None
    if now is None and later is None:
        if unknown:
            return "unknown"
        return "not tried" if version.requested else "not requested"
    if later is None or later == now:
        return now or "not tried"
    return f"{now or 'not tried'} → {later}"


def _file(version: VersionPlan) -> str:
    attempt = version.attempt
    if attempt is None or attempt.model_file is None:
        return "-"
    inside = attempt.path.rstrip("/") + "/"
    name = attempt.model_file.removeprefix(inside)
    if name == attempt.model_file:
        name = posixpath.basename(name)
    # For a SavedModel the server hands over the directory.
    name = name or "saved_model.pb"
    return name if attempt.format is None else f"{name} ({FORMATS[attempt.format]})"


def _note(model: ModelPlan, version: VersionPlan, report: Report, end: ModelStatus) -> str:
    own = [item for item in _findings(model, report) if item.subject.version == version.version]
    if own:
        return _first_title(own)
    if end == "unknown" and model.unknown is not None:
        return f"could not look: {model.unknown.reason}"
    if end == "bad":
        return _first_title([item for item in _findings(model, report) if item.subject.version is None])
    if not version.requested and version.now is not None and version.now.available:
        return "served instead"
    if not version.requested and version.later is not None and version.later.available:
        return "served instead, from the next poll"
    return ""


def _findings(model: ModelPlan, report: Report) -> list[Finding]:
    name = model.entry.name
    found = (*report.by_model.get(name, ()), *report.suppressed_by_model.get(name, ()))
    return [item for item in found if item.severity != "info"]


def _of_its_bucket(model: ModelPlan, report: Report) -> list[Finding]:
    """Returns the findings that are reported once for all models of a bucket."""
    return [
        item
        for item in report.by_model.get(None, ())
        if is_remote(item.subject.server_path or "")
        and f"{model.entry.base_path}/".startswith(f"{item.subject.server_path}/")
        and item.severity != "info"
    ]


def _first_title(findings: list[Finding]) -> str:
    return title_of(findings[0]) if findings else ""


def _shown_rows(rows: list[Row]) -> list[Row]:
    """Returns all rows that are not good, and as many good rows as fit, in their order."""
    rows_left = ROWS - sum(row.status != "good" for row in rows)
    shown_rows = []
    for row in rows:
        if row.status == "good":
            rows_left -= 1
            if rows_left < 0:
                continue
        shown_rows.append(row)
    return shown_rows


# -- layout --------------------------------------------------------------------------------------------


def _columns_of(row: Row, before: Row | None, writer: TextWriter) -> Cells:
    """Returns the cells of a row. Only the first row of a model has its name; the state is coloured."""
    same = before is not None and before.model == row.model and row.version != "-"
    style = _STYLES[row.status]
    if row.status == "good" and row.state.startswith("AVAILABLE"):
        style = "green"
    reason = row.note if writer.verbose else clip(row.note, _NOTE_CELLS)
    return Cells(("" if same else row.model, row.version, row.state, row.file, reason), style, 2)
