"""The predicted result for a graph that the server finds, or creates in memory."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from itertools import chain

from msgspec.structs import replace

from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import Deployment, Mode
from ovms_doctor.model.facts import Facts, Failure, PathStatus, ReadFile, StatPath, Unavailable
from ovms_doctor.model.graph_plan import LOADED, GraphPlan, NodeModel, ServableFault, Session, Verdict
from ovms_doctor.model.graph_text import GraphField, GraphMessage
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.prediction.graphs.arguments import graph_options
from ovms_doctor.prediction.graphs.calculators import CALCULATORS, Calculator, calculator
from ovms_doctor.prediction.graphs.chat_template import has_python
from ovms_doctor.prediction.graphs.loaded_models import load_pipeline, loaded_models
from ovms_doctor.prediction.graphs.model_directory import ModelDirectory, UnavailableFileError
from ovms_doctor.prediction.graphs.node_devices import device_faults
from ovms_doctor.prediction.graphs.other_servables import (
    embeddings_faults,
    image_generation_faults,
    speech_to_text_faults,
    text_to_speech_faults,
)
from ovms_doctor.prediction.graphs.python_node import handler_faults
from ovms_doctor.prediction.graphs.servables import ServableContext
from ovms_doctor.prediction.graphs.text_generation import text_generation_faults
from ovms_doctor.prediction.graphs.validation import Node, has_queue, validate_graph
from ovms_doctor.prediction.graphs.wiring import unproduced_streams
from ovms_doctor.prediction.paths import absolute

#: The largest part of a graph.pbtxt that is read, in bytes.
_LIMIT = 1 << 20
#: The task of a node, by its name in the server's messages.
_TASKS = {
    "LLM": "text_generation",
    "Embeddings": "embeddings",
    "Rerank": "rerank",
    "Image Gen": "image_generation",
    "SpeechToText": "speech2text",
    "TextToSpeech": "text2speech",
    "Python": "python",
}
_RULES: dict[str, Callable[[ServableContext], Iterator[ServableFault]]] = {
    "LLM": text_generation_faults,
    "Embeddings": embeddings_faults,
    "Rerank": embeddings_faults,
    "Image Gen": image_generation_faults,
    "SpeechToText": speech_to_text_faults,
    "TextToSpeech": text_to_speech_faults,
}


def follow_graph(name: str, path: str, base_path: str, deployment: Deployment, facts: Facts) -> GraphPlan:
    """Returns the result for the graph of a graph.pbtxt, which the server opens at ``path``. Raises
    FactsMissingError."""
    content = facts.ask(ReadFile(absolute(path, deployment.working_directory), _LIMIT))
    if isinstance(content, (Failure, Unavailable)):
        reason = content.reason if isinstance(content, Unavailable) else "it cannot be read"
        return GraphPlan(path, doubts=(f"{path}: {reason}",))
    if content.size > len(content.data):
        return GraphPlan(path, doubts=(f"{path} is larger than {_LIMIT} bytes",))
    graph = validate_graph(name, content.data, deployment.release)
    tasks = tuple(_TASKS[node.calculator.title] for node in graph.nodes)
    faults: list[ServableFault] = []
    doubts: list[str] = []
    models: list[NodeModel] = []
    # Nodes are initialised one after the other, including those before a node with a problem.
    for node in graph.nodes:
        faults += _node_faults(name, node, base_path, deployment, facts, doubts, models)
        if any(fault.verdict not in LOADED for fault in faults):
            return GraphPlan(path, tasks, None, tuple(faults), tuple(doubts))
    if graph.message is not None and graph.problem is None:
        queued = has_queue(content.data, graph.message, deployment.release)
        faults += _not_started(graph.message, queued=queued)
    unfollowed, sessions = (
        ((), ()) if graph.message is None else (_unfollowed(graph.message), _sessions(graph.message))
    )
    return GraphPlan(
        path, tasks, graph.problem, tuple(faults), tuple(doubts), unfollowed, tuple(models), sessions
    )


def with_graph(plan: ModelPlan, graph: GraphPlan, mode: Mode) -> ModelPlan:
    """Returns the plan of an entry with the result for its graph: started alone, a graph that fails ends the process
    with exit code 1; one that crashes the runtime ends it in both modes (128 + SIGSEGV)."""
    verdict = graph.verdict
    ended = 139 if verdict == "killed" else 1 if verdict == "failed" and mode == "single" else None
    unknown = plan.unknown
    if verdict == "unknown" and graph.doubts:
        unknown = CouldNotLook(graph.path or plan.entry.base_path, graph.doubts[0])
    elif verdict == "unknown" and graph.unfollowed:
        unknown = CouldNotLook(graph.path, f"the effect of {', '.join(graph.unfollowed)} is not followed")
    return replace(plan, followed=graph, status=graph.status, ended=ended, unknown=unknown)


def _unfollowed(message: GraphMessage) -> tuple[str, ...]:
    """Returns the calculators whose effect on the start is not predicted: MediaPipe's own, and Python code, of which
    only the file is examined."""
    names = dict.fromkeys(name for node in message.messages("node") for name in node.texts("calculator"))
    known = {one.name for one in CALCULATORS if one.is_followed or one.title in _RULES}
    return tuple(name for name in names if name not in known)


def _not_started(message: GraphMessage, *, queued: bool) -> Iterator[ServableFault]:
    """Yields the faults with which a graph does not start: an output stream that no node produces, and a node whose
    side packet with the session of a model no node gives. Without a queue the server starts it for each request, with
    one while it loads it."""
    verdict: Verdict = "failed" if queued else "requests"
    status = "INTERNAL_ERROR" if queued else ""
    for field in unproduced_streams(message):
        yield ServableFault(
            "output_stream",
            verdict,
            "",
            subject=str(field.value),
            status=status,
            line=field.line,
            exception="Unable to attach observer to output stream",
        )
    provided = {
        text.rpartition(":")[2]
        for node in message.messages("node")
        for text in node.texts("output_side_packet")
    }
    for field in message.all("node"):
        node = field.value
        assert isinstance(node, GraphMessage)
        own = calculator(next(iter(node.texts("calculator")), ""))
        if own is None or not own.is_followed:
            continue
        for text in node.texts("input_side_packet"):
            tag, _, packet = text.partition(":")
            if tag in own.side_packets and packet not in provided:
                name = next(iter(node.texts("name")), own.name)
                line = f'Side packet "{packet}" is required but was not provided'
                yield ServableFault(
                    "side_packet",
                    verdict,
                    name,
                    subject=packet,
                    status=status,
                    line=field.line,
                    exception=line,
                )


def _sessions(message: GraphMessage) -> tuple[Session, ...]:
    """Returns the models of this server that nodes use by their names."""
    found = []
    for node in message.messages("node"):
        for any_options in node.messages("node_options"):
            for options in any_options.messages("OpenVINOModelServerSessionCalculatorOptions"):
                name = options.first("servable_name")
                elsewhere = any(options.texts("service_url")) or any(options.texts("server_config"))
                if name is not None and isinstance(name.value, str) and name.value and not elsewhere:
                    found.append(Session(name.value, name.line))
    return tuple(found)


def follow_in_memory(
    name: str, task: str, base_path: str, deployment: Deployment, facts: Facts, models_path: str = "."
) -> GraphPlan:
    """Returns the result for the graph that the server creates for a generative model of ``task``: in memory (since
    v2026.2), or as the graph.pbtxt of a model that it has pulled. ``models_path``: the path in the graph, relative to
    the base path."""
    calculator = next((one for one in CALCULATORS if _TASKS.get(one.title) == task), None)
    if calculator is None or task == "python":
        return GraphPlan("", (task,), doubts=(f"a model for the task {task} is not followed",))
    fields = (GraphField("models_path", models_path, 0, 0), *graph_options(calculator, deployment.arguments))
    node = Node(_node_name(calculator), calculator, GraphMessage(calculator.options, fields), 0)
    doubts: list[str] = []
    models: list[NodeModel] = []
    directory = base_path if models_path == "." else None
    faults = _node_faults(name, node, base_path, deployment, facts, doubts, models, models_path=directory)
    return GraphPlan("", (task,), None, tuple(faults), tuple(doubts), models=tuple(models))


def _node_name(calculator: Calculator) -> str:
    return calculator.title.replace(" ", "")


def _node_faults(
    graph: str,
    node: Node,
    base_path: str,
    deployment: Deployment,
    facts: Facts,
    doubts: list[str],
    models: list[NodeModel],
    models_path: str | None = None,
) -> list[ServableFault]:
    """Returns the faults of one node, up to the first that prevents the load of the graph. The loaded models are
    added to ``models``."""
    if node.calculator.title == "Python":
        try:
            return list(handler_faults(node, base_path, deployment, facts))
        except UnavailableFileError as error:
            doubts.append(str(error))
            return []
    rules = _RULES.get(node.calculator.title)
    if rules is None:
        return []
    model_directory = models_path
    if model_directory is None:
        field = None if node.options is None else node.options.first("models_path")
        text = field.value if field is not None and isinstance(field.value, str) else ""
        model_directory = text

    def directory(path: str) -> ModelDirectory:
        """Returns the directory at ``path``, which is relative to the base path of the graph, wherever the graph's
        file is; absolute paths are used unchanged."""
        path = posixpath.normpath(posixpath.join(base_path, path))
        load = deployment.options.load != "none"
        return ModelDirectory(path, absolute(path, deployment.working_directory), facts, load=load)

    context = ServableContext(
        graph,
        node,
        deployment.release,
        directory(model_directory),
        deployment.limits,
        directory,
        has_python(deployment),
    )
    model_directory = context.directory.path
    found: list[ServableFault] = []
    try:
        missing = _path_fault(context, model_directory, deployment, facts)
        if missing is not None:
            return [missing]
        for fault in chain(
            rules(context), device_faults(context, deployment, facts), _packet_faults(context)
        ):
            found.append(fault)
            if fault.verdict not in LOADED:
                break
        else:
            model = loaded_models(context)
            if deployment.options.load == "compile":
                model, refused = load_pipeline(context, _TASKS[node.calculator.title], model, facts)
                found += [] if refused is None else [refused]
            models.append(model)
    except UnavailableFileError as error:
        doubts.append(str(error))
    # A fault that prevents the load of the graph comes first; then there are no requests.
    fatal = [fault for fault in found if fault.verdict not in LOADED]
    return fatal[:1] or found


def _packet_faults(context: ServableContext) -> Iterator[ServableFault]:
    node = context.node
    if node.packet:
        message = f'Side packet "{node.packet}" is required but was not provided'
        yield context.fault(
            "side_packet",
            "requests",
            subject=node.packet,
            detail=f"{node.calculator.side_packets[0]}:{node.calculator.packet_name}",
            option="models_path",
            exception=message,
        )


def _path_fault(
    context: ServableContext, path: str, deployment: Deployment, facts: Facts
) -> ServableFault | None:
    """Returns the fault of a ``models_path`` that does not exist or is not a directory (parseModelsPath, since
    v2025.1)."""
    status = facts.ask(StatPath(absolute(path, deployment.working_directory)))
    if isinstance(status, Unavailable):
        raise UnavailableFileError(f"{path}: {status.reason}")
    title = context.node.calculator.title
    escaped = title in ("Embeddings", "Rerank", "SpeechToText")
    if isinstance(status, Failure):
        if title == "LLM":
            log: tuple[str, ...] = (f"LLM node models_path: {path} does not exist. ",)
            code = "LLM_NODE_DIRECTORY_DOES_NOT_EXIST"
        else:
            log, code = (
                (f"Models path does not exist: {path}",) if title == "Image Gen" else (),
                "PATH_INVALID",
            )
        if not status.missing:
            return context.fault(
                "file_denied", "escaped", path=path, subject="models_path", option="models_path"
            )
        return context.fault(
            "path_missing",
            "escaped" if escaped else "failed",
            path=path,
            subject="models_path",
            status="" if escaped else code,
            log=log,
            option="models_path",
        )
    if isinstance(status, PathStatus) and status.kind != "directory" and title == "LLM":
        if path.endswith(".gguf") and context.release.at_least(2025, 3):
            return None
        log = (f"LLM node models_path: {path} is not a directory nor GGUF file ",)
        return context.fault(
            "path_kind",
            "failed",
            path=path,
            subject="models_path",
            status="LLM_NODE_PATH_DOES_NOT_EXIST_AND_NOT_GGUFFILE",
            log=log,
            option="models_path",
        )
    return None
