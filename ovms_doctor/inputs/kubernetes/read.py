"""Reads a container from a Kubernetes manifest, or from kubectl's output on an existing pod."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.command import ServerCommand, server_command
from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.inputs.image import release_of
from ovms_doctor.inputs.kubernetes.documents import read_documents, refuse_template
from ovms_doctor.inputs.kubernetes.environment import (
    ManifestObjects,
    PodEnvironment,
    read_command,
    read_environment,
    script_variables,
)
from ovms_doctor.inputs.kubernetes.pod import (
    NON_ROOT,
    before_it,
    port_number,
    read_limits,
    read_ports,
    read_probes,
    read_security,
    read_state,
)
from ovms_doctor.inputs.kubernetes.volumes import read_files, read_mounts, shared_memory
from ovms_doctor.inputs.kubernetes.workloads import KSERVE_CONTAINER, Workload, find_workloads, placeholders
from ovms_doctor.inputs.redacted_container import without_secrets
from ovms_doctor.inputs.untyped import objects, string
from ovms_doctor.model.container import Container, ContainerMount, PublishedPort
from ovms_doctor.model.environment import variables
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.redaction import redact_arguments

_IMAGE = lazy_pattern(r"model[-_]?server|ovms|openvino", re.IGNORECASE)
_OPTION = lazy_pattern(
    r"--(model_path|model_name|config_path|rest_port|model_repository_path|source_model)\b"
)
#: KServe sends requests here if the container names no port.
_KSERVE_PORT = 8080
#: An annotation of Open Data Hub's serving runtimes.
_RUNTIME_VERSION = "opendatahub.io/runtime-version"
_VERSION = lazy_pattern(r"v?(20\d\d\.\d(?:\.\d){0,2})")
_SHOWN = 20


class _Choice(Struct, frozen=True):
    workload: Workload
    container: dict[str, Any]

    @property
    def name(self) -> str:
        return string(self.container, "name")

    @property
    def title(self) -> str:
        return f"{self.workload.title}/{self.name}" if self.name else self.workload.title


def read_kubernetes(text: str, *, source_name: str, container: str | None = None) -> Container:
    """Returns the container that runs OVMS, of a manifest (YAML or JSON, one or more documents) or of a pod in the
    output of ``kubectl get pod -o json``.

    Raises DocumentError for a document that is not a manifest, that has no such container, or that Kubernetes would
    refuse. The result's ``id`` is the container's, for a pod without one the pod's uid.

    ``source_name``: the name of the file.
    ``container``: the name of the container, if several are possible.
    """
    documents = read_documents(text, source_name)
    if not any(string(document, "kind") for document in documents):
        refuse_template(documents, source_name)
        raise DocumentError(f"{source_name} is not a Kubernetes manifest: no object in it has a kind")
    choices = [
        _Choice(workload, item)
        for workload in find_workloads(documents)
        for item in objects(workload.spec, "containers")
    ]
    if not choices:
        kinds = sorted({string(document, "kind") for document in documents} - {""})
        raise DocumentError(f"{source_name} describes no pod, only {_list(kinds)}")
    chosen, notes = _choose(choices, container, source_name)
    pod = chosen.workload.spec
    parts = [pod.get("volumes"), pod.get("securityContext"), chosen.container, chosen.workload.name]
    refuse_template(parts, source_name)
    try:
        return without_secrets(_read(chosen, ManifestObjects(documents), source_name, notes))
    except RefusedValueError as error:
        raise DocumentError(f"Kubernetes would refuse {for_message(source_name)}: {error}.") from None


# -- the choice ----------------------------------------------------------------------------------------


def _choose(choices: Sequence[_Choice], name: str | None, source_name: str) -> tuple[_Choice, list[str]]:
    """Returns the named container, else the one most similar to OVMS; of a workload and its pods a pod."""
    if name is not None:
        best = [choice for choice in choices if name in (choice.name, choice.title)]
        if not best:
            raise DocumentError(
                f"{source_name} has no container {name}, but {_list([item.title for item in choices])}"
            )
    else:
        scores = [_similarity(choice) for choice in choices]
        best = [
            choice for choice, score in zip(choices, scores, strict=True) if score and score == max(scores)
        ]
        if not best:
            raise DocumentError(
                f"{source_name} has no container that looks like OVMS: {_list([item.title for item in choices])}"
            )
    best = _not_made(best)
    if len(best) == 1:
        return best[0], []
    first = best[0]
    if len({_command_key(choice) for choice in best}) > 1:
        raise DocumentError(
            f"{source_name} has several servers, name one: {_list([item.title for item in best])}"
        )
    pods = [choice for choice in best if choice.workload.from_cluster] or best
    first = next((choice for choice in pods if _has_failed(choice)), pods[0])
    titles = [choice.workload.title for choice in best]
    return first, [f"{_list(titles)} run the same server. ovms-doctor examines {first.workload.title}."]


def _similarity(choice: _Choice) -> int:
    """Returns how similar a container is to one of OVMS; 0 for no similarity."""
    image, name = string(choice.container, "image"), choice.name
    arguments = [
        word
        for key in ("command", "args")
        if isinstance(found := choice.container.get(key), list)
        for word in found
        if isinstance(word, str)
    ]
    programs = {posixpath.basename(word) for word in arguments}
    score = 0
    if _IMAGE.search(image.rpartition("/")[2].partition("@")[0]) or re.search(r"openvino/", image):
        score += 4
    if "ovms" in programs or any("/ovms/bin/ovms" in word for word in arguments):
        score += 4
    if len({match[1] for word in arguments if (match := _OPTION.match(word))}) > 0:
        score += 4
    if not score and choice.workload.openvino and name == KSERVE_CONTAINER:
        score = 1  # its runtime is not in the file
    return score or (1 if name.lower() in ("ovms", "openvino-model-server") else 0)


def _not_made(choices: list[_Choice]) -> list[_Choice]:
    """Returns the workloads without those from which another one in the list was created: the pod is more specific
    than its deployment."""
    by_title = {choice.workload.title: choice.workload for choice in choices}
    above = set()
    for choice in choices:
        waiting = list(choice.workload.owners)
        while waiting:
            title = waiting.pop()
            if title not in above:
                above.add(title)
                waiting += by_title[title].owners if title in by_title else ()
    left = [choice for choice in choices if choice.workload.title not in above]
    return left or choices


def _command_key(choice: _Choice) -> str:
    item = choice.container
    return json.dumps(
        [item.get("name"), item.get("image"), item.get("command"), item.get("args")], sort_keys=True
    )


def _has_failed(choice: _Choice) -> bool:
    state, _ = read_state(choice.workload.status, choice.name)
    return state is not None and (state.status != "running" or bool(state.last_reason))


def _list(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - _SHOWN} more" if len(distinct) > _SHOWN else ""
    return ", ".join(distinct[:_SHOWN]) + more


# -- the container -------------------------------------------------------------------------------------


def _read(chosen: _Choice, manifest: ManifestObjects, source_name: str, notes: Sequence[str]) -> Container:
    workload, item, pod = chosen.workload, chosen.container, chosen.workload.spec
    problems = [*notes, *workload.problems]
    environment = read_environment(item, manifest, workload.namespace)
    problems += environment.problems
    image = string(item, "image")
    mounts = read_mounts(
        item,
        pod,
        manifest,
        namespace=workload.namespace,
        claims=workload.claims,
        environment=environment,
        problems=problems,
    )
    problems += _filled_before(pod, mounts)
    limits, devices = read_limits(pod, item, live=workload.from_cluster)
    security = read_security(pod, item)
    state, own_id = read_state(workload.status, chosen.name)
    problems += before_it(workload.status, pod)
    server = _server_command(item, workload, environment, image, problems)
    release, release_from = _release(image, workload)
    if not security.user and not workload.from_cluster and _of_openshift(workload, manifest):
        problems.append(
            "OpenShift gives the container its own user id. The document of the running pod shows it."
        )
        # The id is never 0: the rule is always met.
        security = replace(security, options=tuple(item for item in security.options if item != NON_ROOT))
    return Container(
        "kubernetes",
        source_name,
        name=chosen.name,
        id=own_id or workload.uid,
        engine="kubernetes",
        image=image,
        release=release,
        release_from=release_from,
        program=server.program,
        arguments=server.arguments,
        arguments_unavailable=server.unavailable,
        user=security.user,
        groups=security.groups,
        working_directory=string(item, "workingDir"),
        mounts=mounts,
        files=read_files(item, pod, manifest, workload.namespace, problems),
        ports=_ports(chosen, manifest),
        network="host" if pod.get("hostNetwork") is True else "",
        environment=variables(environment.known),
        environment_names=tuple(environment.values),
        limits=replace(limits, shared_memory=shared_memory(mounts, pod)),
        device_requests=devices,
        restart=string(pod, "restartPolicy") or "Always",
        probes=read_probes(item, problems),
        read_only_root=security.read_only_root,
        privileged=security.privileged,
        capabilities_dropped=security.dropped,
        first_open_port=security.first_open_port,
        security=security.options,
        fs_group=security.fs_group,
        state=state,
        problems=tuple(dict.fromkeys(problems)),
        siblings=_siblings(chosen),
    )


def _server_command(
    item: Mapping[str, Any],
    workload: Workload,
    environment: PodEnvironment,
    image: str,
    problems: list[str],
) -> ServerCommand:
    """Returns the server's arguments.

    ``command`` replaces the image's entrypoint, ``args`` its command; an empty list replaces nothing.
    """
    command, first = read_command(item, "command", environment)
    arguments, second = read_command(item, "args", environment)
    unknown = {**first, **second}
    if not workload.from_cluster:
        unknown |= placeholders((*command, *arguments))
    if workload.arguments_unavailable:
        return ServerCommand(redact_arguments(command), None, workload.arguments_unavailable)
    server = server_command(
        command or None,
        arguments,
        image,
        environment=script_variables(environment),
        working_directory=string(item, "workingDir") or None,
    )
    server_arguments = server.arguments
    if server_arguments is None:
        return server
    for at, word in enumerate(server_arguments):
        reason = next((text for part, text in unknown.items() if part in word), None)
        if reason is None:
            continue
        problems.append(f"A word of the command line is not known: {reason}.")
        # The server does the same for each model name; any other argument matters.
        if not (word.startswith("--model_name=") or server_arguments[at - 1 : at] == ("--model_name",)):
            return ServerCommand(server.program, None, problems[-1])
    return server


def _release(image: str, workload: Workload) -> tuple[str | None, str]:
    """Returns the release of the image; else that of the annotation of the serving runtime."""
    release, source = release_of(image, (), ())
    annotated = workload.annotations.get(_RUNTIME_VERSION)
    match = _VERSION.fullmatch(str(annotated).strip()) if isinstance(annotated, str | float) else None
    if release is None and match is not None:
        return match[1], f"the annotation {_RUNTIME_VERSION}"
    return release, source


def _of_openshift(workload: Workload, manifest: ManifestObjects) -> bool:
    names = (*workload.annotations, *workload.labels)
    groups = (string(document, "apiVersion").partition("/")[0] for document in manifest.documents)
    return any(name.startswith(("openshift.io/", "opendatahub.io/")) for name in names) or any(
        group.endswith(".openshift.io") for group in groups
    )


def _ports(chosen: _Choice, manifest: ManifestObjects) -> tuple[PublishedPort, ...]:
    """Returns the ports of services and of the node. KServe sends requests to the first port of its container."""
    workload, item = chosen.workload, chosen.container
    found = read_ports(item, manifest, workload.labels, workload.namespace)
    if found or not workload.kserve or workload.from_cluster or not _is_first(chosen):
        return found
    named = objects(item, "ports")
    number = port_number(named[0].get("containerPort"), {}) if named else _KSERVE_PORT
    return (PublishedPort(number),) if number is not None else ()


def _is_first(chosen: _Choice) -> bool:
    return objects(chosen.workload.spec, "containers")[0] is chosen.container


def _filled_before(pod: Mapping[str, Any], mounts: Sequence[ContainerMount]) -> list[str]:
    """Returns the server's volumes that an init container mounts too, and may write to."""
    found = []
    for before in objects(pod, "initContainers"):
        for entry in objects(before, "volumeMounts"):
            for mount in mounts:
                same = mount.name == string(entry, "name") and mount.kind in ("volume", "tmpfs")
                if same and entry.get("readOnly") is not True:
                    found.append(f"The init container {string(before, 'name')} fills {mount.server}.")
    return found


def _siblings(chosen: _Choice) -> tuple[str, ...]:
    pod = chosen.workload.spec
    others = [*objects(pod, "initContainers"), *objects(pod, "containers")]
    names = [string(other, "name") for other in others if other is not chosen.container]
    return tuple(dict.fromkeys((*chosen.workload.added_containers, *(name for name in names if name))))
