"""A client's request against a deployment, a running server's metadata, or a metadata file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.diagnosis.parts import Collector
from ovms_doctor.diagnosis.settle import SettledRun
from ovms_doctor.inputs.requests.body import default_path
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.facts import Facts, FactsMissingError
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import ServedModels
from ovms_doctor.prediction.graphs.chat_template import has_python
from ovms_doctor.prediction.paths import absolute
from ovms_doctor.prediction.requests.addresses import served_names
from ovms_doctor.prediction.requests.generative_limits import generative_limits
from ovms_doctor.prediction.requests.served import served_models
from ovms_doctor.prediction.requests.verdict import RequestVerdict, judge

#: The maximum number of turns, more than any chain of rules needs.
_MOST_TURNS = 1000
T = TypeVar("T")


class JudgedRequest(Struct, frozen=True):
    """A request with its verdict and the data that the verdict is based on."""

    #: The verdict.
    verdict: RequestVerdict
    #: The servables that the request could reach.
    models: ServedModels
    #: The release whose rules were used.
    release: Release


def served_by(run: SettledRun, collector: Collector | None) -> ServedModels:
    """Returns the models that a deployment serves, with its ports and the limits in the files of generative
    models."""
    deployment = run.deployment
    models = served_models(run.plan, deployment.working_directory)
    arguments = deployment.arguments
    if arguments is not None:
        models = replace(
            models,
            rest_port=arguments.rest_port or 0,
            grpc_port=arguments.port or 0,
            metrics=arguments.value("metrics_enable") is not None,
            api_key=arguments.value("api_key_file") is not None,
        )
    directories = {
        item.entry.name: absolute(item.entry.base_path, deployment.working_directory)
        for item in run.plan.models
        if item.kind != "classic"
    }
    task = "" if arguments is None else arguments.value("task") or ""
    graphs = []
    for graph in models.graphs:
        directory = directories.get(graph.name, "")
        limits = None
        if directory:
            read_limits = partial(
                generative_limits,
                directory,
                task,
                run.facts,
                deployment.release,
                has_python(deployment),
            )
            limits = _settled(read_limits, run.facts, collector)
            if arguments is not None and limits is not None:
                domains = arguments.value("allowed_media_domains")
                limits = replace(
                    limits,
                    media_domains=None if domains is None else tuple(domains.split(",")),
                    media_path=arguments.value("allowed_local_media_path"),
                )
        graphs.append(replace(graph, generative=limits))
    return replace(models, graphs=tuple(graphs))


def judge_request(
    request: ClientRequest, models: ServedModels, release: Release, facts: Facts, collector: Collector | None
) -> JudgedRequest:
    """Returns the verdict. Collects the facts that the rules need."""
    completed = complete(request, models)
    verdict: RequestVerdict = _settled(lambda: judge(completed, models, release, facts), facts, collector)
    return JudgedRequest(verdict, models, release)


def _settled(attempt: Callable[[], T], facts: Facts, collector: Collector | None) -> T:
    """Returns the rules' result when no fact is missing."""
    for _ in range(_MOST_TURNS):
        try:
            return attempt()
        except FactsMissingError as missing:
            if collector is None:
                facts.close("nothing was examined")
            else:
                facts.add(collector.collect(missing.questions, None))
    raise RuntimeError("the rules never stop asking for facts")


def complete(request: ClientRequest, models: ServedModels) -> ClientRequest:
    """Returns the request with the path of its API, if it has only a body."""
    if (
        request.interface != "REST"
        or request.refusal
        or request.path.startswith("/")
        or "://" in request.path
    ):
        return request
    if request.path and request.api != "OpenAI":
        return replace(request, path=f"/{request.path}")
    name, note = _intended_name(request, models)
    path = default_path(request.api, request.path, name)
    return replace(request, path=path, notes=(*request.notes, *note))


def _intended_name(request: ClientRequest, models: ServedModels) -> tuple[str, tuple[str, ...]]:
    """Returns the model for a body without a path: the only model, or the one whose inputs the body names."""
    names = served_names(models) or sorted(models.names)
    if len(names) <= 1:
        return (names[0] if names else "model"), ()
    head = request.body[: 1 << 20]
    scores = []
    for model in models.models:
        if model.state == "available" and model.known:
            count = max(1, len(model.inputs))
            hits = sum(f'"{item.name}"'.encode() in head for item in model.inputs)
            types = sum(f'"{item.datatype}"'.encode() in head for item in model.inputs)
            scores.append((hits / count, types / count, model.name))
    best = max(scores, default=(0.0, 0.0, names[0]))[2]
    others = len(names) - 1
    note = (
        f"No path is given. The body is checked as a request for {best}, not for one of {others} others "
        "(--path)."
    )
    return best, (note,)
