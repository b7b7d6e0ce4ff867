"""The causes of the warnings and errors of a log: the meaning of each message, which led to a state, and which only
follows from others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from ovms_doctor.explain.index import CodeEntry
from ovms_doctor.explain.search import Explanation, explain
from ovms_doctor.model.log import LogProblem, LogSummary

#: Messages that end a failed load or start: a message before them names the cause.
_CLOSING = {
    "version-failed", "versions-failed", "start-failed", "model-manager-not-started", "config-models-failed",
    "pipeline-validation-failed", "port-not-opened", "custom-loader-failed", "download-hint",
    "error-while-loading-version", "node-failed", "servable-not-valid",
}  # fmt: skip
#: The closing messages that name the cause themselves, if it is recognised.
_WITH_CODE = {"port-not-opened", "custom-loader-failed"}
#: Closing messages that have a code of their own in another context.
_CLOSING_TEXTS = (
    "Loading main OVMS config models failed",
    "Loading Mediapipe ",
    "Error during loading ",
    "Error during configuration ",
    "Error during layout",
)
#: A message that a closing message quotes; the warnings before it state why each pipeline was not made (pipelines.cpp,
#: since 2026.1).
_CLOSING_PART = "Failed to create any image generation pipeline from"
#: Messages without effect on the served models.
_HARMLESS = {
    "output-buffers", "properties-not-read", "deprecated", "deprecated-or-minor", "graph-queue", "internal",
    "embedding-misuse", "download-marker", "protobuf-noise", "default-version-not-found", "pipeline-run-failed",
}  # fmt: skip
#: Messages on a start that a servable or the configuration ends (servablemanagermodule.cpp, modelmanager.cpp).
_START_FAILED = ("ovms::ModelManager::Start() Error: ", "Couldn't start model manager")
#: Codes for faults of clients: not faults of the server, and counted with the requests.
CLIENT_CODES = frozenset(f"OVD{number}" for number in range(871, 886))
#: Messages that quote a reason, and the text after it (modelinstance.cpp, modelmanager.cpp).
_ENDS_WITH = (
    ("Cannot compile model into target device; error: ", "; model: "),
    ("Error: Exception from ", "; occurred during loading "),
    ("Exception occurred while loading model: ", ";"),
    ("Exception occurred while reloading model: ", ";"),
)
#: The most characters of a text that are explained; OpenVINO's last lines are the most specific.
_TEXT = 16_384


class Meaning(Struct, frozen=True):
    """The meaning of a warning or an error."""

    #: The codes that it can mean, likeliest first, each with the values in the message.
    codes: tuple[tuple[CodeEntry, dict[str, str]], ...]
    #: Whether it only closes a failure that another message explains.
    closing: bool
    #: Whether it is recognised at all.
    known: bool
    #: Codes that the status of a closing message suggests.
    noted_codes: tuple[CodeEntry, ...] = ()
    #: Whether the message lacks its end, because the log is cut there.
    is_cut: bool = False

    @property
    def is_cause(self) -> bool:
        return bool(self.codes) and not self.closing


def meanings(problems: Sequence[LogProblem]) -> list[Meaning]:
    """Returns the meaning of each problem, in the same order."""
    known: dict[str, Meaning] = {}
    result = []
    for problem in problems:
        meaning = known.get(problem.text)
        if meaning is None:
            meaning = known[problem.text] = _meaning(problem.text)
        result.append(meaning)
    return result


def _meaning(text: str) -> Meaning:
    found: Explanation = explain(text[:_TEXT])
    names = {note.general.name for note in found.notes}
    closing = bool(names & _CLOSING) or text.startswith(_CLOSING_TEXTS) or _CLOSING_PART in text
    if found.codes and names & _WITH_CODE:
        closing = False
    noted_codes = tuple(code for note in found.notes for code in note.codes)
    # The text of an answer can also be the end of another message, which is more specific.
    ordered = sorted(found.codes, key=lambda item: item[0].code in CLIENT_CODES)
    codes = () if names & _HARMLESS and not names & {"pipeline-run-failed"} else tuple(ordered)
    is_cut = any(text.startswith(start) and end not in text for start, end in _ENDS_WITH)
    return Meaning(codes, closing, bool(found), noted_codes, is_cut)


def chosen_causes(
    numbers: Iterable[int], problems: Sequence[LogProblem], all_meanings: Sequence[Meaning]
) -> list[int]:
    """Returns the problems before a state that are causes, oldest first. A problem that can mean the same as an earlier
    cause is not a further cause, and a warning is none unless its code is an error."""
    chosen: list[int] = []
    taken: set[str] = set()
    for number in numbers:
        meaning = all_meanings[number]
        if not meaning.is_cause or is_mere_warning(problems[number], meaning):
            continue
        codes = {entry.code for entry, _ in meaning.codes}
        if codes & taken or codes <= CLIENT_CODES:
            continue
        taken.add(meaning.codes[0][0].code)
        chosen.append(number)
    return chosen


def is_mere_warning(problem: LogProblem, meaning: Meaning) -> bool:
    """Whether the problem is a warning that keeps nothing from being served."""
    return problem.level == "warning" and not any(entry.severity == "error" for entry, _ in meaning.codes)


def occurs_in(problem: LogProblem, start: int) -> bool:
    """Whether the problem occurs in a start, or before it and after it."""
    return problem.start <= start <= problem.last_start


def ending_problem(start: int, log: LogSummary, all_meanings: Sequence[Meaning]) -> int | None:
    """Returns the problem that ended a start: the last cause before its end; None if no message is recognised as one.

    A warning ends a start only if its code is an error. A servable that does not load ends a start only if the message
    on the failed start follows."""
    numbers = [number for number, problem in enumerate(log.problems) if occurs_in(problem, start)]
    by_servable = any(log.problems[number].text.startswith(_START_FAILED) for number in numbers)
    of_servables = {number for servable in log.servables for number in servable.problems}
    best: int | None = None
    fallback: int | None = None
    for number in numbers:
        problem, meaning = log.problems[number], all_meanings[number]
        if is_mere_warning(problem, meaning):
            continue
        if meaning.is_cause and {entry.code for entry, _ in meaning.codes} - CLIENT_CODES:
            if not by_servable and (problem.servable is not None or number in of_servables):
                continue
            if best is None or problem.level != "warning" or log.problems[best].level == "warning":
                best = number
        elif meaning.codes or meaning.noted_codes:
            fallback = number
    return best if best is not None else fallback
