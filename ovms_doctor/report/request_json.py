"""Converts the verdict on a request to the object ``request`` of the JSON report."""

from __future__ import annotations

from ovms_doctor.model.client_request import Answer, SentInput
from ovms_doctor.model.served_models import ServedInput
from ovms_doctor.prediction.requests.verdict import RequestVerdict
from ovms_doctor.report.request_document import (
    AnswerInfo,
    InputComparison,
    RequestDifference,
    RequestInfo,
    SentTensor,
    ServerChangeInfo,
    WantedTensor,
)


def request_document(
    verdict: RequestVerdict, corrected: str | None, release: str, release_from: str
) -> RequestInfo:
    """Returns the verdict as the document's types. `corrected`: the corrected request as text."""
    request, answer = verdict.request, verdict.answer
    by_name = {item.name: item for item in verdict.model_inputs}
    return RequestInfo(
        request.api,
        request.interface,
        request.method or None,
        request.path,
        request.address or None,
        verdict.servable or None,
        verdict.version,
        answer.http_status,
        answer.grpc_code,
        answer.code,
        answer.message,
        answer.reloads,
        answer.doubts,
        tuple(_input(item, by_name.get(item.name)) for item in verdict.inputs),
        _difference(answer),
        tuple(
            AnswerInfo(item.http_status, item.grpc_code, item.code, item.message)
            for item in verdict.later_answers
        ),
        verdict.steps,
        corrected,
        tuple(
            ServerChangeInfo(item.text, item.option or None, item.config or None, item.mapping or None)
            for item in verdict.changes
        ),
        verdict.served,
        request.notes,
        {},
        release,
        release_from,
    )


def error_document(
    code: str | None, text: str | None, parts: dict[str, str], release: str, release_from: str
) -> RequestInfo:
    """Returns the facts that an error text alone proves, as the document's types."""
    return RequestInfo(
        api=None,
        interface=None,
        method=None,
        path=None,
        address=None,
        servable=None,
        version=None,
        http_status=None,
        grpc_code=None,
        code=code,
        message=text,
        reloads=False,
        doubts=(),
        inputs=(),
        first_difference=None,
        behind=(),
        steps=(),
        corrected=None,
        server_changes=(),
        served=(),
        notes=(),
        parts=parts,
        release=release,
        release_from=release_from,
    )


def _difference(answer: Answer) -> RequestDifference | None:
    position = answer.position
    if not position.path and position.offset is None and not position.input:
        return None
    return RequestDifference(position.path or None, position.offset, position.input or None)


def _input(item: SentInput, model_input: ServedInput | None) -> InputComparison:
    sent = None
    if item.sent is not None:
        sent = SentTensor(item.sent.datatype, item.sent.shape, item.values, item.size)
    needs = (
        None
        if model_input is None
        else WantedTensor(model_input.datatype, model_input.shape_text, model_input.layout)
    )
    return InputComparison(item.name, item.model_name or None, sent, needs, item.verdict or "ok")
