"""The remedies as one shell script with comments: causes first, each command with its effect. No command is run here.

Only commands that change something on this host are written as commands. Commands that only read, alternatives,
commands with a placeholder and fragments of a compose file or manifest are written as comments.
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.model.display_text import visible, visible_command
from ovms_doctor.model.findings import Finding, Step
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.report.groups import group_findings
from ovms_doctor.report.model import Report
from ovms_doctor.report.phrases import subject_of

_CHANGES = ("changes files", "needs root", "restarts the server")
#: A placeholder: a word in capitals (``DIRECTORY``, ``HOST:SERVER``), ``<name>`` or an ellipsis.
_PLACEHOLDER = lazy_pattern(r"(?<![\w./$-])[A-Z][A-Z_]{3,}(?![\w./=-])|<[a-z-]+>|…")
#: Maximum number of models of a group that are named.
_NAMED = 10


def remedy_script(report: Report) -> str:
    """Returns the script, ending with a newline. Without a remedy, it contains a comment instead."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "#!/usr/bin/env bash"
    yield f"# Remedies by ovms-doctor {report.tool_version}, {report.run.started_at}. Read them before you run them:"
    yield "# they change files of this host. Then check again: something that a fault hides can appear."
    yield "set -u"
    yield "failed=0"
    written: set[str] = set()
    groups = [
        group for group in group_findings(_causes_first(report.findings)) if group[0].remedy is not None
    ]
    for group in groups:
        yield ""
        yield from _group(group, written)
    yield ""
    count = len(written)
    yield 'exit "$failed"'
    yield f"# {count} command{'' if count == 1 else 's'} for {len(groups)} remed{'y' if len(groups) == 1 else 'ies'}."


def _causes_first(findings: tuple[Finding, ...]) -> list[Finding]:
    """Returns the findings with causes before what follows from them, otherwise in their order."""
    present = {finding.fingerprint for finding in findings}
    placed: set[str] = set()
    result: list[Finding] = []
    left = list(findings)
    while left:
        ready = [one for one in left if all(key in placed or key not in present for key in one.caused_by)]
        # Causes that form a circle keep their order.
        for finding in ready or left[:1]:
            result.append(finding)
            placed.add(finding.fingerprint)
        chosen = {id(finding) for finding in (ready or left[:1])}
        left = [finding for finding in left if id(finding) not in chosen]
    return result


def _group(group: tuple[Finding, ...], written: set[str]) -> Iterator[str]:
    finding = group[0]
    assert finding.remedy is not None
    names = list(dict.fromkeys(subject_of(one) for one in group))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    subject = ", ".join(name for name in names[:_NAMED] if name)
    yield _comment(
        f"{finding.severity} {finding.code} {finding.name}" + (f": {subject}{more}" if subject else "")
    )
    yield _comment(finding.message)
    if not finding.remedy.steps:
        yield _comment(f"do: {finding.remedy.summary}")
    lines = [line for step in finding.remedy.steps for line in _step(step, written)]
    if all(line.startswith("#") for line in lines):
        yield from lines
        return
    # A command that fails ends its remedy; the other remedies still run.
    yield from (line if line.startswith("#") else f"({line}) &&" for line in lines)
    yield f'true || {{ failed=1; echo "not done: {finding.code} {finding.name}" >&2; }}'


def _step(step: Step, written: set[str]) -> Iterator[str]:
    effect = f" [{step.effect}]" if step.effect else ""
    location = f" ({step.location})" if step.location else ""
    yield _comment(f"do: {step.text}{effect}{location}")
    if step.command is None:
        return
    if not _is_run(step):
        for line in step.command.split("\n"):
            yield f"#   {visible_command(line)}"
    elif step.command in written:
        yield "#   (done above)"
    else:
        written.add(step.command)
        # The command is quoted for a shell already; the displayed text is the text that runs.
        yield step.command


def _is_run(step: Step) -> bool:
    """Whether the step is run: it changes something here, is not an alternative, and has no placeholder."""
    assert step.command is not None
    text = step.command
    on_this_host = step.location in (None, "host") and step.effect in _CHANGES
    # The steps themselves quote a control character or a byte that is not UTF-8 as $'…'.
    safe = "\n" not in text and text == visible_command(text)
    return on_this_host and safe and not step.text.startswith("Or") and not _PLACEHOLDER.search(text)


def _comment(text: str) -> str:
    return f"# {visible(text)}"
