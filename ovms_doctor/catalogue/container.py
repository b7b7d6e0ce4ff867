"""Entries on what a container's set-up gets wrong: mounts, ports, labels, ids and the image."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.model import server_log as log

CODES: tuple[Code, ...] = (
    Code(
        "OVD716",
        "mount-empty",
        "error",
        "container",
        "The directory that is mounted for the models is empty",
        "The server looks into the mount and finds nothing. Where a path of the host is not there, docker run -v "
        "and the short form in a compose file make it, as an empty directory of root's, without a word; --mount "
        "type=bind refuses it.",
        "Mount the directory that has the models; look for a letter that is wrong in its path.",
        "next_poll",
        releases="The same in all releases.",
        see_also=("OVD101", "OVD106"),
    ),
    Code(
        "OVD718",
        "mount-hides-models",
        "error",
        "container",
        "A volume or tmpfs lies over the models and hides them",
        "Of mounts one below the other the deepest counts. A tmpfs is empty when the container starts, and so is a "
        "volume that nobody filled: what another mount has in the same place is not seen.",
        "Take that mount out, or put it somewhere else.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD106", "OVD716"),
    ),
    Code(
        "OVD721",
        "port-published-not-listening",
        "warning",
        "container",
        "A port is published on which the server does not listen",
        "The server listens for gRPC on --port and for REST on --rest_port and nowhere else; the image "
        "publishes nothing by itself. Whoever connects to the published port is refused, or cut off at once. "
        "With a bind address of the loopback, nobody outside of the container reaches a port.",
        "Publish the port that the server listens on, or let it listen on the one that is published.",
        "restart",
        releases="Without --port gRPC listens on 9178 until 2025.0, and not at all since.",
        see_also=("OVD712",),
    ),
    Code(
        "OVD722",
        "selinux-label-missing",
        "warning",
        "container",
        "SELinux keeps the server out of a mount that has no label for containers",
        "On a host that enforces SELinux a container may only read files that are labelled for it, whatever their "
        "owner and mode. To the server it looks as if the files were not there, or not to be read.",
        "Mount with z (shared by containers) or Z (this one alone), or label the files with chcon.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD106", "OVD201"),
    ),
    Code(
        "OVD723",
        "user-namespace",
        "info",
        "container",
        "The server's user is another one on the host",
        "A rootless engine, and one that remaps ids, shifts the container's users into a range of the host's. For "
        "files that are mounted the shifted ids count: uid 5000 of the image is then not uid 5000 of the host.",
        "Give the rights to the ids of the host.",
        releases="The same in all releases.",
        see_also=("OVD201", "OVD202", "OVD203"),
    ),
    Code(
        "OVD724",
        "read-only-without-tmp",
        "error",
        "container",
        "The root file system is read-only, and there is no /tmp to download models into",
        "Models in remote storage are copied into a new directory below /tmp before they are loaded. Where none can be "
        "made, no version is loaded. Podman puts a tmpfs there by itself; Docker and Kubernetes do not.",
        "Add a tmpfs, or a volume with room for the models, at /tmp.",
        "restart",
        (log.NO_TEMPORARY,),
        releases="The same in all releases.",
        see_also=("OVD501", "OVD621"),
    ),
    Code(
        "OVD726",
        "image-latest-is-old",
        "info",
        "container",
        "The image is tagged latest, and holds an old release",
        "An engine pulls latest only when it is told to: what was the newest once stays, under the same name.",
        "Name a release in the tag, or pull again.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD728",),
    ),
    Code(
        "OVD728",
        "image-without-driver",
        "warning",
        "container",
        "A model is meant for a GPU or NPU, and the image has no driver for it",
        "The drivers are in the images whose tag ends in -gpu. In the others OpenVINO finds no such device, even "
        "where the container was given its node: a model for that device alone is not loaded.",
        "Take the image whose tag ends in -gpu.",
        "restart",
        releases="Images since 2023.1 say in their label supported-devices what they have drivers for.",
        see_also=("OVD432", "OVD731", "OVD732"),
    ),
)
