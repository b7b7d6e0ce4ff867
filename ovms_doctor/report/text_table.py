"""The table: what will be served. One row for each version that matters, the bad ones always among them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from msgspec import Struct

from ovms_doctor.model.display_text import cell_len, clip, wrap
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pipelines import PipelinePlan
from ovms_doctor.model.plan import ModelPlan, Plan, VersionPlan
from ovms_doctor.report.model import Report
from ovms_doctor.report.phrases import FORMATS, plural, title_of
from ovms_doctor.report.text_writer import TextWriter
from ovms_doctor.report.verdict import Fate, fate, is_in_azure

#: Rows shown before the good ones are left out, unless everything is asked for.
ROWS = 40
_HEADER = ("model", "version", "state", "file", "why")
_WIDEST = (28, 20, 22, 40)
#: What the columns of models and of files may be narrowed to where the line is too short.
_NARROWEST = {3: 16, 0: 12}
_WHY_CELLS, _WHY_ROOM = 100, 24
_STYLES: dict[Fate, str] = {"good": "", "bad": "red", "unknown": "yellow", "not followed": "yellow"}


#: What /v1/config shows of a graph.
GRAPH_STATES = {
    "available": "AVAILABLE",
    "failed": "LOADING",
    "escaped": "absent",
    "killed": "gone",
    "unknown": "unknown",
}


class Row(Struct, frozen=True):
    """One line of the table; ``fate`` of this version alone."""

    model: str
    version: str
    state: str
    file: str
    why: str
    fate: Fate


def write_table(paper: TextWriter, report: Report) -> None:
    """The table, and below it what is left out and what its arrows mean."""
    plan = report.plan
    if plan is None or not (plan.models or plan.pipelines):
        return
    rows = list(_rows(plan, report, everything=paper.verbose))
    shown = rows if paper.verbose else _pick(rows)
    cells = [
        tuple(paper.show(cell) for cell in _cells(row, last))
        for row, last in zip(shown, [None, *shown], strict=False)
    ]
    widths = _widths(cells, paper)
    paper.line((" " + "  ".join(map(_pad, _HEADER, (*widths, 0))), "bold"))
    for row, texts in zip(shown, cells, strict=True):
        _write(paper, row, texts, widths)
    left_out = len(rows) - len(shown)
    if left_out:
        paper.line((f" … and {plural(left_out, 'more row')}, served as asked (--verbose shows all)", "dim"))
    if any("→" in row.state for row in shown):
        paper.line((f" {_legend(plan)}", "dim"))


def _legend(plan: Plan) -> str:
    if plan.outcome == "exits":
        return "→ gone: the state that was reached when the process ended"
    return "A → B: A right after start-up, B after the next poll"


# -- rows ----------------------------------------------------------------------------------------------


def _rows(plan: Plan, report: Report, *, everything: bool) -> Iterator[Row]:
    for model in plan.models:
        versions = [version for version in model.versions if everything or _matters(version)]
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
        if item.subject.model == pipeline.name and item.code == "OVD442" and pipeline.fault is not None
    ]
    states: dict[bool | None, tuple[str, Fate]] = {
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
    why = _first_title(_findings(model, report)) or _first_title(_of_its_bucket(model, report))
    end = fate(model, report)
    state = "not served" if model.tried else "not tried"
    if model.followed is not None and end != "not followed" and model.tried:
        state = GRAPH_STATES[model.followed.verdict]
        why = why or ", ".join(model.followed.tasks)
    elif end == "not followed":
        state = "not followed"
        why = why or ("a graph" if model.kind == "graph" else "a generative model")
    elif not model.tried:
        why = why or "start-up does not get to it"
    elif model.unknown is not None:
        state = "unknown"
        if is_in_azure(model) and why.startswith("OVD9"):
            why = "not looked at: it is in Azure"
        why = why or f"could not look: {model.unknown.reason}"
    return Row(model.entry.name, "-", state, "-", why, end)


def _of_version(model: ModelPlan, version: VersionPlan, plan: Plan, report: Report) -> Row:
    unseen = model.unknown is not None and version.now is None
    end: Fate = "good"
    if plan.outcome == "exits" or version.fails:
        end = "unknown" if unseen else "bad"
    elif plan.outcome == "never_ends" and not _stays(version):
        end = "bad"
    name = str(version.version)
    return Row(
        model.entry.name,
        name,
        _state(version, plan, unseen=unseen),
        _file(version),
        _why(model, version, report, end),
        end,
    )


def _stays(version: VersionPlan) -> bool:
    return not version.requested or (version.now is not None and version.now.available)


def _state(version: VersionPlan, plan: Plan, *, unseen: bool) -> str:
    now = version.now.state if version.now else None
    if plan.outcome == "exits":
        return f"{now} → gone" if now else "not tried"
    later = version.later.state if version.later else None
    if now is None and later is None:
        if unseen:
            return "unknown"
        return "not tried" if version.requested else "not asked for"
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


def _why(model: ModelPlan, version: VersionPlan, report: Report, end: Fate) -> str:
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
    return [
        item for item in report.findings if item.subject.model == model.entry.name and item.severity != "info"
    ]


def _of_its_bucket(model: ModelPlan, report: Report) -> list[Finding]:
    """What is told once for all models of a bucket."""
    return [
        item
        for item in report.findings
        if item.subject.model is None
        and is_remote(item.subject.server_path or "")
        and f"{model.entry.base_path}/".startswith(f"{item.subject.server_path}/")
        and item.severity != "info"
    ]


def _first_title(findings: list[Finding]) -> str:
    return title_of(findings[0]) if findings else ""


def _pick(rows: list[Row]) -> list[Row]:
    """All that are not good, and as many good ones as fit, in their order."""
    room = ROWS - sum(row.fate != "good" for row in rows)
    picked = []
    for row in rows:
        if row.fate == "good":
            room -= 1
            if room < 0:
                continue
        picked.append(row)
    return picked


# -- layout --------------------------------------------------------------------------------------------


def _cells(row: Row, before: Row | None) -> tuple[str, str, str, str, str]:
    """A model's name stands at its first row only."""
    same = before is not None and before.model == row.model and row.version != "-"
    return "" if same else row.model, row.version, row.state, row.file, row.why


def _widths(cells: list[tuple[str, ...]], paper: TextWriter) -> list[int]:
    widths = [
        min(max(cell_len(texts[column]) for texts in [_HEADER, *cells]), widest)
        for column, widest in enumerate(_WIDEST)
    ]
    longest = max(cell_len(texts[-1]) for texts in cells)
    over = _indent(widths) + min(longest, _WHY_ROOM) - paper.width
    for column, narrowest in _NARROWEST.items():
        cut = max(min(over, widths[column] - narrowest), 0)
        widths[column] -= cut
        over -= cut
    return widths


def _indent(widths: list[int]) -> int:
    """Where the last column begins."""
    return 1 + sum(widths) + 2 * len(widths)


def _pad(text: str, width: int) -> str:
    """``text``, which is no wider, filled up to ``width`` cells; 0 leaves it as it is."""
    return text + " " * (width - cell_len(text))


def _write(paper: TextWriter, row: Row, texts: tuple[str, ...], widths: list[int]) -> None:
    """The first four columns are cut to their width; the last is wrapped in what is left of the line."""
    dots = paper.show("…")
    columns = [_pad(clip(text, width, dots), width) for text, width in zip(texts, widths, strict=False)]
    indent = _indent(widths)
    why = texts[-1] if paper.verbose else clip(texts[-1], _WHY_CELLS, dots)
    pieces = wrap(why, max(paper.width - indent, 20))
    model, *middle = columns
    state = "  ".join(middle)
    if not pieces[0]:
        state = state.rstrip()
    paper.ready((f" {model}  ", ""), (state, _STYLES[row.fate]), (f"  {pieces[0]}".rstrip(), ""))
    for piece in pieces[1:]:
        paper.ready((" " * indent + piece, ""))
