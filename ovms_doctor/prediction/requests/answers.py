"""The answer to a request, and the models after the request."""

import re

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.client_request import Answer, ClientRequest, InferMessage, RequestPosition
from ovms_doctor.model.facts import Facts, LoadModel, LoadReport, Unavailable
from ovms_doctor.model.facts.preparation import Preparation
from ovms_doctor.model.parameters import Dimension
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import ServedInput, ServedModel, ServedModels
from ovms_doctor.prediction.requests.binary_extension import json_length, message_of
from ovms_doctor.prediction.requests.compression import received
from ovms_doctor.prediction.requests.conversion import Converter
from ovms_doctor.prediction.requests.generative import answer_generative
from ovms_doctor.prediction.requests.routes import Handler, Route, find_route, path_of
from ovms_doctor.prediction.requests.statuses import StatusError, answer_with
from ovms_doctor.prediction.requests.tfs_json import TfsJson
from ovms_doctor.prediction.requests.validation import Need, Validator

#: The largest body that the HTTP server accepts, in bytes (`setClientMaxBodySize`, since 2025.0).
MAX_BODY = 1 << 30


#: The methods that Drogon knows, which compares upper and lower case (`HttpRequestImpl::setMethod`, since 2025.0).
_METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")
#: The handler of REST that answers as a method of gRPC does.
_STATUS_METHODS: dict[str, Handler] = {
    "ModelReady": "kserve ready",
    "ModelMetadata": "kserve metadata",
    "GetModelStatus": "tfs status",
    "GetModelMetadata": "tfs status",
}


class Outcome(Struct, frozen=True):
    """An answer, with the data that led to it."""

    #: The answer.
    answer: Answer
    #: The models after the request: a reload changes their shapes.
    models: ServedModels
    #: The message that was checked; `None` if the request ended before there was one.
    message: InferMessage | None = None
    #: The model that was reached.
    model: ServedModel | None = None
    #: The route of the URL; `None` for gRPC and for a URL without a route.
    route: Route | None = None


def answer_request(
    request: ClientRequest,
    models: ServedModels,
    release: Release,
    facts: Facts,
    parsed: InferMessage | None = None,
) -> Outcome:
    """Returns the server's answer. Raises FactsMissingError if OpenVINO must be queried about another shape.

    `parsed`: the message of a KServe body, if the same body was answered before with other models.
    """
    run = _Run(request, models, release, facts, parsed)
    try:
        return run.answer()
    except StatusError as error:
        if error.code == "EXCEPTION":
            answer = Answer("EXCEPTION", "", 500, None, error.position)
        elif error.code == "UNDEFINED":
            doubt = "the server reads a buffer that the message does not have: it may crash"
            answer = Answer("UNDEFINED", "", None, "UNKNOWN", error.position, (doubt,))
        else:
            answer = answer_with(error.code, error.details, request.interface, release, error.position)
        doubts = (*answer.doubts, *run.doubts)
        return Outcome(replace(answer, doubts=doubts), run.models, run.message, run.model, run.route)


class _Run:
    """One request on its way through the server."""

    def __init__(
        self,
        request: ClientRequest,
        models: ServedModels,
        release: Release,
        facts: Facts,
        parsed: InferMessage | None,
    ) -> None:
        self.parsed = parsed
        self.request = received(request, release)
        self.models = models
        self.release = release
        self.facts = facts
        self.message: InferMessage | None = None
        self.model: ServedModel | None = None
        self.route: Route | None = None
        self.doubts: list[str] = []

    def answer(self) -> Outcome:
        if self.request.interface == "gRPC":
            assert self.request.message is not None
            return self._grpc(self.request.message)
        if len(self.request.body) > MAX_BODY and self.release.at_least(2025, 0):
            return self._outcome(Answer("HTTP_413", "", 413, None, RequestPosition("", MAX_BODY)))
        if self.request.method not in _METHODS and self.release.at_least(2025, 0):
            return self._outcome(Answer("HTTP_405", "", 405))
        route = self.route = find_route(self.request.method, path_of(self.request.path), self.release)
        if route.handler == "kserve infer":
            return self._kserve_rest(route)
        if route.handler == "tfs predict":
            return self._tfs_rest(route)
        if route.handler == "generative":
            json_length(self.request)
            if not self.models.mediapipe:
                return self._status("NOT_IMPLEMENTED")
            return self._outcome(answer_generative(self.request, self.models, self.release))
        return self._other(route)

    def _outcome(self, answer: Answer) -> Outcome:
        doubts = tuple(dict.fromkeys((*answer.doubts, *self.doubts)))
        return Outcome(replace(answer, doubts=doubts), self.models, self.message, self.model, self.route)

    def _status(self, code: str, details: str = "") -> Outcome:
        return self._outcome(answer_with(code, details, self.request.interface, self.release))

    # -- KServe --------------------------------------------------------------------------------------
    def _kserve_rest(self, route: Route) -> Outcome:
        # The body is parsed before the model is searched.
        message = self.parsed or message_of(self.request, self.release)
        version = "" if route.version is None else str(route.version)
        self.message = replace(message, model_name=route.name, model_version=version)
        return self._infer(self.message, tfs=False)

    def _grpc(self, message: InferMessage) -> Outcome:
        is_tfs = self.request.api == "TFS"
        if is_tfs and self.release.at_least(2026, 3):
            self.message = message if self.request.has_input else None
            return self._unimplemented()
        if not self.request.has_input:
            return self._grpc_status(message)
        self.message = message
        if is_tfs:
            if not message.model_name:
                raise StatusError("MODEL_SPEC_MISSING")
            return self._infer(message, tfs=True)
        return self._infer(message, tfs=False)

    def _unimplemented(self) -> Outcome:
        return self._outcome(Answer("GRPC_UNIMPLEMENTED", "", None, "UNIMPLEMENTED"))

    def _grpc_status(self, message: InferMessage) -> Outcome:
        """Returns the answer to a method that is not an inference (kfs_grpc_inference_service.cpp)."""
        method = self.request.path.rpartition("/")[2]
        if method in ("ServerLive", "ServerReady", "ServerMetadata"):
            return self._status("OK")
        handler = _STATUS_METHODS.get(method)
        if handler is None:
            return self._unimplemented()
        name, version = message.model_name, None
        is_model = name in self.models.names or any(model.name == name for model in self.models.models)
        if not name:
            return self._status("MODEL_NAME_MISSING")
        if is_model and message.model_version:
            # The version of a pipeline or graph is not read.
            version = self._version(message)
        metadata = "metadata" if method == "GetModelMetadata" else ""
        if metadata:
            self.doubts.append("ovms-doctor does not check which metadata_field is requested")
        outcome = self._other(Route(handler, name, version, metadata))
        if method == "ModelReady" and outcome.answer.code.endswith("_NOT_LOADED_YET"):
            # A servable that is not loaded is not ready, which is no error over gRPC.
            answer = answer_with("OK", "", "gRPC", self.release)
            return self._outcome(replace(answer, body='{"ready": false}'))
        return outcome

    def _infer(self, message: InferMessage, *, tfs: bool) -> Outcome:
        model = self.model = self._find(message, tfs=tfs)
        if not model.known:
            self.doubts.append("the inputs of the model are not known")
            return self._status("OK")
        need = Validator(message, model, self.release, tfs=tfs).validate()
        reloads = bool(need)
        if need:
            model = self.model = self._reload(model, message, need)
        converter = Converter(message, model, self.release, tfs=tfs)
        try:
            converter.convert()
        finally:
            self.doubts += converter.doubts
        outcome = self._status("OK")
        return replace(outcome, answer=replace(outcome.answer, reloads=reloads))

    def _find(self, message: InferMessage, *, tfs: bool) -> ServedModel:
        """Applies `ModelManager::getModelInstance`, then searches pipelines and graphs. Raises StatusError."""
        name, version = message.model_name, self._version(message)
        if name not in self.models.names and not any(model.name == name for model in self.models.models):
            return self._graph(name, tfs=tfs)
        if version == 0:
            default = self.models.default_version(name)
            if default is None:
                raise StatusError("MODEL_VERSION_MISSING")
            version = default
        model = self.models.find(name, version)
        if model is None:
            raise StatusError("MODEL_VERSION_MISSING")
        if model.state == "retired":
            raise StatusError("MODEL_VERSION_NOT_LOADED_ANYMORE")
        if model.state == "not_loaded":
            raise StatusError("MODEL_VERSION_NOT_LOADED_YET")
        return model

    def _version(self, message: InferMessage) -> int:
        """Applies `stoi64` to the version of a message: 0 is the default version. Raises StatusError."""
        text = message.model_version
        if not text:
            return 0
        if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -(2**63) <= int(text) < 2**63:
            raise StatusError("MODEL_VERSION_INVALID_FORMAT")
        return int(text)

    def _graph(self, name: str, *, tfs: bool) -> ServedModel:
        graph = self.models.graph(name)
        kind = "MEDIAPIPE" if graph is None or graph.kind != "pipeline" else "PIPELINE"
        if tfs and (graph is None or kind == "MEDIAPIPE"):
            raise StatusError("MODEL_NAME_MISSING")
        if graph is None:
            missing = self.models.mediapipe and self.release.at_least(2023, 0)
            raise StatusError(f"{'MEDIAPIPE' if missing else 'PIPELINE'}_DEFINITION_NAME_MISSING")
        if graph.state == "retired":
            raise StatusError(f"{kind}_DEFINITION_NOT_LOADED_ANYMORE")
        if graph.state == "not_loaded":
            raise StatusError(f"{kind}_DEFINITION_NOT_LOADED_YET")
        if graph.kind == "pipeline":
            # A pipeline ignores the version.
            return ServedModel(name, 1, graph.inputs, known=bool(graph.inputs))
        self.doubts.append("the calculators of a graph decide what it does with a KServe request")
        return ServedModel(name, 1, known=False)

    # -- shapes that are set to auto -----------------------------------------------------------------
    def _reload(self, model: ServedModel, message: InferMessage, need: Need) -> ServedModel:
        """Applies `reloadModelIfRequired`: returns the model in the requested shape. Raises StatusError if the model
        does not accept it."""
        loaded = self._with_batch(model, message) if need == "batch" else self._with_shapes(model, message)
        self._replace(loaded)
        return loaded

    def _replace(self, model: ServedModel) -> None:
        others = tuple(
            model if (item.name, item.version) == (model.name, model.version) else item
            for item in self.models.models
        )
        self.models = replace(self.models, models=others)

    def _with_batch(self, model: ServedModel, message: InferMessage) -> ServedModel:
        index = model.inputs[0].batch_index or 0
        first = message.inputs[0].shape
        if len(first) <= index:
            # `getRequestBatchSize` finds none, and no shape is passed on.
            raise StatusError("INTERNAL_ERROR", "", RequestPosition(f"{message.inputs[0].path}.shape"))
        batch = Dimension(first[index], first[index])
        self._try(model, Preparation(layouts=self._layouts(model), batch=str(batch)), "batch")
        return replace(model, inputs=tuple(_with_batch(item, batch) for item in model.inputs))

    def _with_shapes(self, model: ServedModel, message: InferMessage) -> ServedModel:
        sent = {tensor.name: tensor.shape for tensor in message.inputs}
        inputs = []
        for item in model.inputs:
            shape = sent.get(item.name, ()) if item.shape_auto else ()
            dimensions = tuple(Dimension(value, value) for value in shape)
            inputs.append(replace(item, shape=dimensions) if dimensions else item)
        shapes = tuple(
            (item.model_name, "[" + ",".join(d.as_openvino() for d in item.shape) + "]") for item in inputs
        )
        self._try(model, Preparation(layouts=self._layouts(model), reshape=shapes), "reshape")
        return replace(model, inputs=tuple(inputs))

    def _layouts(self, model: ServedModel) -> tuple[tuple[str, ...], ...]:
        return tuple(("input", *row) for row in model.layouts)

    def _try(self, model: ServedModel, preparation: Preparation, step: str) -> None:
        """Queries OpenVINO whether the model accepts another shape. After a failure the first shapes are loaded
        again."""
        change = "batch size" if step == "batch" else "shape"
        if not model.path:
            self.doubts.append(
                f"the model's file is not available: it is not known whether it accepts the new {change}"
            )
            return
        report = self.facts.ask(LoadModel(model.path, "read", preparation))
        if isinstance(report, Unavailable):
            self.doubts.append(f"it is not known whether the model accepts the new {change}: {report.reason}")
        elif isinstance(report, LoadReport) and report.outcome == "failed" and report.step:
            if model.initial:
                self._replace(replace(model, inputs=model.initial))
            code = "RESHAPE_ERROR" if step == "reshape" else "INVALID_BATCH_DIMENSION"
            details = "" if step == "reshape" else report.message
            raise StatusError(code, details)

    # -- TensorFlow Serving --------------------------------------------------------------------------
    def _tfs_rest(self, route: Route) -> Outcome:
        if route.method != "predict":
            raise StatusError("REST_NOT_FOUND")
        version = "" if route.version is None else str(route.version)
        model = self.model = self._find(InferMessage(route.name, version), tfs=True)
        message = TfsJson(self.request.body, model, self.release).message()
        self.message = replace(message, model_name=route.name, model_version=version)
        return self._infer(self.message, tfs=True)

    # -- the rest ------------------------------------------------------------------------------------
    def _other(self, route: Route) -> Outcome:
        """Returns the answer to requests that are not inference, if it is certain."""
        name = route.name
        if route.handler == "metrics" and not self.models.metrics:
            return self._status("REST_INVALID_URL")
        if route.handler in ("kserve metadata", "kserve ready", "tfs status") and name:
            if name in self.models.names or any(model.name == name for model in self.models.models):
                return self._model_status(name, route)
            graph = self.models.graph(name)
            if graph is None or (route.method == "metadata" and graph.kind != "pipeline"):
                # `GetModelMetadataImpl::getModelStatus` searches models and pipelines only.
                return self._status("MODEL_NAME_MISSING")
            if graph.state == "available":
                return self._status("OK")
            kind = "PIPELINE" if graph.kind == "pipeline" else "MEDIAPIPE"
            metadata = route.handler == "kserve metadata"
            return self._status(
                f"{kind}_DEFINITION_NOT_LOADED_YET" if metadata else "MODEL_VERSION_NOT_LOADED_YET"
            )
        if route.handler == "tfs status" and not name:
            return self._status("MODEL_NAME_MISSING")
        if route.handler == "config reload":
            self.doubts.append("the result of a reload of the configuration is not predicted")
        if route.handler == "retrieve model":
            served = {model.name for model in self.models.models if model.state == "available"}
            served |= {graph.name for graph in self.models.graphs if graph.state == "available"}
            if name not in served:
                return self._outcome(
                    replace(
                        answer_with("MODEL_NOT_LOADED", "", "REST", self.release),
                        body='{"error":"Model not found"}',
                    )
                )
        return self._status("OK")

    def _model_status(self, name: str, route: Route) -> Outcome:
        """Returns the metadata, readiness or status of a version."""
        version = route.version
        if version is None:
            version = self.models.default_version(name)
        model = None if version is None else self.models.find(name, version)
        if model is None:
            return self._status("MODEL_VERSION_MISSING")
        if model.state == "available" or route.handler == "tfs status":
            return self._status("OK")
        if model.state == "retired" and route.handler == "kserve metadata":
            return self._status("MODEL_VERSION_NOT_LOADED_ANYMORE")
        return self._status("MODEL_VERSION_NOT_LOADED_YET")


def _with_batch(item: ServedInput, batch: Dimension) -> ServedInput:
    index = item.batch_index
    if index is None or index >= len(item.shape):
        return item
    return replace(item, shape=(*item.shape[:index], batch, *item.shape[index + 1 :]))
