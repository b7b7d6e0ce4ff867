"""The verdict on a request as text: the sent inputs compared with the model's."""

from __future__ import annotations

from ovms_doctor.model.client_request import SentInput
from ovms_doctor.model.served_models import ServedInput
from ovms_doctor.prediction.requests.validation import shape_text
from ovms_doctor.prediction.requests.verdict import RequestVerdict
from ovms_doctor.report.text_columns import Column, Row, write_columns
from ovms_doctor.report.text_writer import TextWriter

#: On a short line names and shapes wrap; then the verdict moves below its row.
_COLUMNS = (
    Column("input", 24, 10),
    Column("sent", 30, 14),
    Column("model expects", 30, 14),
    Column("verdict"),
)


def write_request(writer: TextWriter, verdict: RequestVerdict) -> None:
    """Writes the line on how the request was understood, and the table."""
    request = verdict.request
    if request.refusal:
        writer.prose(f"{request.api} request, which the client itself refuses", indent=1)
        return
    kind = f"{request.api} {request.interface}" if request.api != "OpenAI" else "OpenAI API (REST)"
    address = f" · {request.address}" if request.address else ""
    method = f"{request.method} " if request.method else ""
    writer.prose(f"{kind} · {method}{request.path}{address}", indent=1)
    for note in request.notes:
        writer.prose(f"note: {note}", indent=1)
    if not verdict.inputs:
        return
    by_name = {item.name: item for item in verdict.model_inputs}
    rows = []
    for item in verdict.inputs:
        rows.append(Row(_row(item, by_name.get(item.name)), "red" if item.verdict else "", 3))
    write_columns(writer, _COLUMNS, rows)


def _row(item: SentInput, model_input: ServedInput | None) -> tuple[str, str, str, str]:
    sent = "-"
    if item.sent is not None:
        count = (
            f", {item.values} values"
            if item.values is not None and item.verdict.endswith("values are needed")
            else ""
        )
        size = (
            f", {item.size} bytes"
            if item.size is not None and item.verdict.endswith("bytes are needed")
            else ""
        )
        sent = f"{item.sent.datatype} {shape_text(item.sent.shape)}{count}{size}"
    needs = "-"
    if model_input is not None:
        layout = f" {model_input.layout}" if model_input.layout not in ("N...", "...") else ""
        needs = f"{model_input.datatype} {model_input.shape_text}{layout}"
    name = (
        item.name if item.model_name in ("", item.name) else f"{item.name} (in the model {item.model_name})"
    )
    return name, sent, needs, item.verdict or "ok"


def verdict_sentence(verdict: RequestVerdict) -> tuple[str, str]:
    """Returns the last line: mark and sentence."""
    answer = verdict.answer
    if verdict.unjudged:
        return "?", f"the request could not be evaluated: {verdict.unjudged}"
    if answer.code == "CLIENT_REFUSES":
        return "✗", "the client refuses the call before anything is sent"
    status = answer.grpc_code if answer.grpc_code is not None else str(answer.http_status)
    if answer.succeeds:
        if answer.body:
            return "!", f"the server answers {status} {answer.body}"
        if answer.doubts:
            return "!", f"the server answers {status}, as far as it can be predicted: {answer.doubts[0]}"
        return "✓", f"the server answers {status}" + (
            " after loading the model in the new shape" if answer.reloads else ""
        )
    message = answer.message.replace("\n", " ")
    return "✗", f"the server answers {status}" + (f" “{message}”" if message else "")
