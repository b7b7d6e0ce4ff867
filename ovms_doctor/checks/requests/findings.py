"""From the verdict on a request to findings: one for the answer, more for requests that are answered, but not as
intended."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

from ovms_doctor.checks.requests import codes
from ovms_doctor.checks.requests.corrected import corrected_text
from ovms_doctor.model.client_request import Answer
from ovms_doctor.model.codes import Code
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Remedy, Severity, Step, Subject
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import ServedModels
from ovms_doctor.prediction.requests.altered import altered_values
from ovms_doctor.prediction.requests.error_texts import ErrorProof
from ovms_doctor.prediction.requests.generative import endpoint_task
from ovms_doctor.prediction.requests.server_changes import ServerChange
from ovms_doctor.prediction.requests.verdict import RequestVerdict

#: A corrected request is printed as a command up to this size, in bytes.
_LONGEST_COMMAND = 1000


def request_findings(verdict: RequestVerdict, models: ServedModels, release: Release) -> tuple[Finding, ...]:
    """Returns the findings, the one about the answer first."""
    return tuple(_findings(verdict, models, release))


#: The remedy for a call that the client refuses, by a part of its text.
_CLIENT_REMEDIES = (
    ("not JSON serializable", "Convert the value first: array.tolist(), number.item() or bytes.decode()."),
    ("the URL has a blank", "Write a blank in the URL as %20."),
    ("should not include the scheme", "Give the address without http://, such as localhost:8000."),
)
#: The remedy for an answer of a generative model, by a part of its text.
_GENERATIVE_REMEDIES = (
    (
        "allowed_media_domains",
        "Send the image itself as data:image/png;base64,…, or start the server with --allowed_media_domains and the "
        "host of its address.",
    ),
    (
        "local filesystem is disabled",
        "Send the image itself as data:image/png;base64,…, or start the server with --allowed_local_media_path and the "
        "directory of the file.",
    ),
    ("Wrong endpoint", "Send the request to one of the endpoints that the answer names."),
)


def _findings(verdict: RequestVerdict, models: ServedModels, release: Release) -> Iterator[Finding]:
    answer = verdict.answer
    if verdict.unjudged:
        return
    if not answer.succeeds:
        yield _refused(verdict, models, release)
    elif answer.reloads:
        yield _finding(
            codes.RELOADS,
            verdict,
            "The request makes the server load the model again in another shape.",
            "Requests to this model wait until it is loaded. Every request with another shape does the same again.",
            confidence=_confidence(answer, release),
        )
    if answer.succeeds:
        for text, path in altered_values(verdict.request, verdict.model_inputs):
            evidence = (Evidence(path, "body of the request"),) if path else ()
            yield _finding(
                codes.ALTERED, verdict, text, "The answer is 200.", severity="warning", evidence=evidence
            )
    port = _port(verdict, models)
    if port is not None:
        yield port


def _finding(
    code: Code,
    verdict: RequestVerdict,
    message: str,
    detail: str,
    *,
    severity: Severity | None = None,
    confidence: Confidence = "high",
    evidence: tuple[Evidence, ...] = (),
    remedy: Remedy | None = None,
    log: tuple[str, ...] = (),
) -> Finding:
    return Finding(
        code.code,
        code.name,
        severity or code.severity,
        Subject(verdict.servable or None, verdict.version),
        message,
        detail,
        confidence,
        log,
        evidence,
        remedy=remedy or Remedy(code.remedy),
        docs=code.address,
        relative=verdict.answer.code,
    )


def _confidence(answer: Answer, release: Release) -> Confidence:
    if not release.recorded:
        return "medium" if release.at_least(2024, 5) else "low"
    return "medium" if answer.doubts else "high"


def status_of(answer: Answer) -> str:
    """Returns an answer for use in a sentence: `400 “…”`, `INVALID_ARGUMENT “…”`."""
    status = answer.grpc_code or (str(answer.http_status) if answer.http_status is not None else "")
    message = answer.error.replace("\n", " ")
    return f"{status} “{message}”" if message else status


def _refused(verdict: RequestVerdict, models: ServedModels, release: Release) -> Finding:
    answer = verdict.answer
    code = codes.code_for(answer, verdict.request)
    if answer.code == "CLIENT_REFUSES":
        texts = (text for part, text in _CLIENT_REMEDIES if part in answer.message)
        remedy = Remedy(next(texts, code.remedy))
        if verdict.request.form == "curl" and verdict.request.interface == "gRPC":
            remedy = Remedy(
                "Write the message as its service defines it: the values of an input are its contents, such as "
                "fp32_contents; data is for REST."
            )
        message = f"The client refuses the call: {answer.message}"
        return _finding(code, verdict, message, "Nothing is sent to the server.", remedy=remedy)
    if answer.code == "UNDEFINED":
        message = "The message has fewer buffers than inputs: what the server does is not defined, and it may crash."
        return _finding(code, verdict, message, "", confidence="medium")
    if answer.code == "HTTP_413":
        return _finding(code, verdict, "The body is larger than 1 GiB, and the server answers 413.", "")
    message = f"The server answers {status_of(answer)}."
    return _finding(
        code,
        verdict,
        message,
        _further_sentences(verdict, models),
        confidence=_confidence(answer, release),
        evidence=_evidence(verdict),
        remedy=_remedy(code, verdict),
        log=_log(verdict, release),
    )


def _further_sentences(verdict: RequestVerdict, models: ServedModels) -> str:
    """Returns sentences on further faults, and on what is served."""
    sentences = list(verdict.answer.doubts)
    if verdict.later_answers:
        rest = "; then ".join(status_of(answer) for answer in verdict.later_answers)
        sentences.append(f"With that repaired, it answers {rest}.")
    name = verdict.servable
    graph = models.graph(name)
    task = endpoint_task(verdict.request.path)
    if verdict.answer.code == "MEDIAPIPE_EXECUTION_ERROR" and graph is not None and graph.generative:
        own = graph.generative.task
        if own and task and own != task:
            sentences.append(
                f"The endpoint is one of {task.replace('_', ' ')}, and {name} is a model for {own.replace('_', ' ')}."
            )
    if verdict.answer.code.startswith("MODEL_VERSION") and models.default_version(name) is None:
        sentences.append(
            f"No version of {name} is available: `ovms-doctor check` with the same target gives the reason."
        )
    elif verdict.answer.code.endswith(("NAME_MISSING", "VERSION_MISSING")) and verdict.served:
        sentences.append(f"Served are: {', '.join(verdict.served[:10])}.")
    return " ".join(text if text.endswith(".") else f"{text[:1].upper()}{text[1:]}." for text in sentences)


def _evidence(verdict: RequestVerdict) -> tuple[Evidence, ...]:
    position = verdict.answer.position
    rows = []
    if position.path or position.offset is not None:
        offset = f" (byte {position.offset})" if position.offset is not None else ""
        rows.append(Evidence(f"{position.path or 'the body'}{offset}", "body of the request"))
    if verdict.model_inputs:
        text = ", ".join(
            f"{item.name} {item.datatype} {item.shape_text}" for item in verdict.model_inputs[:10]
        )
        rows.append(Evidence(f"inputs: {text}", "metadata of the model"))
    return tuple(rows)


def _log(verdict: RequestVerdict, release: Release) -> tuple[str, ...]:
    """Returns the line of the log, which is written at the level DEBUG."""
    request = verdict.request
    if request.interface != "REST" or not release.at_least(2025, 0) or verdict.answer.code == "HTTP_405":
        # A method that the library of HTTP refuses does not reach the server.
        return ()
    path = request.path.partition("?")[0]
    return (
        f"Processing HTTP/REST request failed: {request.method} {path}. Reason: {verdict.answer.message}",
    )


def _remedy(code: Code, verdict: RequestVerdict) -> Remedy:
    steps = [Step(text) for text in verdict.steps]
    if verdict.corrected is not None:
        command = corrected_text(verdict.corrected, verdict.request)
        if command is None:
            steps.append(Step("Keep the buffers after the JSON unchanged: the request is answered with 200."))
        elif len(command) > _LONGEST_COMMAND:
            steps.append(
                Step("The whole request that is answered with 200 is request.corrected of --format json.")
            )
        elif verdict.corrected.interface == "REST":
            steps.append(Step("Send this, which is answered with 200:", command.rstrip()))
    for index, change in enumerate(verdict.changes):
        steps += _change_steps(change, verdict, first=index == 0)
    if not steps:
        text = next(
            (text for part, text in _GENERATIVE_REMEDIES if part in verdict.answer.message), code.remedy
        )
        return Remedy(text)
    return Remedy(verdict.steps[0] if verdict.steps else verdict.changes[0].text, tuple(steps))


def _change_steps(change: ServerChange, verdict: RequestVerdict, *, first: bool) -> list[Step]:
    lead = "Or change the server: " if first and verdict.steps else ""
    steps = []
    if change.mapping:
        directory = change.model.path.rpartition("/")[0] or "the version directory"
        target = f"{directory}/mapping_config.json"
        command = (
            f"printf '%s\\n' {shlex.quote(change.mapping)} > {shlex.quote(target)}"
            if change.model.path
            else None
        )
        steps.append(
            Step(
                f"{lead}{change.text}",
                command,
                "host" if command else None,
                "changes files" if command else None,
            )
        )
    if change.option:
        config = f" In config.json: {change.config}." if change.config else ""
        steps.append(
            Step(f"{lead}{change.text} Start it with {change.option}.{config}", effect="restarts the server")
        )
    return steps


def _port(verdict: RequestVerdict, models: ServedModels) -> Finding | None:
    """Returns the finding on a port that belongs to the other interface."""
    address = verdict.request.address
    if not address:
        return None
    try:
        port = urlsplit(f"//{address}").port
    except ValueError:
        return None
    other, own = (models.rest_port, models.grpc_port)
    if verdict.request.interface == "REST":
        other, own = own, other
    if port is None or not other or port != other or port == own:
        return None
    kind, wrong = ("gRPC", "REST") if verdict.request.interface == "gRPC" else ("REST", "gRPC")
    right = (
        f" {kind} is on port {own}."
        if own
        else f" The server has no {kind} port: start it with {'--port' if kind == 'gRPC' else '--rest_port'}."
    )
    return _finding(
        codes.WRONG_PORT,
        verdict,
        f"The {kind} request is sent to port {port}, where the server speaks {wrong}.{right}",
        "The client does not understand the answer.",
    )


def error_text_findings(proof: ErrorProof | None, models: ServedModels) -> tuple[Finding, ...]:
    """Returns the findings that an error text alone proves, with the inputs of the models."""
    if proof is None:
        return ()
    parts = dict(proof.parts)
    code = codes.code_for(Answer(proof.code, proof.text), None)
    named = parts.get("input", "")
    expected_inputs = [
        f"{model.name} (version {model.version}): "
        + ", ".join(f"{item.name} {item.datatype} {item.shape_text}" for item in model.inputs)
        for model in models.models
        if model.known
        and model.state == "available"
        and (not named or any(item.name == named for item in model.inputs))
    ]
    sentences = [_proved(proof, parts)]
    if expected_inputs:
        sentences.append(f"The models accept: {'; '.join(expected_inputs[:5])}.")
    sentences.append("Give the request itself, and its corrected form is shown.")
    return (
        Finding(
            code.code,
            code.name,
            "error",
            Subject(),
            f"The text is the server's: “{proof.text}”.",
            " ".join(sentence for sentence in sentences if sentence),
            "high",
            remedy=Remedy(code.remedy),
            docs=code.address,
            evidence=(
                Evidence(json.dumps(parts, ensure_ascii=False) if parts else proof.code, "error text"),
            ),
            relative=proof.code,
        ),
    )


def _proved(proof: ErrorProof, parts: dict[str, str]) -> str:
    named = f" the input {parts['input']}" if parts.get("input") else " an input"
    if "expected" in parts and "actual" in parts:
        return f"For{named} the server requires {parts['expected']} and receives {parts['actual']}."
    if "offset" in parts:
        return f"The body is not valid JSON from byte {parts['offset']}: {parts.get('error', '')}"
    if proof.code == "INVALID_MISSING_INPUT" and parts.get("input"):
        return f"The model has an input {parts['input']}, which the request does not name."
    return ""
