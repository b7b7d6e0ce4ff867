"""Graphs and generative models: whether they come up, and whether they answer."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping

from ovms_doctor.checks import generative_layout, graph_models, pull
from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.config_positions import LineColumn
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Recovers, Severity, Step
from ovms_doctor.model.graph_plan import GraphPlan, GraphProblem, ServableFault, ServableFaultKind
from ovms_doctor.model.plan import ModelPlan

GRAPH_NOT_PARSED = Code(
    code="OVD361",
    name="graph-not-parsed",
    severity="error",
    summary="graph.pbtxt is not text that the release's parser accepts",
    remedy="Correct graph.pbtxt at the line that the message names, or let the server write it again.",
    log=(server_log.GRAPH_NOT_PARSED,),
    recovers="config_change",
    releases="Options come and go with releases: a graph.pbtxt of a newer release is refused by an older one.",
    see_also=("OVD362", "OVD363"),
    example=Example('cache_size: "10"', "cache_size: 10"),
)
CALCULATOR_UNKNOWN = Code(
    code="OVD362",
    name="calculator-unknown",
    severity="error",
    summary="A node of the graph names a calculator that the release does not have",
    remedy="Name a calculator that the release has, or use a release that has it.",
    log=(server_log.GRAPH_NOT_INITIALIZED,),
    recovers="config_change",
    releases="EmbeddingsCalculator is gone since 2025.4, RerankCalculator since 2026.2: their successors end in OV.",
    see_also=("OVD361",),
    example=Example('calculator: "HttpLlmCalculator"', 'calculator: "HttpLLMCalculator"'),
)
GRAPH_NOT_WIRED = Code(
    code="OVD363",
    name="graph-not-wired",
    severity="error",
    summary="The streams, side packets or nodes of the graph do not fit together",
    remedy="Correct graph.pbtxt at the line that the message names.",
    log=(server_log.GRAPH_NOT_INITIALIZED, server_log.GRAPH_WITHOUT_STREAMS),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD361", "OVD362"),
    example=Example(
        "a node without node_options",
        "node_options { [type.googleapis.com/mediapipe.LLMCalculatorOptions] { … } }",
    ),
)
MODELS_PATH_WRONG = Code(
    code="OVD364",
    name="models-path-wrong",
    severity="error",
    summary="The models_path of a node leads to no directory",
    remedy="Write the path of the model's directory, relative to the graph's base path or absolute.",
    recovers="config_change",
    releases="Relative paths count from the base path, not from the directory of graph.pbtxt.",
    see_also=("OVD366",),
    example=Example('models_path: "/model"', 'models_path: "./"'),
)
MODEL_NOT_CONVERTED = Code(
    code="OVD365",
    name="model-not-converted",
    severity="error",
    summary="The directory holds weights as they are published, and no model in OpenVINO's format",
    remedy="Convert the model with optimum-cli, or pull one that is converted.",
    recovers="config_change",
    releases=(
        "Since 2025.4 --source_model converts only with --weight-format; without it the weights are cloned as "
        "they are."
    ),
    see_also=("OVD366",),
    example=Example("m/model.safetensors", "m/openvino_model.xml\nm/openvino_model.bin"),
)
GENERATIVE_FILE_MISSING = Code(
    code="OVD366",
    name="generative-file-missing",
    severity="error",
    summary="A file without which the generative model does not load is missing",
    remedy="Export or pull the model again; see which files are there.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD365", "OVD367"),
    example=Example("m/openvino_model.xml", "m/openvino_model.xml\nm/openvino_model.bin"),
)
GENERATIVE_FILE_DAMAGED = Code(
    code="OVD367",
    name="generative-file-damaged",
    severity="error",
    summary="A file of the generative model is there and cannot be read: cut off, a Git LFS pointer, no JSON",
    remedy="Fetch the file again.",
    recovers="config_change",
    releases="generation_config.json is read since 2025.2.",
    see_also=("OVD366", "OVD302"),
    example=Example("generation_config.json   a Git LFS pointer", "generation_config.json   JSON"),
)
GENERATIVE_FILE_DENIED = Code(
    code="OVD368",
    name="generative-file-denied",
    severity="error",
    summary="The server's user has no read permission on a file of the generative model",
    remedy="Give the server's user (in the image: uid 5000) the right to read the model's directory.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD201", "OVD203"),
    example=Example("-rw------- root root m/openvino_model.bin", "-rw-r--r-- root root m/openvino_model.bin"),
)
WRONG_KIND_OF_MODEL = Code(
    code="OVD369",
    name="wrong-kind-of-model",
    severity="error",
    summary="The model was exported for another task than the one that the graph serves it for",
    remedy="Export the model for the task that it is served for.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD366", "OVD370"),
    example=Example(
        "optimum-cli export openvino --task text-generation …",
        "optimum-cli export openvino --task text-generation-with-past …",
    ),
)
MODEL_TYPE_UNKNOWN = Code(
    code="OVD370",
    name="model-type-unknown",
    severity="error",
    summary="The release does not know the kind of model that config.json names",
    remedy="Use a release that knows it.",
    recovers="restart",
    releases="Each release adds kinds of models.",
    see_also=("OVD369",),
    example=Example('OVMS 2025.4: "model_type": "gemma4"', "OVMS 2026.2, the same model"),
)
TOKENIZER_MISSING = Code(
    code="OVD371",
    name="tokenizer-missing",
    severity="error",
    summary="The model loads, and every request fails, because its tokenizer is missing",
    remedy="Convert the tokenizer into the model's directory.",
    recovers="config_change",
    releases="Until 2025.1 the graph is not loaded without it.",
    see_also=("OVD366", "OVD372"),
    example=Example(
        "m/openvino_model.xml", "m/openvino_model.xml\nm/openvino_tokenizer.xml\nm/openvino_detokenizer.xml"
    ),
)
TOKENIZER_OF_OTHER_RELEASE = Code(
    code="OVD372",
    name="tokenizer-of-other-release",
    severity="error",
    summary="The tokenizer was converted by tools that the release's runtime does not fit",
    remedy="Convert the tokenizer with the openvino_tokenizers of the server's release, or use a newer server.",
    recovers="restart",
    releases="Tokenizers of 2026.4 crash 2025.2 to 2026.3; those of 2025.2 and newer are refused until 2025.1.",
    see_also=("OVD371",),
    example=Example("openvino_tokenizers 2026.4, OVMS 2026.3", "openvino_tokenizers 2026.3, OVMS 2026.3"),
)
CHAT_TEMPLATE_MISSING = Code(
    code="OVD373",
    name="chat-template-missing",
    severity="warning",
    summary="The model has no chat template: chat/completions fails, completions works",
    remedy="Put the chat_template.jinja of the original model beside it.",
    recovers="config_change",
    releases="Since 2026.0; before, a default template is used.",
    see_also=("OVD371",),
    example=Example("m/openvino_model.xml", "m/openvino_model.xml\nm/chat_template.jinja"),
)
GENERATIVE_SETTING_REFUSED = Code(
    code="OVD374",
    name="generative-setting-refused",
    severity="error",
    summary="An option of a node has a value that the release refuses",
    remedy="Correct the option in graph.pbtxt, or leave it out.",
    recovers="config_change",
    releases="Unknown parsers are refused at start-up since 2026.3; before, every request fails.",
    see_also=("OVD361",),
    example=Example('tool_parser: "qwen3"', 'tool_parser: "hermes3"'),
)

_STAGES: Mapping[str, Code] = {
    "empty": GRAPH_NOT_PARSED,
    "text": GRAPH_NOT_PARSED,
    "calculator": CALCULATOR_UNKNOWN,
    "queue": GRAPH_NOT_WIRED,
    "streams": GRAPH_NOT_WIRED,
    "wiring": GRAPH_NOT_WIRED,
    "node": GRAPH_NOT_WIRED,
}
_Sentence = Callable[[ServableFault], str]
_NEEDED: _Sentence = lambda fault: f"{fault.path} is missing"  # noqa: E731
#: The code of each kind of fault, and the sentence about it.
_FAULTS: Mapping[ServableFaultKind, tuple[Code, _Sentence]] = {
    "path_unset": (MODELS_PATH_WRONG, lambda fault: f"The node {fault.node} has no models_path"),
    "path_missing": (
        MODELS_PATH_WRONG,
        lambda fault: f"There is no directory {fault.path}, which models_path names",
    ),
    "path_kind": (MODELS_PATH_WRONG, lambda fault: f"{fault.path} is neither a directory nor a GGUF file"),
    "not_converted": (
        MODEL_NOT_CONVERTED,
        lambda fault: (
            f"{posixpath.dirname(fault.path)} holds {fault.subject} and no model in OpenVINO's format"
        ),
    ),
    "file_missing": (GENERATIVE_FILE_MISSING, _NEEDED),
    "file_damaged": (GENERATIVE_FILE_DAMAGED, lambda fault: f"{fault.path} is damaged: {fault.detail}"),
    "json_invalid": (GENERATIVE_FILE_DAMAGED, lambda fault: f"{fault.path} cannot be parsed: {fault.detail}"),
    "file_denied": (
        GENERATIVE_FILE_DENIED,
        lambda fault: f"The server's user has no read permission on {fault.path}",
    ),
    "not_stateful": (
        WRONG_KIND_OF_MODEL,
        lambda fault: (
            f"{fault.path} " + (fault.detail or "has no state: it was exported without its cache (with-past)")
        ),
    ),
    "pipeline_type": (
        WRONG_KIND_OF_MODEL,
        lambda fault: f"pipeline_type {fault.subject} disagrees with the files of the model",
    ),
    "text_embeddings": (
        WRONG_KIND_OF_MODEL,
        lambda fault: f"{fault.path} is missing: the server takes the model for a text model",
    ),
    "model_type": (
        MODEL_TYPE_UNKNOWN,
        lambda fault: f"The release does not know the model_type “{fault.subject}” of {fault.path}",
    ),
    "tokenizer": (TOKENIZER_MISSING, _NEEDED),
    "detokenizer": (TOKENIZER_MISSING, _NEEDED),
    "tokenizer_new": (
        TOKENIZER_OF_OTHER_RELEASE,
        lambda fault: (
            f"{fault.path} was converted by openvino_tokenizers {fault.detail}, which crashes the server"
        ),
    ),
    "extension_old": (
        TOKENIZER_OF_OTHER_RELEASE,
        lambda fault: (
            f"{fault.path} was converted by openvino_tokenizers {fault.detail}, which the release does not know"
        ),
    ),
    "chat_template": (CHAT_TEMPLATE_MISSING, lambda fault: f"{fault.path} holds no chat template"),
    "draft": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"{fault.subject} is set, and draft_models_path is not",
    ),
    "parser": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The release has no parser “{fault.subject}”; it has {fault.detail or 'none'}",
    ),
    "devices": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The device “{fault.subject}” names neither one device nor three",
    ),
    "resolution": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The device “{fault.subject}” needs a static resolution, and none is set",
    ),
    "eviction": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: (
            f"cache_eviction_config has {fault.detail}: all are greater than 0, and the last one is greater than the "
            "sum of the others"
        ),
    ),
    "plugin_config": (GENERATIVE_SETTING_REFUSED, lambda fault: "plugin_config is not a JSON object"),
    "device": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The node {fault.node} is to run on the device “{fault.subject}”: {fault.detail}",
    ),
    "npu_property": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"{fault.subject} in the plugin_config of the node {fault.node} {fault.detail}",
    ),
    "npu_quantisation": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"{fault.path} tells {fault.subject}, and the NPU is meant for symmetric ones",
    ),
    "gguf": (
        MODEL_TYPE_UNKNOWN,
        lambda fault: (
            f"{fault.path} is a model of the architecture {fault.subject}; of GGUF models {fault.detail} are known"
        ),
    ),
    "voice": (
        GENERATIVE_FILE_MISSING,
        lambda fault: f"{fault.path}, a voice that the graph names, is missing",
    ),
    "cache_size": (GENERATIVE_SETTING_REFUSED, lambda fault: f"cache_size {fault.subject} {fault.detail}"),
}


def check(context: Context) -> Iterator[Finding]:
    """A finding for whatever keeps a graph from being loaded or requests to it from being answered."""
    yield from pull.check(context)
    yield from graph_models.check(context)
    for model in context.plan.models:
        yield from generative_layout.check(context, model)
        graph = model.followed
        if graph is None or not model.tried or generative_layout.hides_versions(context, model):
            continue
        if graph.problem is not None:
            yield _problem(context, model, graph, graph.problem)
        for fault in graph.faults:
            if fault.kind == "file_missing" and generative_layout.dangling_link(context, fault.path):
                directory, name = posixpath.split(fault.path)
                yield generative_layout.links_lead_nowhere(context, model, directory, name)
            else:
                yield _fault(context, model, graph, fault)


def _problem(context: Context, model: ModelPlan, graph: GraphPlan, problem: GraphProblem) -> Finding:
    place = f"line {problem.line}, column {problem.column}: " if problem.line else ""
    return context.finding(
        _STAGES[problem.stage],
        f"{graph.path}: {place}{problem.reason}",
        model=model.entry.name,
        path=graph.path,
        base=model.entry.base_path,
        detail=_what_then(context, model, "failed"),
        confidence=_confidence(context, certain=problem.certain),
        log=problem.log,
        position=LineColumn(problem.line, problem.column) if problem.line else None,
        evidence=(
            Evidence(f"{place or graph.path + ': '}{problem.subject or problem.reason}", "read of the file"),
        ),
        recovers=_recovers(context),
        steps=(_show(context, graph.path, problem.line),),
    )


def _fault(context: Context, model: ModelPlan, graph: GraphPlan, fault: ServableFault) -> Finding:
    code, sentence = _FAULTS[fault.kind]
    severity: Severity | None = None
    if fault.verdict == "requests" and fault.kind != "chat_template":
        severity = "error"
    if fault.verdict == "advice":
        severity = "warning"
    path = fault.path or graph.path or model.entry.base_path
    where = f"{graph.path}, line {fault.line}" if fault.line and graph.path else path
    return context.finding(
        code,
        sentence(fault),
        model=model.entry.name,
        path=path,
        base=model.entry.base_path,
        severity=severity,
        detail=_what_then(context, model, fault.verdict),
        confidence=_confidence(context, certain=fault.certain),
        log=fault.log,
        evidence=(
            Evidence(f"{where}: {fault.detail or fault.subject}", "read of the files as the server's user"),
            *_thrown(fault),
        ),
        recovers=_recovers(context),
        steps=_steps(context, graph, fault),
    )


def _thrown(fault: ServableFault) -> tuple[Evidence, ...]:
    if not fault.exception:
        return ()
    return (Evidence(f"“{fault.exception}”", "what OpenVINO GenAI reports, as it was run with such files"),)


def _what_then(context: Context, model: ModelPlan, verdict: str) -> str:
    name = model.entry.name
    if verdict == "requests":
        if model.followed is not None and any(
            item.kind == "text_embeddings" for item in model.followed.faults
        ):
            return f"{name} is AVAILABLE. The first request to it ends the whole server."
        return f"{name} is AVAILABLE, and /v2/health/ready answers 200. Requests to it fail."
    if verdict == "advice":
        return "The graph is loaded if the device's compiler takes the model."
    if verdict == "killed":
        return "The server ends with exit code 139 (SIGSEGV) while it starts, without a line in its log."
    if verdict == "escaped":
        more = "" if context.single else " Later graphs of the configuration are left out too."
        return (
            f"The server starts and answers “ready”; {name} does not exist for it: /v1/config does not show it, and "
            f"requests get 404.{more}"
        )
    if context.single:
        return "The server ends with exit code 1 before it serves anything."
    return (
        f"The server starts and answers “ready”; /v1/config shows {name} as LOADING with the error code "
        "FAILED_PRECONDITION, and requests to it fail."
    )


def _confidence(context: Context, *, certain: bool) -> Confidence:
    """Read from the source and tried with the libraries, not recorded from a server."""
    return "medium" if certain and context.deployment.release.known else "low"


def _recovers(context: Context) -> Recovers:
    return "restart" if context.single or context.plan.outcome == "exits" else "config_change"


def _show(context: Context, path: str, line: int) -> Step:
    """A look at the line of a file."""
    host = quote(context.host(path))
    if not line:
        return Step("Look at the file.", f"head -n 40 {host}", "host", "reads")
    first = max(1, line - 3)
    return Step("Look at the line.", f"sed -n {first},{line + 3}p {host}", "host", "reads")


def _steps(context: Context, graph: GraphPlan, fault: ServableFault) -> tuple[Step, ...]:
    release = context.deployment.release
    directory = fault.path if fault.kind == "chat_template" else posixpath.dirname(fault.path)
    host = quote(context.host(directory)) if fault.path else ""
    if fault.kind == "not_converted":
        task = next(iter(graph.tasks), "text_generation")
        options = f"--weight-format int8 {_OUTPUT.get(task, '')}"
        command = f"optimum-cli export openvino --model {host} {options}NEW_DIRECTORY"
        return (
            Step("Convert the model into a new directory, and serve that.", command, "host", "changes files"),
        )
    if fault.kind in ("tokenizer", "detokenizer", "tokenizer_new", "extension_old"):
        pin = ".".join(str(number) for number in release.numbers[:2])
        install = f"pip install 'openvino-tokenizers[transformers]=={pin}.*'"
        command = f"{install} && convert_tokenizer {host} --with-detokenizer -o {host}"
        return (
            Step(
                "Convert the tokenizer with the tools of the server's release.",
                command,
                "host",
                "changes files",
            ),
        )
    if fault.kind == "file_denied":
        user = context.deployment.user
        text = f"Let uid {user.uid} read the directory and its files."
        return (Step(text, f"chmod -R a+rX {host}", "host", "changes files"),)
    if fault.kind == "npu_quantisation":
        text = "Export it for the NPU, with symmetric weights."
        options = "--weight-format int4 --sym --ratio 1.0 --group-size -1"
        command = f"optimum-cli export openvino --model MODEL {options} {host}-npu"
        return (Step(text, command, "host", "changes files"),)
    if fault.kind == "device" and context.deployment.container is not None and "not have it" in fault.detail:
        node = "/dev/accel" if fault.subject.startswith("NPU") else "/dev/dri"
        group = f'--group-add="$(stat -c %g {node}/*{"" if node == "/dev/accel" else "render"}* | head -n 1)"'
        return (
            Step(
                "Give the container the device.",
                f"--device {node} {group}",
                "docker run",
                "restarts the server",
            ),
        )
    if fault.line and graph.path:
        return (_show(context, graph.path, fault.line),)
    if fault.path:
        return (Step("See what is there.", f"ls -la {host}", "host", "reads"),)
    return ()


_OUTPUT = {
    "embeddings": "--task feature-extraction ",
    "rerank": "--task text-classification ",
    "text_generation": "--task text-generation-with-past ",
    "speech2text": "--task automatic-speech-recognition-with-past ",
    "image_generation": "",
}

CHECK = Check(
    name="graphs",
    summary="graphs and generative models: graph.pbtxt, the files of the models, their settings",
    codes=(
        GRAPH_NOT_PARSED,
        CALCULATOR_UNKNOWN,
        GRAPH_NOT_WIRED,
        MODELS_PATH_WRONG,
        MODEL_NOT_CONVERTED,
        GENERATIVE_FILE_MISSING,
        GENERATIVE_FILE_DAMAGED,
        GENERATIVE_FILE_DENIED,
        WRONG_KIND_OF_MODEL,
        MODEL_TYPE_UNKNOWN,
        TOKENIZER_MISSING,
        TOKENIZER_OF_OTHER_RELEASE,
        CHAT_TEMPLATE_MISSING,
        GENERATIVE_SETTING_REFUSED,
        *generative_layout.CODES,
        *pull.CODES,
        *graph_models.CODES,
    ),
    run=check,
)
