"""Further data of a pod on one of its containers: user, limits, probes, ports, state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from ovms_doctor.inputs.engine_values import RefusedValueError, first_open_port
from ovms_doctor.inputs.kubernetes.documents import quantity
from ovms_doctor.inputs.kubernetes.environment import ManifestObjects
from ovms_doctor.inputs.untyped import objects, string, table, whole
from ovms_doctor.model.container import ContainerLimits, ContainerState, Probe, PublishedPort
from ovms_doctor.model.redaction import redact_message

_PROBES: tuple[tuple[str, Literal["startup", "readiness", "liveness"]], ...] = (
    ("startupProbe", "startup"),
    ("readinessProbe", "readiness"),
    ("livenessProbe", "liveness"),
)
#: The option of a container that must not run as root.
NON_ROOT = "runAsNonRoot"
#: Characters of a message of the kubelet, or of a container's last lines.
_LONGEST_MESSAGE = 4000


class Security(Struct, frozen=True):
    """The merged security contexts of pod and container; the fields are the Container's."""

    #: User as ``uid`` or ``uid:gid``; empty for the image's own.
    user: str
    #: Supplementary groups.
    groups: tuple[str, ...]
    #: The pod's fsGroup.
    fs_group: int | None
    #: Whether the root file system is read-only.
    read_only_root: bool
    #: Whether the container is privileged.
    privileged: bool
    #: Dropped capabilities.
    dropped: tuple[str, ...]
    #: The first port that needs no capability, if it is set.
    first_open_port: int | None
    #: Further options.
    options: tuple[str, ...]


def read_security(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Security:
    """Returns the security context; the container's overrides the pod's.

    ``user`` is ``uid`` or ``uid:gid``, empty for the image's own user; with a group but no user it is the image's
    user, ``ovms``.
    """
    of_pod, own = table(pod, "securityContext"), table(container, "securityContext")
    merged = {**of_pod, **own}
    uid, gid = whole(merged, "runAsUser"), whole(merged, "runAsGroup")
    user = "" if uid is None else str(uid)
    if gid is not None:
        user = f"{user or 'ovms'}:{gid}"
    listed = of_pod.get("supplementalGroups")
    groups = (
        [item for item in listed if isinstance(item, int) and not isinstance(item, bool)]
        if isinstance(listed, list)
        else []
    )
    drop = table(own, "capabilities").get("drop")
    options = []
    if merged.get("runAsNonRoot") is True:
        options.append(NON_ROOT)
    if own.get("allowPrivilegeEscalation") is False:
        options.append("no-new-privileges")
    for key in ("user", "role", "type", "level"):
        value = string(table(merged, "seLinuxOptions"), key)
        if value:
            options.append(f"label={key}:{value}")
    for key, name in (("seccompProfile", "seccomp"), ("appArmorProfile", "apparmor")):
        kind = string(table(merged, key), "type")
        if kind:
            options.append(f"{name}={string(table(merged, key), 'localhostProfile') or kind}")
    for key in ("fsGroupChangePolicy", "supplementalGroupsPolicy"):
        if string(of_pod, key):
            options.append(f"{key}={string(of_pod, key)}")
    return Security(
        user,
        tuple(str(group) for group in groups),
        whole(of_pod, "fsGroup"),
        own.get("readOnlyRootFilesystem") is True,
        own.get("privileged") is True,
        tuple(item for item in drop if isinstance(item, str)) if isinstance(drop, list) else (),
        first_open_port(f"{string(item, 'name')}={item.get('value')}" for item in objects(of_pod, "sysctls")),
        tuple(options),
    )


# -- limits --------------------------------------------------------------------------------------------


def read_limits(
    pod: Mapping[str, Any], container: Mapping[str, Any], *, live: bool
) -> tuple[ContainerLimits, tuple[str, ...]]:
    """Returns the limits, and the names of the requested devices.

    A pod's own limits apply if its container has none; without a request, the limit is the request too. ``live``:
    whether it was read from the cluster, so that the defaults of the namespace (LimitRange) are included. Raises
    RefusedValueError for an amount that is not a quantity.
    """
    limits = table(container, "resources", "limits")
    requests = table(container, "resources", "requests")
    pod_limits = table(pod, "resources", "limits")
    memory = _least(_amount(limits, "memory"), _amount(pod_limits, "memory"))
    cpus = _least(_amount(limits, "cpu"), _amount(pod_limits, "cpu"))
    request = _amount(requests, "memory") if "memory" in requests else memory
    devices = []
    for name, value in {**requests, **limits}.items():
        own = "/" in name and not name.startswith(("kubernetes.io/", "requests."))
        if own and quantity(value):
            devices.append(name)
    for claim in objects(table(container, "resources"), "claims"):
        devices.append(f"claim:{string(claim, 'name')}")
    made = ContainerLimits(
        memory=math.ceil(memory) if memory else None,
        memory_request=math.ceil(request) if request else None,
        cpus=cpus if cpus else None,
        complete=live or bool(cpus),
    )
    return made, tuple(devices)


def _amount(resources: Mapping[str, Any], name: str) -> float | None:
    value = resources.get(name)
    if value is None:
        return None
    found = quantity(value)
    if found is None:
        raise RefusedValueError(
            f"the amount of {name} is not a quantity, such as {'500m' if name == 'cpu' else '2Gi'}"
        )
    # Whole bytes are kept exact: a float has 53 bits.
    return float(found) if name == "cpu" else math.ceil(found)


def _least(first: float | None, second: float | None) -> float | None:
    """Returns the lower one; 0 means no limit."""
    known = [value for value in (first, second) if value]
    return min(known) if known else None


# -- ports and probes ----------------------------------------------------------------------------------


def port_number(value: Any, container: Mapping[str, Any]) -> int | None:
    """Returns a port from its number, or from the name of one of the container's ports."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 < value < 65536 else None
    for entry in objects(container, "ports"):
        if isinstance(value, str) and value and string(entry, "name") == value:
            return port_number(entry.get("containerPort"), {})
    return None


def read_ports(
    container: Mapping[str, Any], manifest: ManifestObjects, labels: Mapping[str, Any], namespace: str
) -> tuple[PublishedPort, ...]:
    """Returns the ports of the node (hostPort), and those of the services in the file whose labels match this pod:
    their ``address`` is the service's name and ``host`` its own port."""
    found = []
    for entry in objects(container, "ports"):
        number, host = port_number(entry.get("containerPort"), {}), port_number(entry.get("hostPort"), {})
        if number is not None and host is not None:
            protocol = string(entry, "protocol").lower() or "tcp"
            found.append(PublishedPort(number, host, string(entry, "hostIP"), protocol))
    for service in manifest.all("Service"):
        metadata, selector = table(service, "metadata"), table(service, "spec", "selector")
        own = string(metadata, "namespace")
        if not selector or (own and namespace and own != namespace):
            continue
        if any(labels.get(key) != value for key, value in selector.items()):
            continue
        for entry in objects(table(service, "spec"), "ports"):
            port = port_number(entry.get("port"), {})
            number = port_number(entry.get("targetPort", port), container)
            if number is not None:
                protocol = string(entry, "protocol").lower() or "tcp"
                found.append(PublishedPort(number, port, string(metadata, "name"), protocol))
    return tuple(dict.fromkeys(found))


def read_probes(container: Mapping[str, Any], problems: list[str]) -> tuple[Probe, ...]:
    """Returns the probes, with the defaults of Kubernetes (core/v1: every 10 s, 1 s to answer,
    3 failures; http: path /, scheme HTTP)."""
    found = []
    for key, kind in _PROBES:
        probe = table(container, key)
        for action, method in _METHODS.items():
            if action not in probe:
                continue
            target = table(probe, action)
            port = port_number(target.get("port"), container) if method != "exec" else None
            if port is None and method != "exec":
                problems.append(
                    f"The port of the {kind} probe, {_name_text(target.get('port'))}, is not a port that "
                    "the container names."
                )
            found.append(
                Probe(
                    kind,
                    method,
                    port,
                    (string(target, "path").partition("?")[0] or "/") if method == "http" else "",
                    whole(probe, "initialDelaySeconds") or 0,
                    whole(probe, "periodSeconds") or 10,
                    whole(probe, "failureThreshold") or 3,
                    whole(probe, "timeoutSeconds") or 1,
                    string(target, "scheme") or "HTTP",
                )
            )
            break
    return tuple(found)


_METHODS: Mapping[str, Literal["http", "tcp", "grpc", "exec"]] = {
    "httpGet": "http",
    "tcpSocket": "tcp",
    "grpc": "grpc",
    "exec": "exec",
}


def _name_text(value: Any) -> str:
    return value if isinstance(value, str) and value else "which is not given"


# -- the state -----------------------------------------------------------------------------------------


def read_state(status: Mapping[str, Any], name: str) -> tuple[ContainerState | None, str]:
    """Returns the state of the container, and its id; None if the pod has no status, or none of this container."""
    entry = next(
        (item for item in objects(status, "containerStatuses") if string(item, "name") == name), None
    )
    failed = string(status, "reason") if string(status, "phase") == "Failed" else ""
    if entry is None:
        if failed:
            return ContainerState("terminated", reason=failed, message=_message(status)), ""
        return _unscheduled(status), ""
    states = table(entry, "state")
    word = next((key for key in ("terminated", "running", "waiting") if key in states), "waiting")
    now, last = table(states, word), table(entry, "lastState", "terminated")
    ended = word == "terminated"
    reason = string(now, "reason")
    return (
        ContainerState(
            "terminated" if failed else word,
            whole(now, "exitCode") if ended else None,
            reason == "OOMKilled" if ended else None,
            failed or reason,
            _message(status if failed else now),
            string(now, "startedAt"),
            string(now, "finishedAt"),
            whole(entry, "restartCount") or 0,
            last_exit_code=whole(last, "exitCode"),
            last_reason=string(last, "reason"),
            last_finished_at=string(last, "finishedAt"),
        ),
        string(entry, "containerID").rpartition("://")[2],
    )


def _unscheduled(status: Mapping[str, Any]) -> ContainerState | None:
    for condition in objects(status, "conditions"):
        if string(condition, "type") == "PodScheduled" and string(condition, "status") == "False":
            return ContainerState("waiting", reason=string(condition, "reason"), message=_message(condition))
    return None


def _message(value: Mapping[str, Any]) -> str:
    return redact_message(string(value, "message"))[:_LONGEST_MESSAGE]


def before_it(status: Mapping[str, Any], pod: Mapping[str, Any]) -> list[str]:
    """Returns one sentence for each init container of the pod that does not end. Containers that restart always run
    in parallel with the others on purpose."""
    beside = {
        string(item, "name")
        for item in objects(pod, "initContainers")
        if item.get("restartPolicy") == "Always"
    }
    found = []
    for entry in objects(status, "initContainerStatuses"):
        name, state = string(entry, "name"), table(entry, "state")
        if name in beside:
            continue
        ended, waiting = table(state, "terminated"), table(state, "waiting")
        if ended and whole(ended, "exitCode"):
            found.append(
                f"The init container {name} ended with code {ended['exitCode']}: the server has not started."
            )
        elif string(waiting, "reason") not in ("", "PodInitializing"):
            found.append(
                f"The init container {name} waits, with {string(waiting, 'reason')}: the server has not "
                "started."
            )
    return found
