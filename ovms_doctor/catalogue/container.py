"""Entries on what a container's set-up gets wrong: mounts, ports, labels, ids and the image."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import Code, Example

MOUNT_EMPTY = Code(
    code="OVD716",
    name="mount-empty",
    severity="error",
    summary="The directory that is mounted for the models is empty",
    remedy="Mount the directory that has the models; look for a letter that is wrong in its path.",
    recovers="next_poll",
    releases="The same in all releases.",
    see_also=("OVD101", "OVD106"),
    example=Example(
        "docker run -v /srv/modles:/models …\n/srv/modles/   made by the engine, empty",
        "docker run -v /srv/models:/models …",
    ),
)

MOUNT_HIDES_MODELS = Code(
    code="OVD718",
    name="mount-hides-models",
    severity="error",
    summary="A volume or tmpfs lies over the models and hides them",
    remedy="Take that mount out, or put it somewhere else.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD106", "OVD716"),
    example=Example(
        "docker run -v /srv/models:/models --tmpfs /models/m … --model_path /models/m",
        "docker run -v /srv/models:/models … --model_path /models/m",
    ),
)

PORT_PUBLISHED_NOT_LISTENING = Code(
    code="OVD721",
    name="port-published-not-listening",
    severity="warning",
    summary="A port is published on which the server does not listen",
    remedy=("Publish the port that the server listens on, or let it listen on the one that is published."),
    recovers="restart",
    releases="Without --port gRPC listens on 9178 until 2025.0, and not at all since.",
    see_also=("OVD712",),
    example=Example(
        "docker run -p 9000:9000 … --rest_port 8000", "docker run -p 8000:8000 … --rest_port 8000"
    ),
)

SELINUX_LABEL_MISSING = Code(
    code="OVD722",
    name="selinux-label-missing",
    severity="warning",
    summary="SELinux keeps the server out of a mount that has no label for containers",
    remedy=("Mount with z (shared by containers) or Z (this one alone), or label the files with chcon."),
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD106", "OVD201"),
    example=Example("docker run -v /srv/models:/models …", "docker run -v /srv/models:/models:z …"),
)

USER_NAMESPACE = Code(
    code="OVD723",
    name="user-namespace",
    severity="info",
    summary="The server's user is another one on the host",
    remedy="Give the rights to the ids of the host.",
    releases="The same in all releases.",
    see_also=("OVD201", "OVD202", "OVD203"),
    example=Example(
        "uid 5000 in the container is uid 105000 on the host\ndrwx------ 5000 5000 /srv/models",
        "drwx------ 105000 105000 /srv/models",
    ),
)

READ_ONLY_WITHOUT_TMP = Code(
    code="OVD724",
    name="read-only-without-tmp",
    severity="error",
    summary="The root file system is read-only, and there is no /tmp to download models into",
    remedy="Add a tmpfs, or a volume with room for the models, at /tmp.",
    log=(log.NO_TEMPORARY,),
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD501", "OVD621"),
    example=Example(
        "docker run --read-only … --model_path s3://bucket/m",
        "docker run --read-only --tmpfs /tmp … --model_path s3://bucket/m",
    ),
)

IMAGE_LATEST_IS_OLD = Code(
    code="OVD726",
    name="image-latest-is-old",
    severity="info",
    summary="The image is tagged latest, and holds an old release",
    remedy="Name a release in the tag, or pull again.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD728",),
    example=Example("openvino/model_server:latest   pulled two years ago", "openvino/model_server:2026.3"),
)

IMAGE_WITHOUT_DRIVER = Code(
    code="OVD728",
    name="image-without-driver",
    severity="warning",
    summary="A model is meant for a GPU or NPU, and the image has no driver for it",
    remedy="Take the image whose tag ends in -gpu.",
    recovers="restart",
    releases="Images since 2023.1 say in their label supported-devices what they have drivers for.",
    see_also=("OVD432", "OVD731", "OVD732"),
    example=Example(
        "docker run openvino/model_server:2026.3 … --target_device GPU",
        "docker run openvino/model_server:2026.3-gpu … --target_device GPU",
    ),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "container": (
        MOUNT_EMPTY,
        MOUNT_HIDES_MODELS,
        PORT_PUBLISHED_NOT_LISTENING,
        SELINUX_LABEL_MISSING,
        USER_NAMESPACE,
        READ_ONLY_WITHOUT_TMP,
        IMAGE_LATEST_IS_OLD,
        IMAGE_WITHOUT_DRIVER,
    ),
}
