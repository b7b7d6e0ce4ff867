"""The third-party checks of a run: which are selected, the status of each, and their findings.

All start at once, so that they are imported in parallel; they run one after the other. A check that fails or hangs
delays the others by at most its time limit.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.checks.doctor import (
    CHECK_CRASHED,
    CHECK_TIMED_OUT,
    COULD_NOT_LOOK,
    PLUGIN_FINDING_REFUSED,
    PLUGIN_UNUSABLE,
)
from ovms_doctor.checks.registry import NAMES, all_codes, matches_anything
from ovms_doctor.diagnosis.run import ThirdParty
from ovms_doctor.diagnosis.settle import SettledRun
from ovms_doctor.explain.index import CodeEntry
from ovms_doctor.model.codes import PREFIX, Code
from ovms_doctor.model.facts.codec import Fact
from ovms_doctor.model.findings import Evidence, Finding, Remedy, Step, Subject
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.plugins.discovery import Plugin
from ovms_doctor.plugins.messages import (
    CouldNotLook,
    Described,
    Findings,
    NotApplicable,
    PluginMessage,
    Raised,
    Settled,
    Started,
    Unusable,
    encode_settled,
)
from ovms_doctor.plugins.process import PluginProcess
from ovms_doctor.plugins.protocol import (
    FINDINGS,
    PluginDescription,
    PluginMessageError,
    is_name,
    read_description,
    read_finding,
    read_sentence,
)
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.report.model import CheckRun, CheckStatus

#: Seconds for a child to read its data: plan and facts of all models.
START_DEADLINE = 300.0


class PluginProblem(Struct, frozen=True):
    """The reason why a check returned no result."""

    #: The status of the check in the report.
    status: CheckStatus
    #: The code of the finding about the check.
    code: Code
    #: The reason: the message after the check's name.
    text: str


class PluginOffer(Struct, frozen=True):
    """The codes and summaries of the installed third-party checks."""

    #: The codes, by code.
    codes: Mapping[str, CodeEntry]
    #: The checks' summaries, by the check's name.
    summaries: Mapping[str, str]
    #: Sentences on unusable checks.
    problems: tuple[str, ...]


class _Candidate(Struct):
    """An installed check in this run."""

    #: Its entry point.
    plugin: Plugin
    #: Its child process while it runs.
    child: PluginProcess | None = None
    #: Its description, once it is known.
    described: PluginDescription | None = None
    #: Why it returned no result.
    problem: PluginProblem | None = None


def run_plugins(
    plugins: Sequence[Plugin],
    settled: SettledRun,
    output: OutputOptions,
    limit: float,
) -> ThirdParty:
    """Runs the selected ``plugins`` on a settled plan. ``limit``: seconds for each, once to be imported and once to
    run."""
    ignored = {pattern for pattern in output.ignore if pattern.strip().lower() in _names(plugins)}
    left_out = {pattern.strip().lower() for pattern in ignored}
    plugins = [plugin for plugin in plugins if plugin.name not in left_out]
    if not plugins or not _may_be_selected(output):
        return ThirdParty(matched=frozenset(ignored))
    with _started(plugins, lambda: _document(settled), limit) as candidates:
        result = ThirdParty(matched=_matched(candidates, output) | ignored)
        for candidate in _selected(candidates, output):
            result = _with(result, candidate, output, limit)
    return result


def offers(plugins: Sequence[Plugin], limit: float) -> PluginOffer:
    """Returns the codes of the installed checks, for ``explain`` and ``checks``. ``limit``: seconds for each."""
    with _started(plugins, lambda: b"", limit) as candidates:
        good = [item for item in candidates if item.described is not None and item.problem is None]
        codes = {
            code: _as_entry(entry, item.plugin.name)
            for item in good
            if item.described
            for code, entry in item.described.codes.items()
        }
        summaries = {item.plugin.name: item.described.summary for item in good if item.described}
        problems = tuple(_sentence(item.plugin, item.problem) for item in candidates if item.problem)
    return PluginOffer(dict(sorted(codes.items())), summaries, problems)


def _as_entry(code: Code, check: str) -> CodeEntry:
    """Returns a code in the form that ``explain`` and ``checks`` show."""
    return CodeEntry(
        code.code,
        code.name,
        code.severity,
        check,
        code.summary,
        code.remedy,
        code.recovers,
        tuple(message.text for message in code.messages),
        code.texts,
        code.releases,
        code.see_also,
        None if code.example is None else (code.example.before, code.example.after),
        code.address,
        code.page,
    )


# -- from the metadata of a check to its description ---------------------------------------------------


@contextlib.contextmanager
def _started(
    plugins: Sequence[Plugin], document: Callable[[], bytes], limit: float
) -> Iterator[list[_Candidate]]:
    """Yields all checks, each imported by its child process, which waits. No child process is left at the end."""
    candidates = [_Candidate(plugin, problem=_refused_name(plugin, plugins)) for plugin in plugins]
    with contextlib.ExitStack() as stack:
        facts = os.memfd_create("facts")
        stack.callback(os.close, facts)
        for candidate in candidates:
            if candidate.problem is None:
                try:
                    candidate.child = stack.enter_context(PluginProcess(candidate.plugin.target, facts))
                except (OSError, ValueError) as error:
                    text = f"no child process can be started: {error}"
                    candidate.problem = PluginProblem("could_not_look", PLUGIN_UNUSABLE, text)
        # Meanwhile the child processes import the checks.
        _fill(facts, document())
        for candidate in candidates:
            if candidate.child is not None:
                _describe(candidate, candidate.child.receive(limit), limit)
        _refuse_clashes(candidates)
        yield candidates


def _fill(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _document(settled: SettledRun) -> bytes:
    facts = tuple(Fact(question, answer) for question, answer in settled.facts)
    return encode_settled(Settled(settled.deployment, settled.plan, facts))


def _refused_name(plugin: Plugin, plugins: Sequence[Plugin]) -> PluginProblem | None:
    names = Counter(item.name for item in plugins)
    if not is_name(plugin.name):
        text = f"its entry point must be named in kebab case, and not begin with {PREFIX.lower()}"
    elif _is_ours(plugin.name):
        text = "a check or a finding of ovms-doctor itself has this name"
    elif names[plugin.name] > 1:
        others = sorted({item.distribution for item in plugins if item.name == plugin.name})
        text = f"several checks have this name, in {' and '.join(others)}"
    else:
        return None
    return PluginProblem("could_not_look", PLUGIN_UNUSABLE, text)


def _is_ours(name: str) -> bool:
    return name in NAMES or any(entry.name == name for entry in all_codes().values())


def _describe(candidate: _Candidate, message: PluginMessage | ChildExit, limit: float) -> None:
    if isinstance(message, ChildExit):
        candidate.problem = _ended(message, "to be imported", limit)
    elif isinstance(message, Unusable):
        text = f"it cannot be imported: {read_sentence(message.reason)}"
        candidate.problem = PluginProblem("crashed", PLUGIN_UNUSABLE, text)
    else:
        try:
            about = message.check if isinstance(message, Described) else None
            described = read_description(about, candidate.plugin.name)
            taken_names = [entry.name for entry in described.codes.values() if _is_ours(entry.name)]
            if taken_names:
                raise PluginMessageError(
                    f"a finding or check of ovms-doctor is called {taken_names[0]} already"
                )
            candidate.described = described
        except PluginMessageError as error:
            candidate.problem = PluginProblem("could_not_look", PLUGIN_UNUSABLE, str(error))


def _refuse_clashes(candidates: Sequence[_Candidate]) -> None:
    """Refuses checks with the same prefix in two distributions, or with the same code or name. None of them is used,
    because it is unknown which is right."""
    prefixes: dict[str, set[str]] = {}
    owners: dict[str, set[tuple[str, str]]] = {}
    for item in candidates:
        if item.described is not None:
            owner = (item.plugin.distribution, item.plugin.name)
            prefixes.setdefault(item.described.prefix, set()).add(item.plugin.distribution)
            owners.setdefault(item.plugin.name, set()).add(owner)
            for entry in item.described.codes.values():
                owners.setdefault(entry.code, set()).add(owner)
                owners.setdefault(entry.name, set()).add(owner)
    for item in candidates:
        if item.described is None:
            continue
        text = ""
        if len(prefixes[item.described.prefix]) > 1:
            several = " and ".join(sorted(prefixes[item.described.prefix]))
            text = f"the code prefix {item.described.prefix} is claimed by {several}"
        for entry in item.described.codes.values():
            for word in (entry.code, entry.name):
                if not text and len(owners[word]) > 1:
                    text = f"{word} is claimed by {' and '.join(name for _, name in sorted(owners[word]))}"
        if text:
            item.problem = PluginProblem("could_not_look", PLUGIN_UNUSABLE, text)


# -- selection -----------------------------------------------------------------------------------------


def _may_be_selected(output: OutputOptions) -> bool:
    """Returns False if every pattern can only match built-in checks: then no third-party check is started."""
    return not output.select or not all(
        pattern.strip().upper().startswith(PREFIX) or _is_ours(pattern.strip().lower())
        for pattern in output.select
    )


def _names(plugins: Sequence[Plugin]) -> set[str]:
    return {plugin.name for plugin in plugins}


def _names_check(pattern: str, candidate: _Candidate) -> bool:
    return pattern.strip().lower() == candidate.plugin.name


def _names_code(pattern: str, entry: Code) -> bool:
    text = pattern.strip()
    return bool(text) and (entry.code.startswith(text.upper()) or entry.name == text.lower())


def _matched(candidates: Sequence[_Candidate], output: OutputOptions) -> frozenset[str]:
    """Returns the patterns that match a third-party check or code."""
    entries = [
        entry for item in candidates if item.described is not None for entry in item.described.codes.values()
    ]
    return frozenset(
        pattern
        for pattern in (*output.select, *output.ignore)
        if any(_names_check(pattern, item) for item in candidates)
        or any(_names_code(pattern, entry) for entry in entries)
    )


def _selected(candidates: Sequence[_Candidate], output: OutputOptions) -> Iterator[_Candidate]:
    """Yields the selected checks. A check that could not report its codes counts as selected if a pattern matches
    nothing else: a green report must not hide that a requested check did not run."""
    matched = _matched(candidates, output)
    unknown = any(item not in matched and not matches_anything(item) for item in output.select)
    for candidate in candidates:
        entries = list(candidate.described.codes.values()) if candidate.described is not None else []
        is_selected = (
            not output.select
            or any(_names_check(pattern, candidate) for pattern in output.select)
            or any(_names_code(pattern, entry) for pattern in output.select for entry in entries)
            or (unknown and not entries)
        )
        left_out = bool(entries) and all(
            any(_names_code(pattern, entry) for pattern in output.ignore) for entry in entries
        )
        if is_selected and not left_out:
            yield candidate


def _is_wanted(finding: Finding, candidate: _Candidate, output: OutputOptions) -> bool:
    assert candidate.described is not None
    entry = candidate.described.codes[finding.code]
    chosen = not output.select or any(
        _names_check(pattern, candidate) or _names_code(pattern, entry) for pattern in output.select
    )
    return chosen and not any(_names_code(pattern, entry) for pattern in output.ignore)


# -- running -------------------------------------------------------------------------------------------


def _with(result: ThirdParty, candidate: _Candidate, output: OutputOptions, limit: float) -> ThirdParty:
    """Returns ``result`` with the result of this check."""
    began = time.monotonic()
    found, status, reason, problems = _outcome(candidate, limit)
    kept = [finding for finding in found if _is_wanted(finding, candidate, output)]
    about = [_finding(candidate.plugin, problem) for problem in problems]
    run = CheckRun(_label(candidate, result), status, reason, time.monotonic() - began)
    sentences: tuple[str, ...] = ()
    if status == "ran" and candidate.described is not None:
        sentences = (f"{candidate.plugin.name}: {candidate.described.summary}",)
    return replace(
        result,
        findings=(*result.findings, *kept, *about),
        checks=(*result.checks, run),
        coverage=(*result.coverage, *sentences),
    )


def _label(candidate: _Candidate, result: ThirdParty) -> str:
    """Returns the check's name; with its distribution if the name is already used: the report names each check once."""
    name = candidate.plugin.name
    taken = {run.name for run in result.checks}
    if name not in taken and name not in NAMES:
        return name
    label = f"{name} of {candidate.plugin.distribution}"
    return label if label not in taken else f"{label} ({candidate.plugin.target})"


def _outcome(
    candidate: _Candidate, limit: float
) -> tuple[tuple[Finding, ...], CheckStatus, str, tuple[PluginProblem, ...]]:
    """Returns the findings, the status, its reason, and the problems of the check itself."""
    if candidate.problem is not None:
        return (), candidate.problem.status, candidate.problem.text, (candidate.problem,)
    assert candidate.child is not None
    assert candidate.described is not None
    with candidate.child as child:
        child.run()
        message = child.receive(START_DEADLINE)
        if isinstance(message, Started):
            message = child.receive(limit)
    match message:
        case ChildExit():
            problem = _ended(message, "to run", limit)
        case Findings():
            return _accepted_findings(message.findings, candidate.described)
        case NotApplicable():
            return (), "not_applicable", read_sentence(message.reason), ()
        case CouldNotLook():
            text = read_sentence(message.reason) or "no reason given"
            problem = PluginProblem("could_not_look", COULD_NOT_LOOK, text)
        case Raised():
            problem = PluginProblem("crashed", CHECK_CRASHED, read_sentence(message.reason))
        case _:
            problem = PluginProblem("crashed", CHECK_CRASHED, "no answer")
    return (), problem.status, problem.text, (problem,)


def _accepted_findings(
    rows: Sequence[object], described: PluginDescription
) -> tuple[tuple[Finding, ...], CheckStatus, str, tuple[PluginProblem, ...]]:
    good: list[Finding] = []
    bad: list[str] = []
    for number, row in enumerate(rows[:FINDINGS], 1):
        try:
            good.append(read_finding(row, described.codes))
        except PluginMessageError as error:
            bad.append(f"finding {number}: {error}")
    if len(rows) > FINDINGS:
        bad.append(f"more than {FINDINGS} findings")
    if not bad:
        return tuple(good), "ran", "", ()
    more = f", and {len(bad) - 1} more of this kind" if len(bad) > 1 else ""
    text = f"some of its results are not findings of its own: {bad[0]}{more}"
    return tuple(good), "crashed", text, (PluginProblem("crashed", PLUGIN_FINDING_REFUSED, text),)


def _ended(ended: ChildExit, action: str, limit: float) -> PluginProblem:
    if ended.timed_out:
        return PluginProblem("timed_out", CHECK_TIMED_OUT, f"it had {limit:g} s {action}, and was ended")
    return PluginProblem("crashed", CHECK_CRASHED, read_sentence(str(ended)))


# -- texts ---------------------------------------------------------------------------------------------


def _sentence(plugin: Plugin, problem: PluginProblem) -> str:
    return f"The check {plugin.name} of {plugin.distribution} {plugin.version}: {problem.text}"


def _finding(plugin: Plugin, problem: PluginProblem) -> Finding:
    steps = (
        Step(
            f"Report it to the authors of {plugin.distribution}, or use another version of it.", None, "host"
        ),
        Step(f"Or run without this check: add --ignore {plugin.name}", None, "host"),
    )
    return Finding(
        problem.code.code,
        problem.code.name,
        problem.code.severity,
        Subject(),
        _sentence(plugin, problem),
        "Its findings are missing from this report.",
        evidence=(Evidence(f"entry point {plugin.name} = {plugin.target}", "run in a child process"),),
        remedy=Remedy(problem.code.remedy, steps),
        docs=problem.code.address,
        relative=f"{plugin.distribution}/{plugin.name}/{plugin.target}",
    )
