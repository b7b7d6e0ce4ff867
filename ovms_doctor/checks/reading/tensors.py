"""Models that the server refuses for their inputs and outputs."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import NoTensors
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.openvino_log import WITHOUT_NAMES
from ovms_doctor.model.plan import Attempt, ModelPlan

NO_INPUTS = Code(
    code="OVD331",
    name="no-inputs",
    severity="error",
    summary="The model has no inputs, and the server serves no such model",
    remedy=(
        "Export the model with its inputs. If the file is an empty Paddle model or an IR without "
        "layers, copy it again."
    ),
    log=(
        server_log.NO_INPUTS,
        server_log.INPUT_TENSORS,
    ),
    recovers="next_poll",
    releases="Since 2024.4. Before, such a model becomes AVAILABLE.",
    see_also=("OVD332", "OVD317", "OVD305"),
    example=Example("a model without Parameter", "a model with a named Parameter"),
)

NO_OUTPUTS = Code(
    code="OVD332",
    name="no-outputs",
    severity="error",
    summary="The model has no outputs, and the server serves no such model",
    remedy="Export the model with its outputs.",
    log=(
        server_log.NO_OUTPUTS,
        server_log.OUTPUT_TENSORS,
    ),
    recovers="next_poll",
    releases="Since 2024.4. Before, such a model becomes AVAILABLE.",
    see_also=("OVD331", "OVD317"),
    example=Example("a model without Result", "a model with a Result"),
)

UNNAMED_TENSOR = Code(
    code="OVD333",
    name="unnamed-tensor",
    severity="error",
    summary="An input or output of the model has no name",
    remedy="Name the tensors before the model is saved: model.inputs[0].tensor.set_names({'x'}).",
    log=(
        server_log.LAYOUT_REFUSED,
        server_log.LAYOUT_FAILED,
        server_log.LAYOUT_FAILED_OLD,
        server_log.INPUT_TENSORS,
        server_log.OUTPUT_TENSORS,
        "Failed to get input name for model",
        WITHOUT_NAMES,
    ),
    recovers="next_poll",
    releases="Since 2025.0 the server names outputs without a name out_0, out_1 …, and only inputs matter.",
    see_also=("OVD331", "OVD332", "OVD430"),
    example=Example("an input without names", "model.inputs[0].tensor.set_names({'x'})"),
)


CODES = (NO_INPUTS, NO_OUTPUTS, UNNAMED_TENSOR)
_MESSAGES = {
    "inputs": (NO_INPUTS, "The model has no inputs, and this release serves no such model"),
    "outputs": (NO_OUTPUTS, "The model has no outputs, and this release serves no such model"),
    "unnamed input": (UNNAMED_TENSOR, "An input of the model has no name"),
    "unnamed output": (UNNAMED_TENSOR, "An output of the model has no name, which this release needs"),
}


def check(context: Context, model: ModelPlan, attempt: Attempt, cause: NoTensors) -> Finding:
    """Returns the finding on a version that OpenVINO reads and the server refuses afterwards."""
    code, message = _MESSAGES[cause.side]
    return context.of_attempt(code, message, model, attempt, path=cause.path)
