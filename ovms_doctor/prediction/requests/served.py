"""The models that requests reach, from the plan of a deployment."""

from msgspec.structs import replace

from ovms_doctor.model.facts import LoadReport, Tensor
from ovms_doctor.model.parameters import ANONYMOUS, Dimension, ParsedParameters, read_dimensions
from ovms_doctor.model.plan import Attempt, ModelPlan, Plan
from ovms_doctor.model.served_models import (
    PRECISIONS,
    ServableState,
    ServedGraph,
    ServedInput,
    ServedModel,
    ServedModels,
)
from ovms_doctor.prediction.mapping import tensor_name
from ovms_doctor.prediction.paths import absolute
from ovms_doctor.prediction.requests.pipelines import served_pipelines


def served_models(plan: Plan, working_directory: str = "/") -> ServedModels:
    """Returns the models that a request reaches right after start-up."""
    models: list[ServedModel] = []
    graphs: list[ServedGraph] = []
    defaults: list[tuple[str, int]] = []
    names: set[str] = set()
    for item in plan.models:
        name = item.entry.name
        if item.kind != "classic":
            state: ServableState = "not_loaded" if item.graph is not None else "available"
            kind = "generative" if item.kind == "generative" else "graph"
            graphs.append(ServedGraph(name, kind, state))  # type: ignore[arg-type]
            continue
        names.add(name)
        models += _versions(item, working_directory)
        if item.served:
            # The newest available version is the default one (`Model::updateDefaultVersion`).
            defaults.append((name, max(item.served)))
    served = ServedModels(tuple(models), tuple(defaults), tuple(graphs), frozenset(names))
    return replace(served, graphs=(*served.graphs, *served_pipelines(plan.pipelines, served)))


def _versions(plan: ModelPlan, working_directory: str) -> list[ServedModel]:
    models = []
    for version in plan.versions:
        if version.now is None or version.attempt is None:
            continue
        states: dict[str, ServableState] = {
            "AVAILABLE": "available",
            "END": "retired",
            "UNLOADING": "retired",
        }
        state = states.get(version.now.state, "not_loaded")
        model = ServedModel(plan.entry.name, version.version, state=state, known=False)
        if state == "available":
            model = _available(model, version.attempt, plan.parameters, working_directory)
        models.append(model)
    return models


def _available(
    model: ServedModel, attempt: Attempt, parameters: ParsedParameters | None, working_directory: str
) -> ServedModel:
    tensors, outputs, prepared = _tensors(attempt)
    if tensors is None:
        return model
    inputs = tuple(_input(tensor, attempt, parameters, prepared=prepared) for tensor in tensors)
    if any(item is None for item in inputs):
        return model
    served = tuple(item for item in inputs if item is not None)
    path = "" if attempt.model_file is None else absolute(attempt.model_file, working_directory)
    return ServedModel(
        model.name,
        model.version,
        served,
        tuple(attempt.names.alias("output", tensor_name(item)) or tensor_name(item) for item in outputs),
        parameters is not None and parameters.batch_auto,
        "available",
        path,
        initial=served,
        layouts=_model_layouts(served, parameters),
    )


def _tensors(attempt: Attempt) -> tuple[tuple[Tensor, ...] | None, tuple[Tensor, ...], bool]:
    """Returns inputs and outputs, and whether shape, batch and layout are already applied to them."""
    report = attempt.report
    if isinstance(report, LoadReport) and report.outcome == "ok":
        if report.prepared_inputs:
            return report.prepared_inputs, report.outputs, True
        return report.inputs, report.outputs, False
    inspection = attempt.inspection
    if inspection is None or inspection.inputs is None:
        return None, (), False
    return inspection.inputs, inspection.outputs or (), False


def _input(
    tensor: Tensor, attempt: Attempt, parameters: ParsedParameters | None, *, prepared: bool
) -> ServedInput | None:
    real = tensor_name(tensor)
    name = attempt.names.alias("input", real) or real
    shape = read_dimensions(tensor.shape)
    if shape is None:
        return None
    layout = "N..." if shape else "..."
    auto = False
    if parameters is not None:
        pair = parameters.layout or dict(parameters.layouts).get(name)
        layout = pair.tensor if pair is not None and pair.tensor else layout
        shapes = dict(parameters.shapes)
        configured = shapes.get(name) or shapes.get(ANONYMOUS)
        auto = configured is not None and configured.auto
        if not prepared:
            shape = _configured(shape, name, layout, parameters)
    precision = PRECISIONS.get(tensor.element_type, "UNDEFINED")
    return ServedInput(name, real, precision, shape, layout, auto)


def _configured(
    shape: tuple[Dimension, ...], name: str, layout: str, parameters: ParsedParameters
) -> tuple[Dimension, ...]:
    """Returns the shape as configured, if OpenVINO did not apply the parameters."""
    pair = parameters.layout or dict(parameters.layouts).get(name)
    if pair is not None and pair.is_set and len(pair.tensor) == len(pair.model) == len(shape):
        shape = tuple(
            shape[pair.model.index(letter)] if letter in pair.model else shape[index]
            for index, letter in enumerate(pair.tensor)
        )
    if parameters.batch is not None:
        index = layout.find("N")
        if 0 <= index < len(shape):
            return (*shape[:index], parameters.batch, *shape[index + 1 :])
        return shape
    shapes = dict(parameters.shapes)
    configured = shapes.get(name) or shapes.get(ANONYMOUS)
    return configured.dimensions if configured is not None and configured.dimensions else shape


def _model_layouts(
    inputs: tuple[ServedInput, ...], parameters: ParsedParameters | None
) -> tuple[tuple[str, str, str], ...]:
    if parameters is None:
        return ()
    rows = []
    for item in inputs:
        pair = parameters.layout or dict(parameters.layouts).get(item.name)
        if pair is not None:
            rows.append((item.model_name, pair.tensor, pair.model))
    return tuple(rows)
