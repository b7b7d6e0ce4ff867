"""The graph.pbtxt that serves the directory of a generative model, with only the fields that a release needs.

Source: the graphs that the server writes itself (graph_export.cpp, v2025.2 to v2026.3) and those of its demos; the
rules for the server's own graphs validate every text before it is returned.
"""

from __future__ import annotations

from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.graphs.calculators import Calculator, calculator
from ovms_doctor.prediction.graphs.validation import validate_graph

#: The calculator of each task, and the node's name as the server writes it.
_NODES = {
    "text_generation": ("HttpLLMCalculator", "LLMExecutor"),
    "embeddings": ("EmbeddingsCalculatorOV", "EmbeddingsExecutor"),
    "rerank": ("RerankCalculatorOV", "RerankExecutor"),
    "image_generation": ("ImageGenCalculator", "ImageGenExecutor"),
    "speech2text": ("S2tCalculator", "S2tExecutor"),
    "text2speech": ("T2sCalculator", "T2sExecutor"),
}
_HANDLER = """\
  input_stream_handler {
    input_stream_handler: "SyncSetInputStreamHandler"
    options {
      [mediapipe.SyncSetInputStreamHandlerOptions.ext] { sync_set { tag_index: "LOOPBACK:0" } }
    }
  }
"""


def graph_text(task: str, release: Release, models_path: str = "./", device: str = "") -> str | None:
    """Returns the text of a graph that serves the model of ``task`` in ``models_path``, None if the release has no
    calculator for it. ``device``: the device of the node; empty for the default of the release."""
    known = _NODES.get(task)
    own = None if known is None else calculator(known[0])
    if known is None or own is None or not own.is_in(release):
        return None
    text = _text(own, known[1], release, models_path, device)
    graph = validate_graph("graph", text.encode(), release)
    return text if graph.problem is None and len(graph.nodes) == 1 else None


def first_release(task: str) -> tuple[int, int] | None:
    """Returns the first release that serves a model of the task with a graph in the model's directory."""
    known = _NODES.get(task)
    own = None if known is None else calculator(known[0])
    return None if own is None else own.since


def _text(own: Calculator, name: str, release: Release, models_path: str, device: str) -> str:
    request, response = _ends(own)
    loops = "LOOPBACK" in own.inputs
    lines = [f'input_stream: "{request}:input"', f'output_stream: "{response}:output"', "node {"]
    lines += [f'  name: "{name}"', f'  calculator: "{own.name}"']
    streams = [("input_stream", f"{request}:input"), ("output_stream", f"{response}:output")]
    if loops:
        streams += [("input_stream", "LOOPBACK:loopback"), ("output_stream", "LOOPBACK:loopback")]
    packets = [f"{own.side_packets[0]}:{own.packet_name}"]
    if own.name == "HttpLLMCalculator" and release.at_least(2026, 2):
        packets.append("LLM_NODE_EXECUTION_CONTEXTS:llm_ctx")
    lines += [f'  {kind}: "{stream}"' for kind, stream in sorted(streams)]
    lines += [f'  input_side_packet: "{packet}"' for packet in packets]
    if loops:
        lines.append('  input_stream_info { tag_index: "LOOPBACK:0" back_edge: true }')
    option = "device" if own.title in ("LLM", "Image Gen") else "target_device"
    options = f'models_path: "{_escaped(models_path)}"' + (f' {option}: "{device}"' if device else "")
    lines.append(f"  node_options {{ [type.googleapis.com/mediapipe.{own.options}] {{ {options} }} }}")
    return "\n".join(lines) + "\n" + (_HANDLER if loops else "") + "}\n"


def _ends(own: Calculator) -> tuple[str, str]:
    """Returns the tags of the request's stream and of the response's."""
    request = next(tag for tag in own.inputs if tag.endswith("REQUEST_PAYLOAD"))
    return request, next(tag for tag in own.outputs if tag.endswith("RESPONSE_PAYLOAD"))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
