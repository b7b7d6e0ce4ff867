"""The whole verdict on a request: the answer, each input compared with the model, and the remedy."""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.client_request import (
    Answer,
    ClientRequest,
    InferMessage,
    InferTensor,
    SentInput,
)
from ovms_doctor.model.facts import Facts, LoadModel, LoadReport
from ovms_doctor.model.facts.preparation import Preparation
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import (
    ELEMENT_SIZES,
    ServedInput,
    ServedModel,
    ServedModels,
    dimension_matches,
)
from ovms_doctor.prediction.requests.addresses import correct_address, served_names
from ovms_doctor.prediction.requests.answers import Outcome, answer_request
from ovms_doctor.prediction.requests.binary_extension import message_of
from ovms_doctor.prediction.requests.corrections import correct, permutation
from ovms_doctor.prediction.requests.generative import named_graph
from ovms_doctor.prediction.requests.json_reader import JsonSizeError
from ovms_doctor.prediction.requests.message_corrections import correct_message
from ovms_doctor.prediction.requests.server_changes import ServerChange, server_changes
from ovms_doctor.prediction.requests.statuses import StatusError
from ovms_doctor.prediction.requests.unknown_values import unknown_at_fault
from ovms_doctor.prediction.requests.validation import processing_hint

#: Steps from a refused request to one that is answered, at most.
_MOST_STEPS = 12


class RequestVerdict(Struct, frozen=True):
    """The predicted answer to a request, and the changes that it needs."""

    #: The request, with the path that it is sent to.
    request: ClientRequest
    #: The server's answer.
    answer: Answer
    #: The servable that the request names; empty if it names none.
    servable: str
    #: The version that it reaches or names; `None` for the default version or none.
    version: int | None
    #: Each input of the request and of the model.
    inputs: tuple[SentInput, ...] = ()
    #: The inputs of the model; empty if they are not known.
    model_inputs: tuple[ServedInput, ...] = ()
    #: The server's answer after each step, which shows the faults after the first.
    later_answers: tuple[Answer, ...] = ()
    #: The steps that lead to the corrected request.
    steps: tuple[str, ...] = ()
    #: A request that is answered with 200; `None` if none can be derived.
    corrected: ClientRequest | None = None
    #: Changes of the server with which the unchanged request is answered.
    changes: tuple[ServerChange, ...] = ()
    #: The names that are served.
    served: tuple[str, ...] = ()
    #: Why the answer to the request is not known; empty if it is.
    unjudged: str = ""


def judge(request: ClientRequest, models: ServedModels, release: Release, facts: Facts) -> RequestVerdict:
    """Returns the verdict. Raises FactsMissingError until all needed facts are collected."""
    served = tuple(served_names(models))
    if request.refusal:
        return RequestVerdict(request, Answer("CLIENT_REFUSES", request.refusal), "", None, served=served)
    try:
        outcome = answer_request(request, models, release, facts)
    except JsonSizeError:
        reason = "the body has more separate values than ovms-doctor examines"
        return RequestVerdict(request, Answer("UNJUDGED", ""), "", None, served=served, unjudged=reason)
    outcome = _with_doubts(request, outcome)
    unknown = unknown_at_fault(request, outcome.answer)
    if unknown:
        reason = f"the value at {unknown} is known only when the snippet runs"
        return RequestVerdict(request, Answer("UNJUDGED", ""), "", None, served=served, unjudged=reason)
    message, model = _intended_request(request, outcome, models, release)
    steps, later_answers, corrected = _corrected(request, outcome, models, release, facts)
    changes: tuple[ServerChange, ...] = ()
    if not outcome.answer.succeeds:
        changes = _changes(request, outcome, models, release, facts)
    return RequestVerdict(
        request,
        outcome.answer,
        _servable(outcome, message, request, release),
        model.version if model is not None else (outcome.route.version if outcome.route else None),
        _table(message, model, release),
        model.inputs if model is not None and model.known else (),
        later_answers,
        steps,
        corrected,
        changes,
        served,
    )


def _with_doubts(request: ClientRequest, outcome: Outcome) -> Outcome:
    """Returns the outcome, whose answer also contains the doubts about the request."""
    if not request.doubts:
        return outcome
    return replace(outcome, answer=replace(outcome.answer, doubts=(*outcome.answer.doubts, *request.doubts)))


def _servable(
    outcome: Outcome, message: InferMessage | None, request: ClientRequest, release: Release
) -> str:
    if outcome.route is not None:
        if outcome.route.handler == "generative" and request.api == "TFS":
            match = re.search(r"/models/([^/:]+)", request.path)
            return match[1] if match else ""
        if outcome.route.handler == "generative":
            return named_graph(request, release)
        if outcome.route.name:
            return outcome.route.name
    message = message or request.message
    return message.model_name if message is not None else ""


def _intended_request(
    request: ClientRequest, outcome: Outcome, models: ServedModels, release: Release
) -> tuple[InferMessage | None, ServedModel | None]:
    """Returns the message and the model for the table, even if the server does not reach them."""
    message, model = outcome.message, outcome.model
    if message is None and request.interface == "REST" and request.api == "KServe" and request.body:
        try:
            message = message_of(request, release)
        except (StatusError, JsonSizeError):
            message = None
    if model is None:
        name = outcome.route.name if outcome.route is not None else (message.model_name if message else "")
        available = [item for item in models.models if item.state == "available" and item.known]
        named = [item for item in available if item.name == name]
        if named:
            version = outcome.route.version if outcome.route is not None else None
            model = next((item for item in named if item.version == version), named[-1])
        elif models.graph(name) is None and len({item.name for item in available}) == 1:
            model = available[-1]
    return message, model


# -- the table -------------------------------------------------------------------------------------------


def _table(
    message: InferMessage | None, model: ServedModel | None, release: Release
) -> tuple[SentInput, ...]:
    rows: list[SentInput] = []
    by_name = {item.name: item for item in model.inputs} if model is not None and model.known else {}
    named: set[str] = set()
    for index, tensor in enumerate(message.inputs if message is not None else ()):
        item = by_name.get(tensor.name)
        size = (
            len(message.raw[index])
            if message is not None and index < len(message.raw)
            else tensor.content_size or None
        )
        text = (
            "twice"
            if tensor.name in named
            else ("no such input" if item is None else _compared(tensor, item, size, release))
        )
        if item is None and not by_name:
            text = ""
        named.add(tensor.name)
        rows.append(
            SentInput(tensor.name, item.model_name if item else "", tensor, tensor.values, size, text)
        )
    rows += [
        SentInput(name, item.model_name, None, None, None, "missing")
        for name, item in by_name.items()
        if name not in named and message is not None
    ]
    return tuple(rows)


def _compared(tensor: InferTensor, item: ServedInput, size: int | None, release: Release) -> str:
    """Returns a short text on the fault of one input."""
    encoded = tensor.datatype in ("BYTES", "STRING") and processing_hint(item, release) != "string"
    if encoded:
        hint = processing_hint(item, release)
        if hint == "none":
            return "accepts no strings or images"
        return "" if len(tensor.shape) == 1 else "one dimension is needed for encoded data"
    if tensor.datatype not in (item.datatype, item.precision):
        return f"datatype {item.datatype} is needed"
    if len(tensor.shape) != len(item.shape):
        return f"{len(item.shape)} dimensions are needed"
    wrong = [
        position
        for position, (dimension, value) in enumerate(zip(item.shape, tensor.shape, strict=True))
        if not dimension_matches(dimension, value)
    ]
    if wrong and not item.shape_auto:
        order = permutation(tensor.shape, item)
        if order is not None:
            return "axes are in another order"
        return "another batch size" if wrong == [item.batch_index] else f"dimension {wrong[0]} differs"
    count = 1
    for value in tensor.shape:
        count *= value
    if tensor.contents is not None and tensor.values != count:
        return f"{count} values are needed"
    expected = count * ELEMENT_SIZES.get(item.datatype, 1)
    if size is not None and tensor.contents is None and item.datatype != "BYTES" and size != expected:
        return f"{expected} bytes are needed"
    return ""


# -- corrections -----------------------------------------------------------------------------------------


def _corrected(
    request: ClientRequest, outcome: Outcome, models: ServedModels, release: Release, facts: Facts
) -> tuple[tuple[str, ...], tuple[Answer, ...], ClientRequest | None]:
    """Returns the steps to a request that is answered, with the rules applied again after each step."""
    steps: list[str] = []
    later_answers: list[Answer] = []
    current, reached = request, outcome
    for _ in range(_MOST_STEPS):
        if reached.answer.succeeds:
            return tuple(steps), tuple(later_answers), current if steps else None
        model = reached.model or _intended_request(current, reached, models, release)[1]
        step = (
            correct_address(current, reached.answer, models, release)
            or correct(current, reached.answer, model)
            or correct_message(current, reached.answer, model, reached.message)
        )
        if step is None or step.request == current:
            return tuple(steps), tuple(later_answers), None
        current = step.request
        steps.append(step.text)
        try:
            reached = answer_request(current, models, release, facts)
        except JsonSizeError:
            return tuple(steps), tuple(later_answers), None
        if not reached.answer.succeeds and reached.answer not in (outcome.answer, *later_answers):
            later_answers.append(reached.answer)
    return tuple(steps), tuple(later_answers), None


def _changes(
    request: ClientRequest, outcome: Outcome, models: ServedModels, release: Release, facts: Facts
) -> tuple[ServerChange, ...]:
    """Returns the changes of the server with which the request is answered; several if one alone is not enough."""
    found: list[ServerChange] = []
    parsed = outcome.message if request.interface == "REST" and request.api == "KServe" else None
    current, reached = models, outcome
    for _ in range(3):
        progress = False
        for change in server_changes(reached.answer, reached.message, reached.model, current):
            if not _loads(change, facts):
                continue
            after = answer_request(request, change.models, release, facts, parsed)
            if after.answer.succeeds:
                return (*found, change)
            if after.answer.code != reached.answer.code or after.answer.message != reached.answer.message:
                found.append(change)
                current, reached, progress = change.models, after, True
                break
        if not progress:
            return ()
    return ()


def _loads(change: ServerChange, facts: Facts) -> bool:
    """Returns whether OpenVINO accepts the model with the change; a change of names needs no query."""
    if change.mapping or not change.model.path:
        return True
    shapes = tuple(
        (item.model_name, "[" + ",".join(size.as_openvino() for size in item.shape) + "]")
        for item in change.model.inputs
    )
    layouts = tuple(
        ("input", item.model_name, "NHWC", "NCHW") for item in change.model.inputs if item.layout == "NHWC"
    )
    preparation = Preparation(
        layouts=layouts or tuple(("input", *row) for row in change.model.layouts), reshape=shapes
    )
    report = facts.ask(LoadModel(change.model.path, "read", preparation))
    return isinstance(report, LoadReport) and report.outcome == "ok"
