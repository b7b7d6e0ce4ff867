"""Graphs and generative models: whether they load, and whether they answer."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from ovms_doctor.checks import chat_templates, generative_layout, graph_models, pull, servable_faults
from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.generative_steps import convert
from ovms_doctor.checks.servable_faults import FAULTS, GRAPH_NOT_WIRED
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.config_positions import LineColumn
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Recovers, Severity, Step
from ovms_doctor.model.graph_plan import GraphPlan, GraphProblem, ServableFault
from ovms_doctor.model.plan import ModelPlan

GRAPH_NOT_PARSED = Code(
    code="OVD361",
    name="graph-not-parsed",
    severity="error",
    summary="graph.pbtxt is not text that the release's parser accepts",
    remedy="Correct graph.pbtxt at the line that the message names, or let the server write it again.",
    log=(server_log.GRAPH_NOT_PARSED,),
    recovers="config_change",
    releases="Each release has its own options: an older release refuses a graph.pbtxt of a newer one.",
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
    releases=(
        "EmbeddingsCalculator does not exist since 2025.4, RerankCalculator since 2026.2. "
        "The names of their successors end in OV."
    ),
    see_also=("OVD361",),
    example=Example('calculator: "HttpLlmCalculator"', 'calculator: "HttpLLMCalculator"'),
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


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding for each fault that prevents the load of a graph or the answer to its requests."""
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
    column = f", column {problem.column}" if problem.column else ""
    position = f"line {problem.line}{column}: " if problem.line else ""
    return context.finding(
        _STAGES[problem.stage],
        f"{graph.path}: {position}{problem.reason}",
        model=model.entry.name,
        path=graph.path,
        base=model.entry.base_path,
        detail=_failure_effect(context, model, "failed"),
        confidence=_confidence(context, certain=problem.certain),
        log=problem.log,
        position=LineColumn(problem.line, problem.column) if problem.line else None,
        evidence=(
            Evidence(
                f"{position or graph.path + ': '}{problem.subject or problem.reason}", "read of the file"
            ),
        ),
        recovers=_recovers(context),
        steps=(_show(context, graph.path, problem.line),),
    )


def _fault(context: Context, model: ModelPlan, graph: GraphPlan, fault: ServableFault) -> Finding:
    code, sentence = FAULTS[fault.kind]
    severity: Severity | None = None
    if fault.kind in chat_templates.KINDS:
        severity = chat_templates.SEVERITIES.get(fault.kind)
    elif fault.verdict == "requests":
        severity = "error"
    if fault.kind in _OWN_EFFECTS or fault.verdict == "advice":
        severity = "warning"
    path = fault.path or graph.path or model.entry.base_path
    location = f"{graph.path}, line {fault.line}" if fault.line and graph.path else path
    return context.finding(
        code,
        sentence(fault),
        model=model.entry.name,
        path=path,
        base=model.entry.base_path,
        severity=severity,
        detail=_effect(context, model, fault),
        confidence=_confidence(context, certain=fault.certain),
        log=fault.log,
        position=LineColumn(fault.file_line, 1)
        if fault.file_line and fault.path.endswith(".jinja")
        else None,
        evidence=(
            Evidence(
                chat_templates.evidence(fault)
                if fault.kind in chat_templates.KINDS
                else f"{location}: {fault.detail or fault.subject}",
                "read of the files as the server's user",
            ),
            *_thrown(fault),
        ),
        recovers=_recovers(context),
        steps=_steps(context, graph, fault),
    )


def _effect(context: Context, model: ModelPlan, fault: ServableFault) -> str:
    if fault.kind in chat_templates.KINDS:
        return chat_templates.effect(model.entry.name, fault)
    return _OWN_EFFECTS.get(fault.kind) or _failure_effect(context, model, fault.verdict)


def _thrown(fault: ServableFault) -> tuple[Evidence, ...]:
    if not fault.exception:
        return ()
    return (Evidence(f"“{fault.exception}”", "what OpenVINO GenAI reports, as it was run with such files"),)


#: The effects of faults with which requests are answered: they are warnings.
_OWN_EFFECTS = {
    "plugin_config_ignored": "The server logs the error, and loads the model without these properties.",
    "token_limit": (
        "The limit is also the number of tokens of a request that names none. The server answers such a request with "
        "400; with max_tokens in the request, it is answered."
    ),
}
#: Faults of a graph that is AVAILABLE until a request ends the server.
_ENDS_WITH_A_REQUEST = ("text_embeddings", "eviction_block", "batch_size")


def _failure_effect(context: Context, model: ModelPlan, verdict: str) -> str:
    name = model.entry.name
    if verdict == "requests":
        if model.followed is not None and any(
            item.kind in _ENDS_WITH_A_REQUEST for item in model.followed.faults
        ):
            ordinal = (
                "A long"
                if any(item.kind == "eviction_block" for item in model.followed.faults)
                else "The first"
            )
            return f"{name} is AVAILABLE. {ordinal} request to it ends the whole server."
        return f"{name} is AVAILABLE, and /v2/health/ready answers 200. Requests to it fail."
    if verdict == "advice":
        return "The graph is loaded if the device's compiler accepts the model."
    if verdict == "killed":
        return "The server ends with exit code 139 (SIGSEGV) while it starts, without a line in its log."
    if verdict == "escaped":
        more = (
            ""
            if context.single
            else (" The server does not create later graphs of the configuration either.")
        )
        return (
            f"The server starts and answers “ready”; {name} does not exist: /v1/config does not show it, "
            f"and requests get 404.{more}"
        )
    if context.single:
        return "The server ends with exit code 1 before it serves anything."
    return (
        f"The server starts and answers “ready”; /v1/config shows {name} as LOADING with the error code "
        "FAILED_PRECONDITION, and requests to it fail."
    )


def _confidence(context: Context, *, certain: bool) -> Confidence:
    """Returns the confidence of a rule that was read in the source and tried with the libraries, but not recorded from
    a server."""
    return "medium" if certain and context.deployment.release.known else "low"


def _recovers(context: Context) -> Recovers:
    return "restart" if context.single or context.plan.outcome == "exits" else "config_change"


def _show(context: Context, path: str, line: int) -> Step:
    """Returns the step that shows a line of a file."""
    host = quote(context.host(path))
    if not line:
        return Step("Read the file.", f"head -n 40 {host}", "host", "reads")
    first = max(1, line - 3)
    return Step("Read the line.", f"sed -n {first},{line + 3}p {host}", "host", "reads")


def _steps(context: Context, graph: GraphPlan, fault: ServableFault) -> tuple[Step, ...]:
    if fault.kind in chat_templates.KINDS:
        return chat_templates.steps(context, fault)
    release = context.deployment.release
    directory = posixpath.dirname(fault.path)
    host = quote(context.host(directory)) if fault.path else ""
    if fault.kind == "not_converted":
        return convert(context, directory, next(iter(graph.tasks), "text_generation"))
    if fault.kind in ("file_damaged", "json_invalid") and "Git LFS pointer" in fault.detail:
        text = "Fetch the files that the Git LFS pointers refer to."
        return (Step(text, f"git -C {host} lfs pull", "host", "changes files"),)
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
    if "Git LFS pointer" in fault.detail:
        text = "Fetch the files that the pointers refer to (in a clone), or pull the model again."
        return (Step(text, f"git -C {host} lfs pull", "host", "changes files"),)
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
        return (Step("List the directory.", f"ls -la {host}", "host", "reads"),)
    return ()


CHECK = Check(
    name="graphs",
    summary="graphs and generative models: graph.pbtxt, the files of the models, their settings",
    codes=(
        GRAPH_NOT_PARSED,
        CALCULATOR_UNKNOWN,
        GRAPH_NOT_WIRED,
        *servable_faults.CODES,
        *generative_layout.CODES,
        *pull.CODES,
        *graph_models.CODES,
    ),
    run=check,
)
