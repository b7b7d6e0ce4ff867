"""The input of a check, and the only code that builds its findings."""

from __future__ import annotations

import os

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code
from ovms_doctor.model.config_positions import LineColumn
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Denial, Facts, Failure
from ovms_doctor.model.findings import (
    CausedBy,
    Confidence,
    Evidence,
    Finding,
    Recovers,
    Remedy,
    ServingEffect,
    Severity,
    Step,
    Subject,
)
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.plan import Attempt, ModelPlan, Plan

#: The sources of evidence that comes from the deployment itself.
SERVER_ENVIRONMENT = "the server's environment"
CONFIGURED_PATH = "the configured path"


class Context(Struct, frozen=True):
    """The input of a check: the deployment, its settled plan and the facts for the plan."""

    #: The arguments, files and environment of the server.
    deployment: Deployment
    #: The predicted result.
    plan: Plan
    #: The facts that the rules needed.
    facts: Facts

    # -- texts and paths ---------------------------------------------------------------------------
    @property
    def user_ids(self) -> str:
        """The server's user, as messages name it: ``uid 5000 gid 5000``."""
        user = self.deployment.user
        return f"uid {user.uid} gid {user.gid}"

    @property
    def single(self) -> bool:
        """Whether the server is in single-model mode."""
        return self.plan.mode == "single"

    def absolute(self, path: str) -> str:
        """Returns the absolute form of a server path, which the facts use; a path in a store is not changed."""
        if is_remote(path):
            return path
        return self.deployment.absolute(path)

    def host(self, path: str) -> str:
        """Returns the host path of a server path."""
        return path if is_remote(path) else self.deployment.host_path(path)

    def on_host(self, path: str) -> bool:
        """Whether a server path has a host path: it is neither in a store nor only in an image."""
        if is_remote(path):
            return False
        deployment = self.deployment
        return (
            deployment.container is None or deployment.mount_table.mount_of(self.absolute(path)) is not None
        )

    def confidence(self) -> Confidence:
        """Returns the confidence of a rule: high for recorded releases, medium for releases known from source only."""
        return "high" if self.deployment.release.recorded else "medium"

    def recovers(self, attempt: Attempt | None = None) -> Recovers:
        """Returns how the server applies a repair. A process that ended or hangs needs a restart; a version whose load
        ended in an exception is not tried again before its configuration changes."""
        if self.plan.outcome in ("exits", "never_ends"):
            return "restart"
        if attempt is not None and attempt.outcome == "threw":
            return "restart" if self.single else "config_change"
        return "next_poll"

    def failure_effect(self, model: ModelPlan) -> str:
        """Returns the effect of a failed load of this model on the process and on its other versions."""
        if self.plan.pull is not None and self.plan.exit_code == 0:
            return "A server that is started with it answers “ready”, and serves nothing under this name."
        if self.plan.outcome == "exits":
            return f"The server ends with exit code {self.plan.exit_code} before it serves anything."
        if self.plan.outcome == "never_ends":
            return "Start-up never ends."
        later = model.served_later
        if later:
            kept = ", ".join(str(version) for version in later)
            instead = "" if set(later) & set(model.requested) else " instead"
            return f"The server keeps running and serves version {kept} of this model{instead}."
        return "The server keeps running and answers “ready”, but serves nothing under this name."

    # -- building ----------------------------------------------------------------------------------
    def finding(
        self,
        code: Code,
        message: str,
        *,
        model: str | None = None,
        version: int | None = None,
        path: str | None = None,
        base: str | None = None,
        detail: str = "",
        severity: Severity | None = None,
        confidence: Confidence | None = None,
        log: tuple[str, ...] = (),
        evidence: tuple[Evidence, ...] = (),
        recovers: Recovers | None = None,
        steps: tuple[Step, ...] = (),
        remedy: str = "",
        causes: tuple[CausedBy, ...] = (),
        at: str | int | None = None,
        position: LineColumn | None = None,
        serving_effect: ServingEffect | None = None,
        is_running: bool = False,
    ) -> Finding:
        """Returns a finding with the name, severity, remedy and page of its code, unless an argument replaces them.

        ``path``: a server path; ``base``: the base path to which the path in the fingerprint is relative; ``log``: the
        messages that the server writes; ``recovers``: how the server applies the remedy in this case, None if it does
        not; ``causes``: descriptions of the findings from which this one follows. ``at``: the JSON pointer, or the
        index of a character, in the configuration file that the finding is about; ``position``: the same in ``path``.
        ``serving_effect``: what the problem means for clients, where the states of the models do not show it.
        ``is_running``: whether it is about a server that runs, whatever becomes of a start now.
        """
        has_ended = self.plan.outcome in ("exits", "never_ends") and not is_running
        if recovers is not None and (has_ended or not self.plan.polls):
            # The server reads neither the repository nor the configuration again.
            recovers = "restart"
        relative = ""
        if path is not None:
            relative = os.path.relpath(path, base) if base and path.startswith(base) else path
        host = None if path is None or not self.on_host(path) else self.host(path)
        return Finding(
            code.code,
            code.name,
            severity or code.severity,
            self._subject(model, version, host, path, at, position),
            message,
            detail,
            confidence or self.confidence(),
            log,
            evidence,
            recovers,
            Remedy(remedy or code.remedy, steps),
            code.address,
            relative=relative,
            causes=causes,
            serving_effect=serving_effect,
        )

    def _subject(
        self,
        model: str | None,
        version: int | None,
        host: str | None,
        path: str | None,
        at: str | int | None,
        position: LineColumn | None,
    ) -> Subject:
        document = host or path
        if position is None:
            position, config = self.position(at), self.plan.config_path
            if position is None or config is None:
                return Subject(model, version, host, path)
            document = self.host(config) if self.on_host(config) else config
        return Subject(model, version, host, path, position.line, position.column, document)

    def position(self, at: str | int | None) -> LineColumn | None:
        """Returns the line and column in the configuration file of a JSON pointer or of a character's index; None if
        they are not known."""
        positions = self.plan.config_positions
        if positions is None or at is None:
            return None
        return positions.of_character(at) if isinstance(at, int) else positions.at(at)

    def attempt_log(self, model: ModelPlan, attempt: Attempt) -> tuple[str, ...]:
        """Returns the server's log lines on a load that failed or threw."""
        if attempt.outcome == "threw":
            return (server_log.LOAD_THREW(what=attempt.exception),)
        if attempt.outcome != "failed":
            return ()
        status = server_log.STATUS_TEXT.get(attempt.status, attempt.status)
        failed = server_log.VERSION_FAILED(model=model.entry.name, version=attempt.version, status=status)
        return (*attempt.log, failed)

    def of_attempt(
        self,
        code: Code,
        message: str,
        model: ModelPlan,
        attempt: Attempt,
        path: str | None = None,
        **more: object,
    ) -> Finding:
        """Returns a finding on one version that was tried: subject, log and recovery follow from the attempt."""
        arguments: dict[str, object] = {
            "model": model.entry.name,
            "version": attempt.version,
            "path": path or attempt.path,
            "base": model.entry.base_path,
            "detail": self.failure_effect(model),
            "log": self.attempt_log(model, attempt),
            "recovers": self.recovers(attempt),
        }
        return self.finding(code, message, **{**arguments, **more})  # type: ignore[arg-type]


def quote(path: str) -> str:
    """Returns a path for a POSIX shell; bytes that are not UTF-8 and control characters in ``$'…'`` form."""
    import shlex

    raw = os.fsencode(path)
    if all(0x20 <= byte < 0x7F for byte in raw):
        return shlex.quote(path)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and text.isprintable():
        return shlex.quote(text)
    escaped = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b"'\\" else f"\\x{byte:02x}" for byte in raw
    )
    return f"$'{escaped}'"


def describe_denial(denial: Denial, context: Context) -> Evidence:
    """Returns the owner, group and mode of the path to which access is denied, and how they were determined."""
    right = "enter it (x)" if denial.right == "search" else "read it (r)"
    rights = f"{denial.path}: owner uid {denial.uid} gid {denial.gid}, mode {denial.mode & 0o7777:04o}"
    if denial.acl:
        rights += f", ACL {denial.acl}"
    how = (
        f"tried as {context.user_ids}"
        if denial.how == "tried"
        else f"predicted from its rights for {context.user_ids}"
    )
    return Evidence(f"{rights}; {context.user_ids} has no permission to {right}", how)


def describe_failure(failure: Failure, path: str) -> Evidence:
    return Evidence(f"{path}: {os.strerror(failure.errno)}", "as the server's user")
