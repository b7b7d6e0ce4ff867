"""Entries on mapping_config.json."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import ALL
from ovms_doctor.model import server_log as log

_SERVED = "The model becomes AVAILABLE all the same"
_AGAIN = (
    " The file alone is not looked at again: it counts when the version is loaded, so change the model's "
    "configuration too, or start the server again."
)

CODES: tuple[Code, ...] = (
    Code(
        "OVD461",
        "mapping-invalid",
        "warning",
        "mapping",
        "mapping_config.json is not JSON, or not what the server expects in it",
        _SERVED + ", without any mapping: clients that use the mapped names get errors.",
        "Put nothing but inputs and outputs in it, each an object of texts, the model's name first; no byte order "
        "mark." + _AGAIN,
        "config_change",
        (log.MAPPING_INVALID, log.MAPPING_NOT_JSON_OLD, log.CONFIG_SCHEMA),
        ("Error while parsing model mapping for model",),
        releases="Until 2022.3 each half was judged by itself, and values that are no texts were let through.",
        see_also=("OVD204", "OVD464"),
    ),
    Code(
        "OVD462",
        "mapping-unknown-tensor",
        "warning",
        "mapping",
        "mapping_config.json maps a tensor that the model does not have",
        _SERVED
        + ". Nothing is logged; the entry has no effect, and the tensor that was meant keeps its name.",
        "Write the model's own name to the left, the first of them where it has several." + _AGAIN,
        "config_change",
        releases=ALL,
        see_also=("OVD425", "OVD461"),
    ),
    Code(
        "OVD463",
        "mapping-name-shared",
        "warning",
        "mapping",
        "mapping_config.json gives several tensors one name",
        _SERVED + ". Nothing is logged; only the last of them can be reached.",
        "Give each tensor a name of its own." + _AGAIN,
        "config_change",
        releases=ALL,
        see_also=("OVD462", "OVD461"),
    ),
    Code(
        "OVD464",
        "mapping-incomplete",
        "info",
        "mapping",
        "mapping_config.json has no inputs, or no outputs",
        _SERVED + ". What is not named keeps the model's own names.",
        "Nothing, if that is meant; an empty object for the missing half silences the warning.",
        "config_change",
        (log.MAPPING_HALF,),
        releases=ALL,
        see_also=("OVD461",),
    ),
)
