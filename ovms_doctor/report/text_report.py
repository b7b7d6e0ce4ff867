"""The text report for a person at a terminal: what the server will do, why, and how to fix it."""

from __future__ import annotations

from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.display_text import clip
from ovms_doctor.model.host import IMAGE_GROUPS
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.model.styled import Output
from ovms_doctor.report.memory_text import memory_text
from ovms_doctor.report.model import FactsOrigin, Report
from ovms_doctor.report.phrases import STATUS_TEXTS, plural
from ovms_doctor.report.text_failures import failures, write_failures
from ovms_doctor.report.text_findings import write_findings
from ovms_doctor.report.text_table import write_table
from ovms_doctor.report.text_writer import TextWriter, writer_for
from ovms_doctor.report.verdict import STYLES, verdict_line

#: The most paths with another name on this host that the header shows without --verbose.
_PATHS = 3
#: How a directory is understood, and the other interpretation that ``--as`` selects.
_OTHER_KIND = {"repository": "model", "model": "repository"}
_REASON_CELLS = 200
_VERSION = lazy_pattern(r"(\d{4})\.(\d+)(?:\.(\d+))?")


def render(report: Report, output: Output, *, quiet: bool, verbose: bool) -> None:
    """Prints the report; ``quiet`` leaves only the verdict, its last line.

    The output decides on colour, which carries no meaning. If the output is not a terminal, lines are 100 cells wide.
    Characters outside the output's encoding are written as plain ASCII.
    """
    writer = writer_for(output, verbose=verbose)
    if not quiet:
        _write_header(writer, report)
        writer.blank()
        write_table(writer, report)
        _write_running(writer, report)
        write_findings(writer, report.findings)
        writer.blank()
        _write_coverage(writer, report)
        write_failures(writer, failures(report))
    mark, sentence = verdict_line(report)
    writer.verdict(mark, sentence, STYLES[mark])
    writer.print(output)


# -- header --------------------------------------------------------------------------------------------


def _write_header(writer: TextWriter, report: Report) -> None:
    deployment = report.deployment
    if deployment is None:
        writer.prose(f"ovms-doctor {report.tool_version}", style="bold")
    else:
        writer.prose(f"ovms-doctor {report.tool_version} · {_rules(deployment)}", style="bold")
        writer.prose(f"{_user(deployment)} {_rights(deployment)}", style="dim")
        _write_targets(writer, deployment)
        if deployment.container is not None:
            writer.prose(_container(deployment.container), style="dim")
        _write_paths(writer, _pairs(report))
        if report.runtime is not None:
            writer.prose(_runtime(report.runtime, deployment.release), style="dim")
    if report.facts_from is not None:
        writer.prose(_facts_origin(report.facts_from), style="dim")
    container = deployment.container if deployment is not None else None
    for note in dict.fromkeys((*report.notes, *(container.problems if container is not None else ()))):
        writer.prose(f"note: {note}")
    _write_outcome(writer, report)


def _write_targets(writer: TextWriter, deployment: Deployment) -> None:
    """Writes how the directories that were named as targets are understood; a file has only one interpretation."""
    targets = [target for target in deployment.targets if target.kind in _OTHER_KIND]
    displayed = targets if writer.verbose else targets[:_PATHS]
    for target in displayed:
        writer.prose(
            f"{target.path}: understood as a {target.kind} (--as {_OTHER_KIND[target.kind]} to change)",
            style="dim",
        )
    if len(displayed) < len(targets):
        writer.prose(f"… and {plural(len(targets) - len(displayed), 'more target')} (--verbose)", style="dim")


def _facts_origin(origin: FactsOrigin) -> str:
    """Returns when, where and by which program the facts were collected."""
    host = f" on {origin.host}" if origin.host else ""
    time = f" at {origin.collected_at}" if origin.collected_at else ""
    by = f" by ovms-doctor {origin.tool_version}" if origin.tool_version else ""
    return f"recorded facts, collected{host}{time}{by}: this run examined nothing else"


def _rules(deployment: Deployment) -> str:
    change = "; --ovms-version to change" if deployment.release_from == "newest known" else ""
    return f"OVMS {deployment.release} rules ({deployment.release_from}{change})"


def _container(container: Container) -> str:
    """Writes the source of the container, its image, and its state."""
    if container.source == "docker-run":
        parts = ["the docker run line" + (f" of {container.name}" if container.name else "")]
    else:
        parts = [f"container {container.name or container.source_name}"]
    if container.image:
        parts.append(f"image {container.image}")
    if container.state is not None:
        code = container.state.exit_code
        ended = container.state.status in ("exited", "dead", "terminated") and code is not None
        parts.append(f"{container.state.status} with {code}" if ended else container.state.status)
    return ", ".join(parts)


def _user(deployment: Deployment) -> str:
    user = deployment.user
    groups = ""
    if user.groups != IMAGE_GROUPS:
        groups = " groups " + (" ".join(str(group) for group in user.groups) or "none")
    return f"as uid {user.uid} gid {user.gid}{groups}"


def _rights(deployment: Deployment) -> str:
    """Writes the assumption on where the server runs, which decides which directories' permissions count."""
    location = "on this host" if deployment.bare_metal else "in a container"
    if deployment.container is not None and not deployment.mounts:
        return f"{location}: its files cannot be examined from this host"
    targets = deployment.targets
    if targets and not deployment.roots and all(is_remote(target.path) for target in targets):
        # A store's path has no rights on this host.
        return location if deployment.bare_metal else f"{location} (--bare-metal to change)"
    if not deployment.roots:
        return f"{location}: the rights of all parent directories count"
    named = _without_own_files(deployment)
    roots = ", ".join(named[:_PATHS]) + (", …" if len(named) > _PATHS else "")
    fixed = deployment.bare_metal or deployment.container is not None
    change = "" if fixed else " (--bare-metal to change)"
    return f"{location}: rights count from {roots} downwards{change}"


def _without_own_files(deployment: Deployment) -> list[str]:
    """Returns the roots without the parts of the container's own layers, which the rules added themselves."""
    container = deployment.container
    own = {
        mount.server
        for mount in deployment.mounts
        if container is not None and mount.server != "/" and container.holds(mount.host)
    }
    return [root for root in deployment.roots if root not in own] or list(deployment.roots)


def _pairs(report: Report) -> dict[str, str]:
    """Returns the server's paths that have another path on this host: the mounts, else the base paths."""
    assert report.deployment is not None
    container = report.deployment.container
    mounts = {
        mount.server: mount.host
        for mount in report.deployment.mounts
        # The engine's directory for the container's own files is of no use to the reader.
        if mount.server != mount.host and not (container is not None and container.holds(mount.host))
    }
    return mounts or dict(report.host_paths)


def _write_paths(writer: TextWriter, pairs: dict[str, str]) -> None:
    displayed = list(pairs.items()) if writer.verbose else list(pairs.items())[:_PATHS]
    for server, host in displayed:
        writer.prose(f"the server's {server} is {host} on this host", style="dim")
    if len(displayed) < len(pairs):
        writer.prose(f"… and {plural(len(pairs) - len(displayed), 'more path')} (--verbose)", style="dim")


def _runtime(runtime: str, release: Release) -> str:
    """Writes which OpenVINO is quoted. An OVMS release contains the OpenVINO of the same number."""
    match = _VERSION.match(runtime)
    if match is not None:
        numbers = [int(number or 0) for number in match.groups()]
        if numbers == [*release.numbers, 0, 0][:3]:
            return f"models read by OpenVINO {match[0]}"
    return (
        f"models read by OpenVINO {match[0] if match else runtime}, which is not the one in OVMS {release}: "
        "texts that come from OpenVINO are quoted from it, the server's may differ"
    )


def _write_outcome(writer: TextWriter, report: Report) -> None:
    """Writes the outcome of start-up, unless the server serves."""
    plan = report.plan
    if plan is None:
        return
    if plan.host_problem is not None and plan.host_problem.of_engine:
        writer.prose("the engine does not start the container", style="bold red")
    elif plan.outcome == "exits":
        code = "" if plan.exit_code is None else f" with exit code {plan.exit_code}"
        writer.prose(f"the process ends{code}", style="bold red")
    elif plan.outcome == "never_ends":
        writer.prose("start-up never ends", style="bold red")
    elif plan.outcome == "unknown":
        explanation = (
            f": could not look at {plan.unknown.path}: {plan.unknown.reason}" if plan.unknown else ""
        )
        writer.prose(f"not everything about the start-up is known{explanation}", style="bold yellow")


def _write_running(writer: TextWriter, report: Report) -> None:
    """Writes the state of the running server, in one line."""
    status = report.live
    if status is None:
        return
    from ovms_doctor.report.live_text import header_phrase, steps_phrase, write_servables

    writer.blank()
    is_reached = status.server in ("ovms", "starting")
    answers = header_phrase(status) if is_reached else steps_phrase(status)
    writer.prose(f"the running server at {status.address.url}: {answers}", indent=1)
    bad = [item for item in status.servables or () if not item.complete and not item.removed]
    if bad:
        write_servables(writer, bad)


# -- coverage ------------------------------------------------------------------------------------------


def _write_coverage(writer: TextWriter, report: Report) -> None:
    """Writes what was not checked; with --verbose also what was checked."""
    if report.error is not None:
        lines = report.error.strip().split("\n")
        for line in lines if len(lines) > 1 else ():
            writer.prose(line if writer.verbose else clip(line, _REASON_CELLS), indent=2)
        return
    memory = memory_text(report)
    if memory:
        writer.prose(memory)
    if writer.verbose:
        for number, sentence in enumerate(report.coverage):
            writer.prose(sentence, indent=11, label="" if number else "checks:")
    writer.prose(f"{_checks(writer, report)} · {_counts(report)}")


def _checks(writer: TextWriter, report: Report) -> str:
    """Returns how many checks ran, and why the others did not, grouped by reason. Checks that did not apply are named
    only with --verbose."""
    ran = sum(check.status == "ran" for check in report.checks)
    others: dict[str, list[str]] = {}
    not_applicable = 0
    for check in report.checks:
        if check.status == "not_applicable" and not writer.verbose:
            not_applicable += 1
        elif check.status != "ran":
            reason = check.reason if writer.verbose else clip(check.reason, _REASON_CELLS)
            outcome = STATUS_TEXTS[check.status] + (f", {reason}" if reason else "")
            others.setdefault(outcome, []).append(check.name)
    reasons = "; ".join(f"{', '.join(names)}: {outcome}" for outcome, names in others.items())
    not_applied = f", {not_applicable} did not apply" if not_applicable else ""
    return (
        (f"{plural(ran, 'check')} ran" if ran else "no check ran")
        + not_applied
        + (f" ({reasons})" if reasons else "")
    )


def _counts(report: Report) -> str:
    def count(severity: str) -> int:
        return sum(finding.severity == severity for finding in report.findings)

    parts = [plural(count("error"), "error"), plural(count("warning"), "warning")]
    if count("info"):
        parts.append(f"{count('info')} info")
    if report.suppressed:
        parts.append(f"{len(report.suppressed)} known or ignored")
    return ", ".join(parts)
