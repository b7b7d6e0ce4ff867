"""The server itself: files, libraries, and the image around it."""

from __future__ import annotations

from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

UNLOAD_FAILS = Code(
    code="OVD845",
    name="unload-fails",
    severity="warning",
    summary="A model, or a copy of one, cannot be removed",
    remedy="The message names the path and the reason; a restart frees what is left in memory.",
    releases=ALL_RELEASES,
    see_also=("OVD846",),
    example=Example("a read-only /tmp", "a /tmp that the server's user may write into"),
)

TEMPORARY_DIRECTORY_FAILS = Code(
    code="OVD846",
    name="temporary-directory-fails",
    severity="error",
    summary="The server cannot make a temporary file or directory",
    remedy="Give the server a /tmp that its user may write into, with free space for the model.",
    releases=ALL_RELEASES,
    see_also=("OVD724",),
    example=Example("docker run --read-only …", "docker run --read-only --tmpfs /tmp …"),
)

LIBRARY_MISSING = Code(
    code="OVD861",
    name="server-library-missing",
    severity="error",
    summary="A shared library of the server itself is missing",
    remedy=(
        "Run the server with the libraries of its package: LD_LIBRARY_PATH must name their "
        "directory, and packages of the operating system that the documentation lists must be "
        "installed."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD355",),
    example=Example(
        "/opt/ovms/bin/ovms                      without LD_LIBRARY_PATH",
        "LD_LIBRARY_PATH=/opt/ovms/lib /opt/ovms/bin/ovms",
    ),
)

IMAGE_NOT_PULLED = Code(
    code="OVD865",
    name="image-not-pulled",
    severity="error",
    summary="The container engine cannot get the image",
    remedy="Correct the image's name and tag, or the credentials for its registry.",
    releases=ALL_RELEASES,
    see_also=("OVD713",),
    example=Example("image: openvino/model_server:2026.9", "image: openvino/model_server:2026.3"),
)

CODES = (
    UNLOAD_FAILS,
    TEMPORARY_DIRECTORY_FAILS,
    LIBRARY_MISSING,
    IMAGE_NOT_PULLED,
)
