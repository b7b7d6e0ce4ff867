"""The JSON report as types: one document whose keys are stable, for all results of a run.

The types are independent of plan and findings, so that a change of those cannot change the document. The keys, their
types and their descriptions in the JSON Schema are defined here only; docs/json-report.md is the page for users. Keys
are added at the end of a type, with the second number of the version raised.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

from ovms_doctor.model.container import Source
from ovms_doctor.model.deployment import TargetKind
from ovms_doctor.model.facts.preparation import ModelFormat
from ovms_doctor.model.findings import Confidence, Effect, Recovers, Severity, StepLocation
from ovms_doctor.model.plan import Basis, ErrorCode, Outcome, StateName
from ovms_doctor.report.live_document import LiveInfo
from ovms_doctor.report.log_document import LogInfo
from ovms_doctor.report.model import CheckStatus, Verdict
from ovms_doctor.report.request_document import RequestInfo

#: The second number is raised when keys are added, the first when a key changes or is removed.
SCHEMA_VERSION = "1.4"

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0)]
VersionNumber: TypeAlias = Annotated[int, Meta(ge=1)]


class ToolInfo(Struct, frozen=True):
    """The program that wrote the report.

    * ``name``: always ovms-doctor.
    * ``version``: the program's own version.
    """

    name: Literal["ovms-doctor"]
    version: str


class FactsFromInfo(Struct, frozen=True):
    """The origin of recorded facts; a text is empty if their file does not name it.

    * ``collected_at``: when they were collected, as ISO 8601 with the offset from UTC.
    * ``tool_version``: the version of ovms-doctor that collected them.
    * ``host``: the name of the host, if one was set with --host-name.
    * ``redacted``: whether the names in them are pseudonyms (collect --redact).
    """

    collected_at: str
    tool_version: str
    host: str
    redacted: bool


class RunInfo(Struct, frozen=True):
    """When, how and on which host the report was made.

    * ``started_at``: when the run began, as ISO 8601 with the offset from UTC.
    * ``duration_s``: how long the run took, in seconds.
    * ``arguments``: the program's arguments, secrets replaced by ***.
    * ``host``: names and values that describe the host of the run.
    * ``notes``: remarks on how the request was understood.
    * ``facts_from``: the origin of recorded facts (--facts); absent if the run collected them itself.
    """

    started_at: str
    duration_s: Seconds
    arguments: tuple[str, ...]
    host: dict[str, str]
    notes: tuple[str, ...]
    facts_from: FactsFromInfo | UnsetType = UNSET


class UserInfo(Struct, frozen=True):
    """The user that the server runs as.

    * ``uid``: the numeric user id.
    * ``gid``: the numeric group id.
    * ``groups``: the supplementary group ids, without gid.
    """

    uid: Count
    gid: Count
    groups: tuple[Count, ...]


class ContainerInfo(Struct, frozen=True):
    """The container whose settings are the deployment.

    * ``source``: the kind of its source.
    * ``name``: its name, or the document that describes it.
    * ``id``: its id; empty if it has none yet.
    * ``image``: its image.
    * ``arguments``: the server's own arguments; None if they are unknown.
    * ``status``: the engine's name for its state, None if it reports none.
    * ``exit_code``: its exit code; None if it did not end or the code is unknown.
    * ``oom_killed``: whether the engine reports that it was killed because it was out of memory.
    * ``memory_limit``: its memory limit in bytes; None for no limit or an unknown one.
    * ``not_known``: the settings that could not be read from the source, a sentence each.
    """

    source: Source
    name: str
    id: str
    image: str
    arguments: tuple[str, ...] | None
    status: str | None
    exit_code: int | None
    oom_killed: bool | None
    memory_limit: Count | None
    not_known: tuple[str, ...]


class IgnoredInput(Struct, frozen=True):
    """An argument or key of the server that this program does not evaluate.

    * ``where``: the option, or the JSON pointer of the key.
    * ``text``: the part that was not evaluated.
    """

    location: str = field(name="where")
    text: str


class TargetInfo(Struct, frozen=True):
    """How a target of the command line was understood.

    * ``path``: the target as an absolute path of this host, or its URL; for a version directory its model's.
    * ``kind``: the kind as which it was understood.
    """

    path: str
    kind: TargetKind


class ServerInfo(Struct, frozen=True):
    """The server: its settings, and the outcome of its start-up. The first eight are null if the run failed before
    they were known.

    * ``mode``: one model by its path, or a list of models.
    * ``release``: the OVMS release whose rules were used, such as 2026.3.
    * ``release_from``: the source that names the release.
    * ``user``: the user that the server runs as.
    * ``user_from``: the source that names the user.
    * ``bare_metal``: whether the server is assumed to run on this host, not in a container.
    * ``config_path``: the server's path of its configuration file; None if it has none.
    * ``container``: the container whose settings are the deployment; None if none was named.
    * ``outcome``: the outcome of start-up; unknown if it could not be predicted.
    * ``starts``: true for the outcome serves only, None for unknown.
    * ``exit_code``: the exit code of the server's process, None if it does not end.
    * ``runtime``: the version of the OpenVINO that read the models here; None if none did.
    * ``ignored``: arguments and keys that the prediction ignores.
    * ``targets``: how the targets of the command line were understood; ``--as`` decides otherwise.
    """

    mode: Literal["single", "config"] | None
    release: str | None
    release_from: str | None
    user: UserInfo | None
    user_from: str | None
    bare_metal: bool | None
    config_path: str | None
    container: ContainerInfo | None
    outcome: Outcome
    starts: bool | None
    exit_code: int | None
    runtime: str | None
    ignored: tuple[IgnoredInput, ...]
    targets: tuple[TargetInfo, ...]


class CheckCounts(Struct, frozen=True):
    """Number of selected checks by how they ended.

    * ``ran``: number of checks that ran completely.
    * ``not_applicable``: number of checks that do not apply to the deployment.
    * ``could_not_look``: number of checks that could not collect their facts.
    * ``timed_out``: number of checks that did not end in time.
    * ``crashed``: number of checks that failed themselves.
    """

    ran: Count
    not_applicable: Count
    could_not_look: Count
    timed_out: Count
    crashed: Count


class Summary(Struct, frozen=True):
    """The report in numbers.

    * ``verdict``: fail: a finding at or above --fail-on; incomplete: none, but not everything was checked; else pass.
    * ``errors``: number of findings of severity error.
    * ``warnings``: number of findings of severity warning.
    * ``infos``: number of findings of severity info.
    * ``checks``: number of selected checks by how they ended.
    * ``sentence``: the verdict as a sentence, like the last line of the text report.
    * ``suppressed``: number of findings that a baseline or the project's configuration suppresses; the other numbers
      do not include them.
    """

    verdict: Verdict
    errors: Count
    warnings: Count
    infos: Count
    checks: CheckCounts
    sentence: str
    suppressed: Count


class VersionInfo(Struct, frozen=True):
    """One detected version.

    * ``version``: the number.
    * ``directories``: names of all directories that are read as this number.
    * ``requested``: whether the version policy requests it, before any fallback.
    * ``state``: the state right after start-up, or when the process ended; None: never tried or unknown.
    * ``error_code``: the error code of the state; None if the state is None.
    * ``later_state``: the state after two further polls; None if the process ended or the state is unknown.
    * ``later_error_code``: the error code of the later state; None if that state is None.
    * ``state_basis``: how far loading was really tried here; None if it was not tried.
    * ``model_file``: the server's path that OpenVINO gets; None without a file.
    * ``format``: the format as which the server reads it, None without a file.
    """

    version: VersionNumber
    directories: tuple[str, ...]
    requested: bool
    state: StateName | None
    error_code: ErrorCode | None
    later_state: StateName | None
    later_error_code: ErrorCode | None
    state_basis: Basis | None
    model_file: str | None
    format: ModelFormat | None


class ModelInfo(Struct, frozen=True):
    """One model, graph, generative model or pipeline, and its predicted states.

    * ``name``: the name under which it is served.
    * ``base_path``: the base path as the server uses it.
    * ``host_path``: the base path on this host, None for remote storage.
    * ``policy``: the model version policy as in config.json: all, latest with num_versions, or specific with
      versions.
    * ``served_versions``: versions that are AVAILABLE right after start-up, ascending; empty if the process ended.
    * ``later_served_versions``: versions AVAILABLE after two further polls, ascending; empty if the process ended.
    * ``why``: code and name of the model's error findings, causes first, joined by commas; or empty.
    * ``versions``: one entry for each version that the server detects, ascending.
    * ``kind``: the kind of servable; a pipeline has one version, 1, as the server shows it.
    """

    name: str
    base_path: str
    host_path: str | None
    policy: Annotated[dict[str, dict[str, Any]], Meta(min_length=1, max_length=1)]
    served_versions: tuple[VersionNumber, ...]
    later_served_versions: tuple[VersionNumber, ...]
    error_findings: str = field(name="why")
    versions: tuple[VersionInfo, ...]
    kind: Literal["model", "graph", "generative", "pipeline"]


class SubjectInfo(Struct, frozen=True):
    """The subject of a finding; null fields do not apply.

    * ``model``: the model's name.
    * ``version``: the model's version.
    * ``path``: the path on this host.
    * ``server_path``: the path on the server.
    * ``line``: the line of ``document``, from 1.
    * ``column``: the column in that line, from 1.
    * ``document``: the file with that line: its path on this host, else on the server; null if ``line`` is null.
    """

    model: str | None
    version: int | None
    path: str | None
    server_path: str | None
    line: Annotated[int, Meta(ge=1)] | None
    column: Annotated[int, Meta(ge=1)] | None
    document: str | None


class EvidenceInfo(Struct, frozen=True):
    """One observation.

    * ``what``: the observation.
    * ``how``: the method of the observation.
    """

    observation: str = field(name="what")
    method: str = field(name="how")


class StepInfo(Struct, frozen=True):
    """One step of a remedy.

    * ``text``: the instruction.
    * ``command``: the command for a shell, quoted, with the real path and uid; None if there is none.
    * ``where``: where to run the command or change the setting.
    * ``effect``: the effect of the step.
    """

    text: str
    command: str | None
    location: StepLocation | None = field(name="where")
    effect: Effect | None


class RemedyInfo(Struct, frozen=True):
    """The remedy for a finding.

    * ``summary``: the general instruction.
    * ``steps``: the steps for this deployment; a step that begins with Or is an alternative.
    """

    summary: str
    steps: tuple[StepInfo, ...]


class OccurrencesInfo(Struct, frozen=True):
    """The occurrences of a finding in a log. Times are the server's own, without a zone.

    * ``count``: how often.
    * ``first_at``: the time of the first occurrence; null if its line has none.
    * ``last_at``: the time of the last occurrence.
    * ``first_line``: the number of its line; null if several lines show it together.
    * ``last_line``: the number of the line of the last occurrence.
    """

    count: Annotated[int, Meta(ge=1)]
    first_at: str | None
    last_at: str | None
    first_line: int | None
    last_line: int | None


class SuppressionInfo(Struct, frozen=True):
    """Why a finding is suppressed.

    * ``by``: the source of the decision: a baseline, or the project's configuration.
    * ``reason``: the reason in that source, or empty.
    * ``expires``: the last day of the suppression, as YYYY-MM-DD; null for no end.
    """

    source: Literal["baseline", "configuration"] = field(name="by")
    reason: str
    expires: str | None


class FindingInfo(Struct, frozen=True):
    """A prediction about the server, or a diagnosis of what it did.

    * ``code``: the code, never reused.
    * ``name``: the name that belongs to the code, in kebab case.
    * ``severity``: how serious it is for the requested service.
    * ``confidence``: how sure the prediction is.
    * ``subject``: the subject of the finding.
    * ``message``: the finding in one sentence.
    * ``detail``: the reaction of the server, or empty.
    * ``server_log``: whole messages that the server logs, after the log prefix, line ends kept, secrets as ***.
    * ``evidence``: the observations that prove the finding.
    * ``recovers``: the event after which the server uses a repair; None if there is none.
    * ``remedy``: the remedy; None if none is known.
    * ``docs``: the web address of the page about the code, or empty.
    * ``caused_by``: fingerprints of the findings that this one follows from.
    * ``fingerprint``: the same for the same finding in another run or on another host.
    * ``occurrences``: the occurrences of the finding in a log; absent if it is not from a log.
    * ``suppressed``: why it does not count; absent if it counts. Suppressed findings come after the others.
    """

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    subject: SubjectInfo
    message: str
    detail: str
    server_log: tuple[str, ...]
    evidence: tuple[EvidenceInfo, ...]
    recovers: Recovers | None
    remedy: RemedyInfo | None
    docs: str
    caused_by: tuple[str, ...]
    fingerprint: str
    occurrences: OccurrencesInfo | UnsetType = UNSET
    suppressed: SuppressionInfo | UnsetType = UNSET


class CheckInfo(Struct, frozen=True):
    """How one selected check ended.

    * ``name``: the check's name.
    * ``status``: how it ended; only ran means a complete check.
    * ``reason``: why it did not simply run, or empty.
    * ``duration_s``: how long it took, in seconds.
    """

    name: str
    status: CheckStatus
    reason: str
    duration_s: Seconds


class ReportDocument(Struct, frozen=True):
    """The predicted behaviour of OVMS, the reasons, and the remedies.

    * ``schema_version``: version of this form: the second number grows with added keys, the first with any other
      change.
    * ``tool``: the program that wrote the report.
    * ``run``: when, how and on which host the report was made.
    * ``server``: the server's settings, and the outcome of its start-up.
    * ``summary``: the report in numbers.
    * ``models``: the models that the server is to serve, in the order of loading.
    * ``findings``: the findings, causes before their effects.
    * ``checks``: how each selected check ended, in the order of running.
    * ``error``: why the run itself failed; absent if it did not.
    * ``request``: the client's request that was judged; absent in reports of other commands.
    * ``log``: the content of the server's log; absent in reports of other commands.
    * ``live``: the running server; absent if it was not queried.
    """

    schema_version: Annotated[str, Meta(pattern=r"^1\.[0-9]+$")]
    tool: ToolInfo
    run: RunInfo
    server: ServerInfo
    summary: Summary
    models: tuple[ModelInfo, ...]
    findings: tuple[FindingInfo, ...]
    checks: tuple[CheckInfo, ...]
    error: str | UnsetType = UNSET
    request: RequestInfo | UnsetType = UNSET
    log: LogInfo | UnsetType = UNSET
    live: LiveInfo | UnsetType = UNSET
