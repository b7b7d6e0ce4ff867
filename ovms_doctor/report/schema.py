"""The JSON Schema (2020-12) of the report, and by :func:`facts_schema` that of a file of recorded facts.

Keys may be added within a major version, so other properties are allowed everywhere; those named here are
required (``error`` apart) and keep their meaning.
"""

from __future__ import annotations

from typing import Any, TypeAlias, get_args

from ovms_doctor.model.container import Source
from ovms_doctor.model.facts.questions import ModelFormat
from ovms_doctor.model.findings import Confidence, Effect, Recovers, Severity, Where
from ovms_doctor.model.plan import Basis, ErrorCode, Outcome, StateName
from ovms_doctor.report.facts_schema import facts_schema
from ovms_doctor.report.json_report import STATUSES
from ovms_doctor.report.model import Verdict

__all__ = ["facts_schema", "report_schema"]

Schema: TypeAlias = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_POLICY = (
    "The model version policy as in config.json: all, latest with num_versions, or specific with versions."
)


def report_schema() -> Schema:
    """The schema that every document of :func:`ovms_doctor.report.json_report.to_document` fulfils."""
    schema = _object(
        "What OVMS will do with what it was given, why, and what to do about it.",
        {
            "schema_version": {
                "type": "string",
                "pattern": r"^1\.[0-9]+$",
                "description": "Version of this form: the second number grows with added keys, the first "
                "with any other change.",
            },
            "tool": _object(
                "The program that wrote the report.",
                {
                    "name": {"const": "ovms-doctor", "description": "Always ovms-doctor."},
                    "version": _text("The program's own version."),
                },
            ),
            "run": _run(),
            "server": _server(),
            "summary": _summary(),
            "models": _list(_model(), "The models that the server was told of, in the order of loading."),
            "findings": _list(_finding(), "What is to be said, causes before what follows from them."),
            "checks": _list(_check(), "How each selected check ended, in the order of running."),
            "error": _text("Why the run itself failed; absent where it did not."),
        },
    )
    schema["required"].remove("error")
    return {"$schema": _DIALECT, "$id": "urn:ovms-doctor:report:1", "title": "ovms-doctor report", **schema}


# -- helpers -------------------------------------------------------------------------------------------


def _object(description: str, properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": True,
    }


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _integer(description: str, minimum: int | None = None) -> Schema:
    schema: Schema = {"type": "integer", "description": description}
    return schema if minimum is None else {**schema, "minimum": minimum}


def _seconds(description: str) -> Schema:
    return {"type": "number", "minimum": 0, "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _one_of(values: tuple[str, ...], description: str) -> Schema:
    return {"type": "string", "enum": list(values), "description": description}


def _or_null(schema: Schema) -> Schema:
    """The same, or null."""
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def _strings(description: str) -> Schema:
    return _list({"type": "string"}, description)


def _versions(description: str) -> Schema:
    return _list({"type": "integer", "minimum": 1}, description)


# -- the parts -----------------------------------------------------------------------------------------


def _run() -> Schema:
    host = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "The host that ran the program, as it calls itself: names and values.",
    }
    return _object(
        "When, how and where the report was made.",
        {
            "started_at": _text("When the run began, as ISO 8601 with the offset from UTC."),
            "duration_s": _seconds("How long the run took, in seconds."),
            "arguments": _strings("The program's arguments, secrets replaced by ***."),
            "host": host,
            "notes": _strings("Remarks on how the request was understood."),
        },
    )


def _server() -> Schema:
    user = _object(
        "Who the server runs as, null where that was not found out.",
        {
            "uid": _integer("The numeric user id.", 0),
            "gid": _integer("The numeric group id.", 0),
            "groups": _list({"type": "integer", "minimum": 0}, "The supplementary group ids, and no others."),
        },
    )
    ignored = _object(
        "Something that the server was told and that this program does not follow.",
        {
            "where": _text("The option, or the JSON pointer of the key."),
            "text": _text("What was not looked at."),
        },
    )
    return _object(
        "The server: what it was told, and what its start-up comes to.",
        {
            "mode": _or_null(_one_of(("single", "config"), "One model by its path, or a list of models.")),
            "release": _or_null(_text("The OVMS release whose rules were used, such as 2026.3.")),
            "release_from": _or_null(_text("Where the release is known from.")),
            "user": _or_null(user),
            "user_from": _or_null(_text("Where the user is known from.")),
            "bare_metal": _or_null(
                _flag("Whether the server was taken to run on this host, not in a container.")
            ),
            "config_path": _or_null(_text("The server's path of its config file; null where it has none.")),
            "container": _or_null(_container()),
            "outcome": _one_of(
                get_args(Outcome),
                "What start-up comes to; unknown where it could not be looked at.",
            ),
            "starts": _or_null(_flag("True for the outcome serves only, null for unknown.")),
            "exit_code": _or_null(
                _integer("The exit code of the server's process, null where it does not end.")
            ),
            "runtime": _or_null(
                _text("Version of the OpenVINO that read the models here, null where none was asked.")
            ),
            "ignored": _list(ignored, "Arguments and keys that the prediction leaves out of account."),
        },
    )


def _container() -> Schema:
    return _object(
        "The container that this was read from, null where none was named.",
        {
            "source": _one_of(get_args(Source), "What told of it."),
            "name": _text("Its name, or the document that tells of it."),
            "id": _text("Its id; empty where it has none yet."),
            "image": _text("The image it is made of."),
            "arguments": _or_null(
                _list({"type": "string"}, "The server's own arguments; null where they are not known.")
            ),
            "status": _or_null(_text("The engine's word for its state, null where it tells none.")),
            "exit_code": _or_null(_integer("The exit code it ended with.")),
            "oom_killed": _or_null(_flag("Whether the engine says that it was killed for want of memory.")),
            "memory_limit": _or_null(_integer("Its memory limit in bytes; null for none, or not known.", 0)),
            "not_known": _list({"type": "string"}, "What the source could not tell, a sentence each."),
        },
    )


def _summary() -> Schema:
    counts = {
        "ran": "Number of checks that looked at all they had to.",
        "not_applicable": "Number of checks that had nothing to look at.",
        "could_not_look": "Number of checks that were kept from looking.",
        "timed_out": "Number of checks that did not come to an end in time.",
        "crashed": "Number of checks that failed themselves.",
    }
    return _object(
        "The report in numbers.",
        {
            "verdict": _one_of(
                get_args(Verdict),
                "fail: a finding at or above --fail-on; incomplete: none, but a gap in looking; else pass.",
            ),
            "errors": _integer("Number of findings of severity error.", 0),
            "warnings": _integer("Number of findings of severity warning.", 0),
            "infos": _integer("Number of findings of severity info.", 0),
            "checks": _object(
                "Number of selected checks by how they ended.",
                {status: _integer(counts[status], 0) for status in STATUSES},
            ),
        },
    )


def _model() -> Schema:
    policy = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "description": _POLICY,
    }
    return _object(
        "One model and what becomes of it.",
        {
            "name": _text("The name under which it is served."),
            "base_path": _text("The base path as the server uses it."),
            "host_path": _or_null(_text("The base path on this host, null for remote storage.")),
            "policy": policy,
            "served_versions": _versions(
                "Versions that are AVAILABLE right after start-up, ascending; empty where the process ended."
            ),
            "later_served_versions": _versions(
                "Versions AVAILABLE after two further polls, ascending; empty where the process ended."
            ),
            "why": _text(
                "Code and name of the model's error findings, causes first, joined by commas; or empty."
            ),
            "versions": _list(_version(), "One entry for each version that the server detects, ascending."),
        },
    )


def _version() -> Schema:
    states, codes = get_args(StateName), get_args(ErrorCode)
    return _object(
        "One detected version.",
        {
            "version": _integer("The number.", 1),
            "directories": _strings("Names of all directories that are read as this number."),
            "requested": _flag("Whether the version policy asks for it, before any fallback."),
            "state": _or_null(
                _one_of(
                    states,
                    "The state right after start-up, or when the process ended; null: never tried or "
                    "not known.",
                )
            ),
            "error_code": _or_null(
                _one_of(codes, "The error code beside the state, null where that is null.")
            ),
            "later_state": _or_null(
                _one_of(
                    states, "The state after two further polls; null where the process ended or not known."
                )
            ),
            "later_error_code": _or_null(
                _one_of(codes, "The error code beside the later state, null where that is null.")
            ),
            "state_basis": _or_null(
                _one_of(get_args(Basis), "How far loading was really tried here, null where it was not.")
            ),
            "model_file": _or_null(
                _text("The server's path that is handed to OpenVINO, null where it comes to none.")
            ),
            "format": _or_null(_one_of(get_args(ModelFormat), "The format that the server takes it for.")),
        },
    )


def _finding() -> Schema:
    subject = _object(
        "What the finding is about; null for what it is not about.",
        {
            "model": _or_null(_text("The model's name.")),
            "version": _or_null(_integer("The model's version.")),
            "path": _or_null(_text("The path as this host sees it.")),
            "server_path": _or_null(_text("The path as the server sees it.")),
        },
    )
    evidence = _object(
        "One thing that was seen.",
        {"what": _text("What was seen."), "how": _text("By what means it was seen.")},
    )
    return _object(
        "A prediction about the server, or a reading of what it did.",
        {
            "code": _text("The code, never reused."),
            "name": _text("The name that belongs to the code, in kebab case."),
            "severity": _one_of(get_args(Severity), "How bad it is for what was asked of the server."),
            "confidence": _one_of(get_args(Confidence), "How sure the prediction is."),
            "subject": subject,
            "message": _text("What is the case, in one sentence."),
            "detail": _text("What the server does about it, or empty."),
            "server_log": _strings(
                "Whole messages that the server logs, after the log prefix, line ends kept, secrets as ***."
            ),
            "evidence": _list(evidence, "What the finding rests on."),
            "recovers": _or_null(
                _one_of(
                    get_args(Recovers), "What makes the server pick up a repair; null where nothing does."
                )
            ),
            "remedy": _or_null(_remedy()),
            "docs": _text("The page about the code, or empty."),
            "caused_by": _strings("Fingerprints of the findings that this one follows from."),
            "fingerprint": _text("The same for the same finding in another run or on another host."),
        },
    )


def _remedy() -> Schema:
    step = _object(
        "One thing to do.",
        {
            "text": _text("What to do."),
            "command": _or_null(_text("The command for a shell, quoted, with the real path and uid.")),
            "where": _or_null(_one_of(get_args(Where), "Where the command or setting belongs.")),
            "effect": _or_null(_one_of(get_args(Effect), "What doing it means.")),
        },
    )
    return _object(
        "What to do about it, null where nothing is known.",
        {
            "summary": _text("What to do, in general."),
            "steps": _list(step, "What to do here; one that begins with Or is another way to the same end."),
        },
    )


def _check() -> Schema:
    return _object(
        "How one selected check ended.",
        {
            "name": _text("The check's name."),
            "status": _one_of(STATUSES, "How it ended; only ran means that all was looked at."),
            "reason": _text("Why it did not simply run, or empty."),
            "duration_s": _seconds("How long it took, in seconds."),
        },
    )
