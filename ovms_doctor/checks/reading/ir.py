"""Codes of an IR's .xml: its version, its syntax, and whether its layers fit together."""

from __future__ import annotations

from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.openvino_log import RUNTIME_TEXT, UNREADABLE

IR_VERSION_UNSUPPORTED = Code(
    code="OVD311",
    name="ir-version-unsupported",
    severity="error",
    summary="The IR has a version that OpenVINO does not read: it reads 10 and 11",
    remedy=("Convert the original model again with a current OpenVINO (ovc or openvino.convert_model)."),
    log=(
        server_log.READ_FAILED,
        *UNREADABLE,
        'node <net> has attribute "version" = {version} which is not an unsigned 64 bit integer',
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD301",),
    example=Example('<net name="m" version="6">', '<net name="m" version="11">'),
)

XML_MALFORMED = Code(
    code="OVD312",
    name="xml-malformed",
    severity="error",
    summary="The .xml ends too early or is damaged, and OpenVINO's XML parser refuses it",
    remedy="Copy the .xml again from a complete source.",
    log=(
        server_log.READ_FAILED,
        "Start-end tags mismatch at offset {offset}",
        "Error parsing element attribute at offset {offset}",
        "Error parsing start element tag at offset {offset}",
        "Error parsing end element tag at offset {offset}",
        "Could not determine tag type at offset {offset}",
        "Check 'res.status == pugi::status_ok' failed",
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD306", "OVD319"),
    example=Example("m/1/model.xml   ends within an element", "m/1/model.xml   ends with </net>"),
)

GRAPH_INCONSISTENT = Code(
    code="OVD316",
    name="graph-inconsistent",
    severity="error",
    summary="The .xml is well-formed, but its layers, edges or constants contradict each other",
    remedy="Export the model again. If it was edited by hand, the evidence names the layer.",
    log=(
        server_log.READ_FAILED,
        "Cannot create  layer  id:{id} from unsupported opset:",
        "Can not find output port with id {port} in layer {layer}",
        "Can not find input port with id {port} in layer {layer}",
        "has incorrect input with index {port}",
        "Attempt to access node {node} that not in graph.",
        "is missing mandatory attribute: {attribute} at offset {offset}",
        "which is not an unsigned 64 bit integer at offset {offset}",
        "Attribute and shape size are inconsistent for Const op!{sizes}",
        "While validating node {node}",
        "is inconsistent!",
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD312", "OVD341"),
    example=Example(
        '<edge from-layer="77" from-port="0" to-layer="2" to-port="0"/>   no layer 77', "exported again"
    ),
)

EMPTY_MODEL = Code(
    code="OVD317",
    name="empty-model",
    severity="warning",
    summary="The IR has no layers, or neither inputs nor outputs: OpenVINO reads it as an empty model",
    remedy="Export the model again.",
    releases="AVAILABLE until 2024.3; refused as OVD331 since 2024.4.",
    see_also=("OVD331", "OVD332"),
    example=Example('<net name="m" version="11"><layers/></net>', "exported again, with its layers"),
)

XML_TOLERATED = Code(
    code="OVD319",
    name="xml-tolerated",
    severity="info",
    summary="The .xml is not well-formed, but OpenVINO's XML parser accepts it",
    remedy="For the server, do nothing. If other tools read the file, export the model again.",
    releases=ALL_RELEASES,
    see_also=("OVD312",),
    example=Example("a blank line before <?xml", "<?xml at the very beginning"),
)


CODES = (IR_VERSION_UNSUPPORTED, XML_MALFORMED, GRAPH_INCONSISTENT, EMPTY_MODEL, XML_TOLERATED)
