"""Entries on mapping_config.json."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

MAPPING_INVALID = Code(
    code="OVD461",
    name="mapping-invalid",
    severity="warning",
    summary="mapping_config.json is not JSON, or not what the server expects in it",
    remedy=(
        "Put nothing but inputs and outputs in it, each an object of texts, the model's name first; "
        "no byte order mark. The file alone is not looked at again: it counts when the version is "
        "loaded, so change the model's configuration too, or start the server again."
    ),
    log=(
        log.MAPPING_INVALID,
        log.MAPPING_NOT_JSON_OLD,
        log.CONFIG_SCHEMA,
        "Error while parsing model mapping for model",
    ),
    recovers="config_change",
    releases=("Until 2022.3 each half was judged by itself, and values that are no texts were let through."),
    see_also=("OVD204", "OVD464"),
    example=Example('{"inputs": {"x": 5}}', '{"inputs": {"x": "image"}}'),
)

MAPPING_UNKNOWN_TENSOR = Code(
    code="OVD462",
    name="mapping-unknown-tensor",
    severity="warning",
    summary="mapping_config.json maps a tensor that the model does not have",
    remedy=(
        "Write the model's own name to the left, the first of them where it has several. The file "
        "alone is not looked at again: it counts when the version is loaded, so change the model's "
        "configuration too, or start the server again."
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD425", "OVD461"),
    example=Example('{"inputs": {"image": "x"}}', '{"inputs": {"x": "image"}}'),
)

MAPPING_NAME_SHARED = Code(
    code="OVD463",
    name="mapping-name-shared",
    severity="warning",
    summary="mapping_config.json gives several tensors one name",
    remedy=(
        "Give each tensor a name of its own. The file alone is not looked at again: it counts when "
        "the version is loaded, so change the model's configuration too, or start the server again."
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD462", "OVD461"),
    example=Example('{"inputs": {"a": "in", "b": "in"}}', '{"inputs": {"a": "in_a", "b": "in_b"}}'),
)

MAPPING_INCOMPLETE = Code(
    code="OVD464",
    name="mapping-incomplete",
    severity="info",
    summary="mapping_config.json has no inputs, or no outputs",
    remedy="Nothing, if that is meant; an empty object for the missing half silences the warning.",
    log=(log.MAPPING_HALF,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD461",),
    example=Example('{"inputs": {"x": "image"}}', '{"inputs": {"x": "image"}, "outputs": {}}'),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "mapping": (
        MAPPING_INVALID,
        MAPPING_UNKNOWN_TENSOR,
        MAPPING_NAME_SHARED,
        MAPPING_INCOMPLETE,
    ),
}
