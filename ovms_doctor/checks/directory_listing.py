"""The code for a directory that cannot be listed, which the checks of layout and of permissions report."""

from __future__ import annotations

from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.openvino_log import LINK_LOOP

DIRECTORY_LISTING_FAILS = Code(
    code="OVD110",
    name="directory-listing-fails",
    severity="error",
    summary="The model's directory holds a link in a loop, or a link into a directory that cannot be entered",
    remedy="Remove the link, or change its destination to one that the server's user can reach.",
    log=(
        server_log.CANNOT_LIST,
        server_log.CANNOT_CHECK_DIRECTORY,
        server_log.LOAD_THREW,
        LINK_LOOP,
    ),
    recovers="next_poll",
    releases=(
        "In the model's directory the same in all releases. In a version directory since 2025.1; "
        "before, the link matters only if its name is that of a model file."
    ),
    see_also=("OVD201", "OVD202"),
    example=Example("m/1/\nm/loop -> loop", "m/1/"),
)
