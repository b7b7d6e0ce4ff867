"""Applies a project's decisions about findings: ignored with a reason, already known, or of another severity.

Findings about ovms-doctor itself (9xx) are not changed: nobody can decide about something that could not be checked.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.checks.registry import selects
from ovms_doctor.model.adjustments import Adjustments, IgnoreRule, KnownFinding
from ovms_doctor.model.findings import Finding, Suppression


class Adjusted(Struct, frozen=True):
    """The findings of a run after the project's decisions."""

    #: The reported findings, with their severities.
    findings: tuple[Finding, ...]
    #: The findings that are not reported, each with the reason.
    suppressed: tuple[Finding, ...] = ()
    #: Notes for the reader, one sentence each.
    notes: tuple[str, ...] = ()


def adjusted(findings: tuple[Finding, ...], decided: Adjustments, today: str) -> Adjusted:
    """Returns the adjusted findings; causes stay before their effects. ``today``: the day of the run, YYYY-MM-DD."""
    set_by = f"set by {decided.configuration}: {', '.join(decided.options)}"
    notes: list[str] = [set_by] if decided.options else []
    if not (decided.ignores or decided.severities or decided.known or decided.baseline):
        return Adjusted(findings, notes=tuple(notes))
    kept: list[Finding] = []
    left_out: dict[str, Finding] = {}
    used: set[IgnoreRule] = set()
    left = _by_fingerprint(decided.known)
    for finding in findings:
        if finding.about_itself:
            kept.append(finding)
            continue
        known = left.get(finding.fingerprint)
        entry = known.pop(0) if known else None
        rule = next((each for each in decided.ignores if _applies(each, finding, decided.directory)), None)
        if rule is not None:
            used.add(rule)
        if rule is not None and not _is_over(rule.expires, today):
            suppression = Suppression("configuration", rule.reason, rule.expires)
        elif entry is not None and not _is_over(entry.expires, today):
            suppression = Suppression("baseline", entry.reason, entry.expires)
        else:
            causes = [left_out.get(fingerprint) for fingerprint in finding.caused_by]
            cause = causes[0] if causes and all(causes) else None
            if cause is None:
                notes += _expired(finding, rule, entry, decided)
                kept.append(finding)
                continue
            # A finding that only follows from an accepted finding is accepted with it.
            assert cause.suppressed is not None
            suppression = cause.suppressed
        left_out[finding.fingerprint] = replace(finding, suppressed=suppression)
    changed, texts = _with_severities(kept, decided)
    suppressed = tuple(left_out.values())
    notes = [*notes, *_counts(suppressed, decided), *texts]
    notes += [
        f"{rule.label} ({rule.code}) matches no finding" for rule in decided.ignores if rule not in used
    ]
    unmatched = sum(map(len, left.values()))
    if unmatched:
        entries = "1 entry" if unmatched == 1 else f"{unmatched} entries"
        notes.append(
            f"{entries} of the baseline {decided.baseline} no longer occur{'s' if unmatched == 1 else ''}"
        )
    return Adjusted(changed, suppressed, tuple(notes))


def known_findings(
    findings: tuple[Finding, ...],
    suppressed: tuple[Finding, ...],
    earlier: tuple[KnownFinding, ...],
    expires: str | None,
) -> tuple[KnownFinding, ...]:
    """Returns the entries of a baseline for the findings of a run. Reasons and days of ``earlier`` entries stay; new
    entries expire on the day ``expires``."""
    before = {entry.fingerprint: entry for entry in earlier}
    result = []
    accepted = [
        one for one in suppressed if one.suppressed is not None and one.suppressed.source == "baseline"
    ]
    for finding in (*findings, *accepted):
        if finding.about_itself:
            continue
        entry = before.get(finding.fingerprint)
        result.append(
            KnownFinding(
                finding.fingerprint,
                finding.code,
                finding.name,
                finding.subject.model,
                finding.subject.version,
                finding.message,
                entry.reason if entry is not None else "",
                expires if entry is None or finding.suppressed is None else entry.expires,
            )
        )
    return tuple(
        sorted(result, key=lambda each: (each.code, each.model or "", each.version or 0, each.fingerprint))
    )


def _by_fingerprint(known: tuple[KnownFinding, ...]) -> dict[str, list[KnownFinding]]:
    result: dict[str, list[KnownFinding]] = {}
    for entry in known:
        result.setdefault(entry.fingerprint, []).append(entry)
    return result


def _applies(rule: IgnoreRule, finding: Finding, directory: str) -> bool:
    """Whether all fields that the rule sets match the finding."""
    if not selects([rule.code], finding):
        return False
    if rule.model is not None and not fnmatchcase(finding.subject.model or "", rule.model):
        return False
    if rule.path is None:
        return True
    paths = [path for path in (finding.subject.path, finding.subject.server_path) if path]
    relative = [os.path.relpath(path, directory) for path in paths if directory and path.startswith("/")]
    return any(fnmatchcase(path, rule.path) for path in (*paths, *relative))


def _is_over(expires: str | None, today: str) -> bool:
    """Whether the last day has passed. Days are compared as text, YYYY-MM-DD."""
    return expires is not None and expires < today


def _expired(
    finding: Finding, rule: IgnoreRule | None, entry: KnownFinding | None, decided: Adjustments
) -> list[str]:
    """Returns notes on decisions about this finding that have expired."""
    about = finding.code + (f", {finding.subject.model}" if finding.subject.model else "")
    notes = []
    if rule is not None:
        notes.append(f"{rule.label} ({about}) expired on {rule.expires}")
    if entry is not None:
        notes.append(f"the entry for {about} in the baseline {decided.baseline} expired on {entry.expires}")
    return notes


def _with_severities(findings: list[Finding], decided: Adjustments) -> tuple[tuple[Finding, ...], list[str]]:
    """Returns the findings with the severities of the configuration, and a note for each rule. The last matching rule
    decides."""
    numbers = dict.fromkeys(decided.severities, 0)
    result = []
    for finding in findings:
        rules = [each for each in decided.severities if selects([each.code], finding)]
        if rules and not finding.about_itself:
            rule = rules[-1]
            numbers[rule] += finding.severity != rule.severity
            finding = replace(finding, severity=rule.severity)
        result.append(finding)
    notes = [
        f"{decided.configuration} makes {number} finding{'' if number == 1 else 's'} of {rule.code} {rule.severity}"
        for rule, number in numbers.items()
        if number
    ]
    return tuple(result), notes


def _counts(suppressed: tuple[Finding, ...], decided: Adjustments) -> list[str]:
    """Returns the number of findings that the baseline contains, and for each reason the number that the configuration
    ignores."""
    notes = []
    known = sum(one.suppressed is not None and one.suppressed.source == "baseline" for one in suppressed)
    if known:
        notes.append(f"{known} finding{'' if known == 1 else 's'} known from the baseline {decided.baseline}")
    reasons: dict[str, list[str]] = {}
    for one in suppressed:
        if one.suppressed is not None and one.suppressed.source == "configuration":
            reasons.setdefault(one.suppressed.reason, []).append(one.code)
    for reason, codes in reasons.items():
        code_list = ", ".join(dict.fromkeys(codes))
        plural = "" if len(codes) == 1 else "s"
        notes.append(
            f"{len(codes)} finding{plural} ignored by {decided.configuration} ({code_list}): {reason}"
        )
    return notes
