"""Whether the server accepts a pipeline: ``PipelineDefinition::validate`` (pipelinedefinition.cpp), in its order.

The server checks several sources of one node in the order of a hash table; here the order is the file's. The inputs and
outputs of a custom node library are not known: the rest of such a pipeline is validated without them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model import pipelines as log
from ovms_doctor.model import server_log
from ovms_doctor.model.parameters import ANY, Dimension
from ovms_doctor.model.pipelines import PipelineFault, PipelineFaultKind, PipelinePlan, PipelineTensor
from ovms_doctor.prediction.pipelines.definition import EXIT, PipelineDefinition, PipelineNode

_STRING = "STRING"
#: The least number of dimensions of a tensor that is split (validateShapeWithDemultiplexer).
_LEAST_RANK = 3


class PipelineModel(Struct, frozen=True):
    """A version of a model as the nodes of pipelines use it."""

    #: Inputs by the names that clients use; None if they are not known.
    inputs: dict[str, PipelineTensor] | None = None
    #: Outputs by the names that clients use; None if they are not known.
    outputs: dict[str, PipelineTensor] | None = None
    #: Whether its shape or its batch size is ``auto``.
    auto: bool = False


#: ``missing``: the model or the version does not exist; ``unavailable``: it exists, but is not served.
Found: TypeAlias = 'PipelineModel | Literal["missing", "unavailable", "unknown"]'
#: The model of a name and version, 0 for the default one.
ModelLookup: TypeAlias = Callable[[str, int], Found]


def validate_pipeline(
    pipeline: PipelineDefinition,
    occupied: Collection[str],
    libraries: Collection[str],
    models: ModelLookup,
) -> PipelinePlan:
    """Returns the state of a pipeline after start-up. ``occupied``: names of models and graphs; ``libraries``: those of
    custom nodes that opened."""
    validator = _Validator(pipeline, models)
    fault = next(validator.faults(occupied, libraries), None)
    doubts = tuple(dict.fromkeys(validator.doubts))
    available = False if fault is not None else None if doubts else True
    return PipelinePlan(pipeline.name, pipeline.pointer, available, None, fault, doubts)


class _Validator:
    def __init__(self, pipeline: PipelineDefinition, models: ModelLookup) -> None:
        self._pipeline = pipeline
        self._models = models
        self.doubts: list[str] = []

    def faults(self, occupied: Collection[str], libraries: Collection[str]) -> Iterator[PipelineFault]:
        """Yields the reasons for which the server refuses the pipeline; the server reports only the first."""
        name = self._pipeline.name
        if name in occupied:
            yield self._fault(
                "occupied", self._pipeline.pointer, name, server_log.PIPELINE_NAME_OCCUPIED(name=name)
            )
        for node in self._pipeline.nodes:
            if node.kind == "custom" and node.library not in libraries:
                lines = (
                    server_log.PIPELINE_LIBRARY_MISSING(name=name, library=node.library),
                    log.INVALID_LIBRARY(name=name, node=node.name),
                )
                yield self._fault("missing_library", node.pointer, node.library, *lines, node=node)
        yield from self._counts()
        names = Counter(node.name for node in self._pipeline.nodes)
        for node in self._pipeline.nodes:
            if names[node.name] > 1:
                line = server_log.PIPELINE_NODE_TWICE(name=name, node=node.name)
                # These are the nodes of the file, without the ends, which the server adds.
                written = [other for other in self._pipeline.nodes if other.name == node.name][-1]
                yield self._fault(
                    "doubled_node",
                    written.pointer if written.kind != "exit" else node.pointer,
                    node.name,
                    line,
                    node=node,
                )
            yield from self._node(node)
        yield from self._cycles()
        yield from self._order()

    # -- the nodes ---------------------------------------------------------------------------------
    def _counts(self) -> Iterator[PipelineFault]:
        counts = [node for node in self._pipeline.nodes if node.demultiply is not None]
        if len(counts) > 1 and any(node.demultiply == -1 for node in counts):
            line = log.SEVERAL_DYNAMIC(name=self._pipeline.name)
            names = ", ".join(node.name for node in counts)
            yield self._fault("split_dynamic", self._pipeline.pointer, names, line)

    def _node(self, node: PipelineNode) -> Iterator[PipelineFault]:
        model = PipelineModel()
        if node.kind == "model":
            found = self._models(node.model, node.version)
            if isinstance(found, str):
                if found == "unknown":
                    self.doubts.append(f"the model {node.model} of node {node.name} was not followed")
                else:
                    line = server_log.PIPELINE_MODEL_MISSING(
                        name=self._pipeline.name, model=node.model, version=node.version
                    )
                    kind: PipelineFaultKind = "missing_model" if found == "missing" else "unavailable_model"
                    version_text = str(node.version) if node.version and kind == "unavailable_model" else ""
                    yield self._fault(kind, node.pointer, node.model, line, node=node, needed=version_text)
            else:
                model = found
                yield from self._model(node, model)
        elif node.kind == "custom":
            self.doubts.append(
                f"the inputs and outputs of the library {node.library} of node {node.name} are not known"
            )
        if node.gathers and node.kind != "exit":
            yield from self._gathering(node)
        remaining = set(model.inputs) if model.inputs is not None else None
        for other_name, mapping in node.sources().items():
            other = self._pipeline.node(other_name)
            if other is None:
                line = server_log.PIPELINE_NODE_MISSING(
                    name=self._pipeline.name, node=node.name, missing=other_name
                )
                yield self._fault("missing_node", node.pointer, other_name, line, node=node)
                return
            if other.kind == "exit":
                line = log.EXIT_USED(name=self._pipeline.name)
                yield self._fault("exit_used", node.pointer, EXIT, line, node=node)
                return
            yield from self._connection(node, model, other, mapping, remaining)
        if remaining:
            inputs = "".join(f"{name}, " for name in sorted(remaining))
            line = log.NOT_CONNECTED(name=self._pipeline.name, node=node.name, inputs=inputs)
            subject = ", ".join(sorted(remaining))
            yield self._fault("unconnected", node.pointer, subject, line, node=node)

    def _model(self, node: PipelineNode, model: PipelineModel) -> Iterator[PipelineFault]:
        name = self._pipeline.name
        if model.auto:
            line = log.AUTO_PARAMETERS(name=name, node=node.name, model=node.model)
            yield self._fault("auto", node.pointer, node.model, line, node=node)
        if model.inputs is None or model.outputs is None:
            self.doubts.append(f"the inputs and outputs of model {node.model} are not known")
            return
        if node.demultiply is not None and any(
            tensor.precision == _STRING for tensor in model.inputs.values()
        ):
            line = log.STRING_SPLIT(name=name, node=node.name)
            yield self._fault("strings", node.pointer, node.name, line, node=node)
        for output, tensor in sorted(model.outputs.items()):
            yield from self._split(node, output, tensor.shape)

    def _split(
        self, node: PipelineNode, output: str, shape: Sequence[Dimension] | None
    ) -> Iterator[PipelineFault]:
        """Applies validateShapeWithDemultiplexer."""
        if node.demultiply is None or shape is None:
            return
        name = self._pipeline.name
        if len(shape) < _LEAST_RANK:
            line = log.SPLIT_RANK(name=name, node=node.name, rank=len(shape))
            yield self._fault(
                "split_rank", node.pointer, output, line, node=node, provided=_shape_text(shape)
            )
        elif node.demultiply != -1 and not _is_any(shape[0]):
            count = Dimension(node.demultiply, node.demultiply)
            if not _fits(shape[0], count):
                line = log.SPLIT_SIZE(name=name, count=node.demultiply, node=node.name, size=shape[0])
                yield self._fault(
                    "split_size",
                    node.pointer,
                    output,
                    line,
                    node=node,
                    needed=str(node.demultiply),
                    provided=str(shape[0]),
                )

    def _gathering(self, node: PipelineNode) -> Iterator[PipelineFault]:
        for gather in sorted(node.gathers):
            other = self._pipeline.node(gather)
            if other is None:
                line = log.GATHER_MISSING(name=self._pipeline.name, node=node.name, gather=gather)
                yield self._fault(
                    "gather_missing", f"{node.pointer}/gather_from_node", gather, line, node=node
                )
            elif other.demultiply is None:
                line = log.GATHER_PLAIN(name=self._pipeline.name, node=node.name, gather=gather)
                yield self._fault("gather_plain", f"{node.pointer}/gather_from_node", gather, line, node=node)

    # -- the connections ---------------------------------------------------------------------------
    def _connection(
        self,
        node: PipelineNode,
        model: PipelineModel,
        other: PipelineNode,
        mapping: Sequence[tuple[str, str]],
        remaining: set[str] | None,
    ) -> Iterator[PipelineFault]:
        """Applies validateConnection to the inputs of ``node`` that come from ``other``."""
        name = self._pipeline.name
        source = PipelineModel()
        if other.kind == "model":
            found = self._models(other.model, other.version)
            if found in ("missing", "unavailable"):
                line = log.MODEL_UNAVAILABLE(name=name, model=other.model, version=other.version)
                kind: PipelineFaultKind = "missing_model" if found == "missing" else "unavailable_model"
                yield self._fault(kind, node.pointer, other.model, line, node=node, other=other)
                return
            if isinstance(found, PipelineModel):
                source = found
        for item, own in mapping:
            if model.inputs is not None and remaining is not None:
                if own not in model.inputs:
                    line = log.INPUT_MISSING(name=name, node=node.name, input=own)
                    yield self._fault(
                        "input_name",
                        node.pointer,
                        own,
                        line,
                        node=node,
                        needed=", ".join(sorted(model.inputs)),
                    )
                elif own not in remaining:
                    line = log.INPUT_TWICE(name=name, node=node.name, input=own)
                    yield self._fault("input_twice", node.pointer, own, line, node=node)
                remaining.discard(own)
            output = other.output(item)
            if output is None:
                line = log.SOURCE_MISSING(name=name, other=other.name, item=item, node=node.name)
                offered = ", ".join(alias for alias, _ in other.outputs)
                yield self._fault(
                    "source_name", node.pointer, item, line, node=node, other=other, provided=offered
                )
                continue
            if other.kind == "model" and source.outputs is not None and output not in source.outputs:
                line = log.OUTPUT_MISSING(name=name, output=output, other=other.name, item=item)
                offered = ", ".join(sorted(source.outputs))
                yield self._fault(
                    "output_name", other.pointer, output, line, node=node, other=other, provided=offered
                )
                continue
            needed_tensor = None if model.inputs is None else model.inputs.get(own)
            if needed_tensor is None:
                continue
            if other.kind == "entry" and other.demultiply is not None and needed_tensor.precision == _STRING:
                line = log.STRING_SPLIT(name=name, node=node.name)
                yield self._fault("strings", node.pointer, node.name, line, node=node)
            if other.kind == "model" and source.outputs is not None:
                yield from self._tensors(node, own, needed_tensor, other, output, source.outputs[output])

    def _tensors(
        self,
        node: PipelineNode,
        own: str,
        needed_tensor: PipelineTensor,
        other: PipelineNode,
        output: str,
        provided_tensor: PipelineTensor,
    ) -> Iterator[PipelineFault]:
        """Applies checkConnectionMetadataCorrectness to two models that are connected directly."""
        values = {
            "name": self._pipeline.name,
            "node": node.name,
            "input": own,
            "other": other.name,
            "output": output,
        }
        if needed_tensor.shape is None or provided_tensor.shape is None:
            self.doubts.append(f"the shapes between the nodes {other.name} and {node.name} are not known")
        else:
            needed, offered = list(needed_tensor.shape), list(provided_tensor.shape)
            if other.demultiply is not None and offered:
                del offered[0]
            if len(node.gathers) == 1:
                (gather,) = node.gathers
                splitter = self._pipeline.node(gather)
                if splitter is not None and needed:
                    yield from self._split(splitter, own, needed)
                    del needed[0]
            if len(needed) != len(offered) or not all(map(_fits, needed, offered)):
                shapes = {"needed": _shape_text(needed), "provided": _shape_text(offered)}
                line = log.SHAPE_MISMATCH(**values, needed=shapes["needed"], given=shapes["provided"])
                yield self._fault("shape", node.pointer, own, line, node=node, other=other, **shapes)
        precisions = {"needed": needed_tensor.precision, "provided": provided_tensor.precision}
        if needed_tensor.precision != provided_tensor.precision:
            line = log.PRECISION_MISMATCH(
                **values, needed=needed_tensor.precision, given=provided_tensor.precision
            )
            yield self._fault("precision", node.pointer, own, line, node=node, other=other, **precisions)
        elif needed_tensor.precision == _STRING:
            line = log.STRING_CONNECTION(
                **values, needed=needed_tensor.precision, given=provided_tensor.precision
            )
            yield self._fault("strings", node.pointer, own, line, node=node, other=other)

    # -- the graph ---------------------------------------------------------------------------------
    def _cycles(self) -> Iterator[PipelineFault]:
        """Applies validateForCycles, from the response back to the request."""
        name = self._pipeline.name
        sources = {node.name: list(node.sources()) for node in self._pipeline.nodes}
        parents: list[str] = []
        current, visited = EXIT, [EXIT]
        while True:
            following = None
            for other in sources.get(current, ()):
                if other == current:
                    line = log.SELF_CONNECTED(node=current, name=name)
                    yield self._fault("cycle", self._pointer(current), current, line)
                    return
                if other not in visited:
                    following = other
                    break
                if other in parents:
                    nodes = ", ".join(parents)
                    line = log.CYCLE(name=name, nodes=nodes)
                    yield self._fault("cycle", self._pointer(other), nodes, line)
                    return
            if following is not None:
                parents.append(current)
                visited.append(following)
                current = following
            elif parents:
                current = parents.pop()
            else:
                break
        if len(visited) != len(self._pipeline.nodes):
            loose = [node.name for node in self._pipeline.nodes if node.name not in visited]
            line = log.LOOSE_NODES(name=name)
            yield self._fault("loose", self._pointer(loose[0]), ", ".join(loose), line)

    def _order(self) -> Iterator[PipelineFault]:
        """Applies validateDemultiplexerGatherNodesOrder: split outputs are gathered again, the last one first."""
        name = self._pipeline.name
        end = self._pipeline.nodes[-1]
        start: tuple[frozenset[str], ...] = (end.gathers,) if end.gathers else ()
        pending: list[tuple[str, tuple[frozenset[str], ...]]] = [(EXIT, start)]
        visited: dict[str, tuple[frozenset[str], ...]] = {}
        while pending:
            current, stack = pending.pop()
            node = self._pipeline.node(current)
            for other_name in () if node is None else node.sources():
                other = self._pipeline.node(other_name)
                if other is None:
                    continue
                levels = stack
                if other.demultiply is not None:
                    if not levels:
                        line = log.NOT_GATHERED(name=name, other=other_name, node=current)
                        yield self._fault("order", other.pointer, other_name, line)
                        return
                    if other_name not in levels[-1]:
                        nodes = ", ".join(sorted(levels[-1]))
                        line = log.GATHERED_ELSEWHERE(name=name, other=other_name, nodes=nodes)
                        yield self._fault("order", other.pointer, other_name, line)
                        return
                    rest = levels[-1] - {other_name}
                    levels = (*levels[:-1], rest) if rest else levels[:-1]
                if other.gathers:
                    levels = (*levels, other.gathers)
                if other.kind == "entry" and levels:
                    nodes = ", ".join(sorted(levels[-1]))
                    line = log.GATHERED_BESIDE(name=name, nodes=nodes)
                    yield self._fault("order", self._pipeline.pointer, nodes, line)
                    return
                if other_name in visited:
                    if visited[other_name] != levels:
                        line = log.LEVELS_DIFFER(name=name, node=other_name)
                        yield self._fault("order", other.pointer, other_name, line)
                        return
                else:
                    pending.append((other_name, levels))
                    visited[other_name] = levels

    def _pointer(self, name: str) -> str:
        node = self._pipeline.node(name)
        return self._pipeline.pointer if node is None else node.pointer

    def _fault(
        self,
        kind: PipelineFaultKind,
        pointer: str,
        subject: str,
        *lines: str,
        node: PipelineNode | None = None,
        other: PipelineNode | None = None,
        needed: str = "",
        provided: str = "",
    ) -> PipelineFault:
        return PipelineFault(
            self._pipeline.name,
            pointer,
            kind,
            subject,
            lines,
            "" if node is None else node.name,
            "" if other is None else other.name,
            needed,
            provided,
        )


def _is_any(dimension: Dimension) -> bool:
    return dimension.low == ANY and dimension.high == ANY


def _fits(left: Dimension, right: Dimension) -> bool:
    """Applies ``Dimension::partiallyFitsInto``: whether both contain a common size."""
    if _is_any(left) or _is_any(right):
        return True
    return left.low <= right.high and right.low <= left.high


def _shape_text(shape: Sequence[Dimension]) -> str:
    """Returns a shape as the server writes it: ``(1,3,-1)``."""
    return "(" + ",".join(str(dimension) for dimension in shape) + ")"
