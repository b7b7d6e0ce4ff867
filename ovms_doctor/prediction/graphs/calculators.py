"""The calculators of OVMS's own graphs: the releases that have them, and what each requires of its node.

Source: ``GetContract`` of each calculator and the node initialisers (src/llm, src/embeddings, src/rerank,
src/image_gen, src/audio, src/python), v2023.3 to v2026.3; MediaPipe's own names from its fork.
"""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model.releases import Release
from ovms_doctor.model.releases.mediapipe_types import stock_calculators


class Calculator(Struct, frozen=True):
    """One calculator of OVMS."""

    #: The name as a node writes it.
    name: str
    #: The message of its options.
    options: str
    #: The first release that has it.
    since: tuple[int, int]
    #: The first release that no longer has it; None if all later releases have it.
    until: tuple[int, int] | None
    #: The name of its nodes in the server's messages; empty if no initialiser reads the node.
    title: str = ""
    #: Tags of the input streams that its contract requires.
    inputs: tuple[str, ...] = ()
    #: Tags of the output streams that its contract requires.
    outputs: tuple[str, ...] = ()
    #: Tags of the input side packets that its contract requires.
    side_packets: tuple[str, ...] = ()
    #: The name under which the server passes the first of the side packets (graph_executor_constants.hpp).
    packet_name: str = ""
    #: Optional tags of the contract, each with the first release that accepts it.
    optional: tuple[tuple[str, tuple[int, int]], ...] = ()
    #: Whether its contract accepts any streams, and requires at least one in each direction.
    any_streams: bool = False
    #: Whether it is known for each node of it whether the graph loads.
    is_followed: bool = False

    def is_in(self, release: Release) -> bool:
        """Whether the release's binary has it."""
        return release.at_least(*self.since) and (self.until is None or not release.at_least(*self.until))


_HTTP = (("HTTP_REQUEST_PAYLOAD",), ("HTTP_RESPONSE_PAYLOAD",))
_PLAIN = (("REQUEST_PAYLOAD",), ("RESPONSE_PAYLOAD",))
CALCULATORS: tuple[Calculator, ...] = (
    Calculator(
        "HttpLLMCalculator",
        "LLMCalculatorOptions",
        (2024, 2),
        None,
        "LLM",
        ("HTTP_REQUEST_PAYLOAD", "LOOPBACK"),
        ("HTTP_RESPONSE_PAYLOAD", "LOOPBACK"),
        ("LLM_NODE_RESOURCES",),
        "llm",
        (("LLM_NODE_EXECUTION_CONTEXTS", (2026, 2)),),
    ),
    Calculator("LLMCalculator", "LLMCalculatorOptions", (2024, 2), (2024, 4), "LLM"),
    Calculator(
        "EmbeddingsCalculatorOV",
        "EmbeddingsCalculatorOVOptions",
        (2025, 2),
        None,
        "Embeddings",
        *_PLAIN,
        ("EMBEDDINGS_NODE_RESOURCES",),
        "embeddings_servable",
    ),
    Calculator(
        "RerankCalculatorOV",
        "RerankCalculatorOVOptions",
        (2025, 2),
        None,
        "Rerank",
        *_PLAIN,
        ("RERANK_NODE_RESOURCES",),
        "rerank_servable",
    ),
    Calculator(
        "ImageGenCalculator",
        "ImageGenCalculatorOptions",
        (2025, 2),
        None,
        "Image Gen",
        *_HTTP,
        ("IMAGE_GEN_NODE_RESOURCES",),
        "pipes",
    ),
    Calculator(
        "S2tCalculator",
        "S2tCalculatorOptions",
        (2025, 4),
        None,
        "SpeechToText",
        *_HTTP,
        ("STT_NODE_RESOURCES",),
        "s2t_servable",
        (("LOOPBACK", (2026, 2)),),
    ),
    Calculator(
        "T2sCalculator",
        "T2sCalculatorOptions",
        (2025, 4),
        None,
        "TextToSpeech",
        *_HTTP,
        ("TTS_NODE_RESOURCES",),
        "t2s_servable",
    ),
    # They use models of the server, as OpenVINOInferenceCalculator (embeddings_calculator.cc, rerank_calculator.cc).
    Calculator(
        "EmbeddingsCalculator",
        "EmbeddingsCalculatorOptions",
        (2024, 5),
        (2025, 4),
        "",
        *_PLAIN,
        ("TOKENIZER_SESSION", "EMBEDDINGS_SESSION"),
        is_followed=True,
    ),
    Calculator(
        "RerankCalculator",
        "RerankCalculatorOptions",
        (2024, 5),
        (2026, 2),
        "",
        *_PLAIN,
        ("TOKENIZER_SESSION", "RERANK_SESSION"),
        is_followed=True,
    ),
    Calculator(
        "PythonExecutorCalculator",
        "PythonExecutorCalculatorOptions",
        (2023, 3),
        None,
        "Python",
        side_packets=("PYTHON_NODE_RESOURCES",),
        any_streams=True,
    ),
    Calculator(
        "PyTensorOvTensorConverterCalculator",
        "PyTensorOvTensorConverterCalculatorOptions",
        (2023, 3),
        None,
    ),
    # Both open the model of the server with the first request (openvinoinferencecalculator.cc,
    # openvinomodelserversessioncalculator.cc in OVMS's MediaPipe).
    Calculator(
        "OpenVINOInferenceCalculator",
        "OpenVINOInferenceCalculatorOptions",
        (2023, 1),
        None,
        side_packets=("SESSION",),
        any_streams=True,
        is_followed=True,
    ),
    Calculator(
        "OpenVINOModelServerSessionCalculator",
        "OpenVINOModelServerSessionCalculatorOptions",
        (2023, 1),
        None,
        is_followed=True,
    ),
    Calculator("ModelAPISessionCalculator", "ModelAPIOVMSSessionCalculatorOptions", (2023, 0), (2023, 1)),
    Calculator("ModelAPISideFeedCalculator", "ModelAPIInferenceCalculatorOptions", (2023, 0), (2023, 1)),
)


def calculator(name: str) -> Calculator | None:
    """Returns OVMS's own calculator of this name; None for any other."""
    return next((one for one in CALCULATORS if one.name == name), None)


def initialised_as(name: str, release: Release) -> Calculator | None:
    """Returns the calculator whose initialiser handles a node: by the end of the name (``endsWith``), None if none
    does."""
    ending = (one for one in CALCULATORS if one.title and name.endswith(one.name) and one.is_in(release))
    return max(ending, key=lambda one: len(one.name), default=None)


def is_known(name: str, release: Release) -> bool | None:
    """Whether the release registers a calculator of this name; None if it is not known, for a stock calculator of
    MediaPipe, which the binary may contain or not."""
    own = calculator(name)
    if own is not None:
        return own.is_in(release)
    return None if name in stock_calculators() else False
