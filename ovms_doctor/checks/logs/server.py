"""The server itself: ports, files, libraries, and the container engine around it."""

from __future__ import annotations

from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

PORT_IN_USE = Code(
    code="OVD801",
    name="port-in-use",
    severity="error",
    summary="A port that the server is to open is taken",
    remedy=(
        "Stop the process that listens there, or give the server another port. A server that was not"
        " stopped is often the one that listens."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD802", "OVD803"),
    example=Example(
        "ovms --port 9000 …                 while another process listens on 9000", "ovms --port 9001 …"
    ),
)

ADDRESS_NOT_LOCAL = Code(
    code="OVD802",
    name="address-not-local",
    severity="error",
    summary="The address that the server is to bind is none of its host",
    remedy=(
        "Leave --grpc_bind_address and --rest_bind_address out, or name an address that the server's"
        " host or container has."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD801",),
    example=Example("ovms --grpc_bind_address 203.0.113.7 …", "ovms --grpc_bind_address 0.0.0.0 …"),
)

PORT_NOT_PERMITTED = Code(
    code="OVD803",
    name="port-not-permitted",
    severity="error",
    summary="The server's user has no right to open a port below 1024",
    remedy=(
        "Take a port from 1024 on, and publish it under the low number if that is wanted, or give "
        "the container the capability NET_BIND_SERVICE."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD801",),
    example=Example("docker run … --port 81", "docker run -p 81:9000 … --port 9000"),
)

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
    remedy="Give the server a /tmp that its user may write into, with room for the model.",
    releases=ALL_RELEASES,
    see_also=("OVD724",),
    example=Example("docker run --read-only …", "docker run --read-only --tmpfs /tmp …"),
)

LOG_FILE_NOT_WRITABLE = Code(
    code="OVD847",
    name="log-file-not-writable",
    severity="error",
    summary="The file of --log_path cannot be written: the server ends over it",
    remedy=(
        "Name a path that the server's user may write to, or leave --log_path out: the log goes to "
        "standard output anyway."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD201",),
    example=Example("--log_path /var/log/ovms.log            as uid 5000", "--log_path /tmp/ovms.log"),
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

ENGINE_PORT_TAKEN = Code(
    code="OVD862",
    name="engine-port-taken",
    severity="error",
    summary="The container engine cannot publish a port: the host's port is taken",
    remedy=(
        "Publish another port of the host, or stop what listens there; docker ps shows containers "
        "that publish it."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD801",),
    example=Example(
        "docker run -p 9000:9000 …               while another container publishes 9000",
        "docker run -p 9100:9000 …",
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
    PORT_IN_USE,
    ADDRESS_NOT_LOCAL,
    PORT_NOT_PERMITTED,
    UNLOAD_FAILS,
    TEMPORARY_DIRECTORY_FAILS,
    LOG_FILE_NOT_WRITABLE,
    LIBRARY_MISSING,
    ENGINE_PORT_TAKEN,
    IMAGE_NOT_PULLED,
)
