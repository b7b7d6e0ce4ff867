"""The pods that a manifest describes: workloads of Kubernetes, and the pods that KServe creates from its own kinds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from ovms_doctor.inputs.untyped import objects, string, table
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import redact

#: The container into which KServe puts a model server, and the directory into which it puts the model.
KSERVE_CONTAINER = "kserve-container"
KSERVE_MODELS = "/mnt/models"
#: The directory into which ModelMesh puts the models of all InferenceServices.
_MODEL_MESH_MODELS = "/models"
_KSERVE_VOLUME = "kserve-provision-location"
#: The init container that KServe adds after all others of the pod.
_INITIALIZER = "storage-initializer"
_AUTO_VERSIONING = "storage.kserve.io/ovms-auto-versioning"
_RUNTIMES = ("ServingRuntime", "ClusterServingRuntime")
_UNFILLED = lazy_pattern(r"\{\{[^{}]*\}\}")
_PLACEHOLDER = lazy_pattern(r"\{\{\s*\.([A-Za-z]+)(?:\.([^\s{}]+))?\s*\}\}")
#: Fields of KServe's kinds in addition to a pod's own.
_FRAMEWORKS = frozenset(
    "model openvino triton tensorflow onnx pytorch sklearn xgboost lightgbm paddle pmml huggingface".split()
)


class Workload(Struct):
    """A pod, or an object from which pods are created."""

    #: Kind of the manifest's object.
    kind: str
    #: Name of the manifest's object.
    name: str
    #: The pod's specification.
    spec: dict[str, Any]
    #: Namespace; empty if none is named.
    namespace: str = ""
    #: Labels of the pods.
    labels: Mapping[str, Any] = field(default_factory=dict)
    #: Annotations of the object and of the pods.
    annotations: Mapping[str, Any] = field(default_factory=dict)
    #: Status of a pod of the cluster.
    status: Mapping[str, Any] = field(default_factory=dict)
    #: Uid of a pod of the cluster.
    uid: str = ""
    #: Whether it is a pod of the cluster.
    from_cluster: bool = False
    #: Whether KServe creates the pod.
    kserve: bool = False
    #: Why the server's arguments are unknown; empty if they are known.
    arguments_unavailable: str = ""
    #: A stateful set's own volumes, and the claims of its first pod.
    claims: Mapping[str, str] = field(default_factory=dict)
    #: The objects that created it, as ``kind/name``.
    owners: tuple[str, ...] = ()
    #: What is unknown or wrong, one sentence each.
    problems: list[str] = field(default_factory=list)
    #: Containers that KServe or ModelMesh adds to the pod.
    added_containers: tuple[str, ...] = ()
    #: Whether it is declared to serve with OpenVINO.
    openvino: bool = False

    @property
    def title(self) -> str:
        """Returns kind and name for the user."""
        return f"{self.kind}/{self.name}" if self.name else self.kind


def find_workloads(documents: Sequence[dict[str, Any]]) -> list[Workload]:
    """Returns all pods that the documents describe, in their order. A serving runtime that an InferenceService of
    the same file uses is found with that, and not alone."""
    runtimes = [document for document in documents if string(document, "kind") in _RUNTIMES]
    used: set[int] = set()
    served = {
        id(document): _inference_service(document, runtimes, used)
        for document in documents
        if string(document, "kind") == "InferenceService"
    }
    found = []
    for document in documents:
        kind = string(document, "kind")
        if kind == "ReplicaSet" and table(document, "spec").get("replicas") == 0:
            continue  # an earlier revision of a deployment
        if id(document) in served:
            made = served[id(document)]
        elif kind in _RUNTIMES:
            made = None if id(document) in used else _runtime(document)
        elif kind == "ModelServer":
            made = _operator(document)
        else:
            made = _workload(document)
        if made is not None:
            found.append(made)
    return found


def _started(document: Mapping[str, Any], spec: dict[str, Any], made: Mapping[str, Any]) -> Workload:
    """Returns the workload. ``made``: the metadata of the pods."""
    metadata = table(document, "metadata")
    owners = [
        f"{string(item, 'kind')}/{string(item, 'name')}" for item in objects(metadata, "ownerReferences")
    ]
    return Workload(
        string(document, "kind"),
        string(metadata, "name") or string(metadata, "generateName"),
        spec,
        string(metadata, "namespace"),
        table(made, "labels"),
        {**table(metadata, "annotations"), **table(made, "annotations")},
        owners=tuple(owners),
    )


def _workload(document: Mapping[str, Any]) -> Workload | None:
    """Returns the workload of a pod, or of an object with a pod's template: Deployment, Job, CronJob, Rollout,
    PodTemplate …"""
    spec = table(document, "spec")
    if string(document, "kind") == "Pod":
        made = _started(document, spec, table(document, "metadata"))
        made.status, made.uid = table(document, "status"), string(table(document, "metadata"), "uid")
        made.from_cluster = bool(made.uid or made.status)
        return made
    for template in (
        table(spec, "template"),
        table(spec, "jobTemplate", "spec", "template"),
        table(document, "template"),
    ):
        if objects(table(template, "spec"), "containers"):
            made = _started(document, table(template, "spec"), table(template, "metadata"))
            templates = (
                string(table(item, "metadata"), "name") for item in objects(spec, "volumeClaimTemplates")
            )
            made.claims = {name: f"{name}-{made.name}-0" for name in templates if name}
            return made
    return None


def _operator(document: Mapping[str, Any]) -> Workload:
    """Returns the workload of the OpenVINO operator's custom resource; the operator is no longer maintained, and
    created the pods."""
    image = string(table(document, "spec"), "image_name")
    made = _started(document, {"containers": [{"name": "ovms", "image": image}]}, {})
    made.arguments_unavailable = (
        "The OpenVINO operator makes the server's arguments from a ModelServer. The pod that it created "
        "shows them (kubectl get pod NAME -o json)."
    )
    return made


# -- KServe --------------------------------------------------------------------------------------------


def _runtime(document: Mapping[str, Any]) -> Workload | None:
    """Returns the workload of a serving runtime without an InferenceService, with its placeholders."""
    spec = table(document, "spec")
    if not objects(spec, "containers"):
        return None
    made = _started(document, dict(spec), {})
    if spec.get("multiModel") is True:
        return _model_mesh(made, spec)
    made.kserve = True
    made.spec = _with_models(made.spec, KSERVE_CONTAINER, {"name": _KSERVE_VOLUME, "emptyDir": {}}, "")
    made.problems.append(
        f"{made.title} is a template of KServe: the InferenceService that uses it names the model."
    )
    return made


def _model_mesh(made: Workload, spec: Mapping[str, Any]) -> Workload:
    """Returns a runtime for many models, which ModelMesh runs: it mounts one directory in every container of the
    pod, and its adapter fetches the models and writes the configuration there.

    Source: modelmesh-serving, controllers/modelmesh (addVolumes, addMMContainer, builtInAdapter).
    """
    volume = {"name": "models-dir", "emptyDir": {}}
    for container in objects(spec, "containers"):
        made.spec = _with_models(made.spec, string(container, "name"), volume, "", _MODEL_MESH_MODELS)
    adapter = string(table(spec, "builtInAdapter"), "serverType")
    made.added_containers = (*([f"{adapter}-adapter"] if adapter else []), "mm")
    made.problems.append(
        f"ModelMesh runs {made.title}: it copies models and configuration into {_MODEL_MESH_MODELS} while "
        "the pod runs."
    )
    return made


def _inference_service(
    document: Mapping[str, Any], runtimes: Sequence[dict[str, Any]], used: set[int]
) -> Workload | None:
    predictor = table(document, "spec", "predictor") or table(document, "spec", "default", "predictor")
    framework = next((key for key in predictor if key in _FRAMEWORKS and table(predictor, key)), None)
    own = {key: value for key, value in predictor.items() if key not in _FRAMEWORKS}
    made = _started(document, own, {"labels": table(predictor, "labels")})
    made.kserve = True
    if framework is None:
        return _own_containers(made)
    model = table(predictor, framework)
    model_format = string(table(model, "modelFormat"), "name") or framework
    runtime = _chosen(model, model_format, runtimes, made)
    if runtime is None:
        named = string(model, "runtime")
        source = f"The serving runtime {named}" if named else "A serving runtime that KServe chooses"
        made.arguments_unavailable = f"{source} contains the server's arguments, and is not in this file."
        made.openvino = bool(re.search("openvino|ovms", f"{named} {model_format}", re.IGNORECASE))
        containers = [_merged({"name": KSERVE_CONTAINER}, model)]
    else:
        used.add(id(runtime))
        spec = table(runtime, "spec")
        volumes = [*objects(spec, "volumes"), *objects(own, "volumes")]
        own = {**spec, **own, "volumes": volumes}
        made.annotations = {**table(runtime, "metadata", "annotations"), **made.annotations}
        containers = objects(spec, "containers")
        at = next((n for n, item in enumerate(containers) if string(item, "name") == KSERVE_CONTAINER), None)
        if at is None:
            made.problems.append(
                f"The serving runtime has no container {KSERVE_CONTAINER}: KServe refuses it."
            )
        else:
            containers[at] = _merged(containers[at], model)
    beside = [item for item in objects(predictor, "containers") if string(item, "name") != KSERVE_CONTAINER]
    made.spec = _filled({**own, "containers": [*containers, *beside]}, document)
    _storage(made, model, KSERVE_CONTAINER)
    return made


def _own_containers(made: Workload) -> Workload | None:
    """Returns a predictor with a container of its own: its STORAGE_URI replaces storageUri."""
    containers = objects(made.spec, "containers")
    if not containers:
        return None
    for variable in objects(containers[0], "env"):
        if string(variable, "name") == "STORAGE_URI" and string(variable, "value"):
            _storage(made, {"storageUri": string(variable, "value")}, string(containers[0], "name"))
    return made


def _chosen(
    model: Mapping[str, Any], model_format: str, runtimes: Sequence[dict[str, Any]], made: Workload
) -> dict[str, Any] | None:
    """Returns the named runtime; else the only one in the file that supports the model's format."""
    named = string(model, "runtime")
    if named:
        return next((item for item in runtimes if string(table(item, "metadata"), "name") == named), None)
    fitting = [
        item
        for item in runtimes
        if any(
            string(entry, "name") == model_format and entry.get("autoSelect") is True
            for entry in objects(table(item, "spec"), "supportedModelFormats")
        )
    ]
    if len(fitting) != 1:
        return None
    name = string(table(fitting[0], "metadata"), "name")
    made.problems.append(
        f"The InferenceService names no runtime; {name} of this file takes {model_format}, "
        "but KServe may choose another."
    )
    return fitting[0]


def _merged(container: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the runtime's container merged with that of the InferenceService.

    Source: KServe, MergeRuntimeContainers: a strategic merge patch (lists of env, ports and mounts by their keys),
    but the arguments follow the runtime's; UpdateImageTag for ``runtimeVersion``.
    """
    merged = {**container}
    for key, value in model.items():
        if key == "args":
            first = container.get("args")
            lists = [first if isinstance(first, list) else [], value if isinstance(value, list) else []]
            merged[key] = [*lists[0], *lists[1]]
        elif key in ("env", "ports", "volumeMounts"):
            by = {"env": "name", "ports": "containerPort", "volumeMounts": "mountPath"}[key]
            entries = {str(item.get(by)): item for item in (*objects(container, key), *objects(model, key))}
            merged[key] = list(entries.values())
        elif isinstance(value, dict) and isinstance(container.get(key), dict):
            merged[key] = _deep(container[key], value)
        elif key not in ("name", "modelFormat", "runtime", "storageUri", "storage"):
            merged[key] = value
    version, image = string(model, "runtimeVersion"), string(merged, "image")
    if version and image and "@" not in image:
        head, slash, last = image.rpartition("/")
        merged["image"] = f"{head}{slash}{last.partition(':')[0]}:{version}"
    return merged


def _deep(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(first)
    for key, value in second.items():
        old = merged.get(key)
        merged[key] = _deep(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _filled(value: Any, document: Mapping[str, Any]) -> Any:
    """Returns ``value`` with KServe's placeholders replaced by the metadata of the InferenceService."""
    metadata = table(document, "metadata")

    def replaced(match: re.Match[str]) -> str:
        found = metadata.get(match[1][:1].lower() + match[1][1:])
        if match[2] and isinstance(found, dict):
            found = found.get(match[2])
        return found if isinstance(found, str) and found else match[0]

    if isinstance(value, dict):
        return {key: _filled(item, document) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, document) for item in value]
    return _PLACEHOLDER.sub(replaced, value) if isinstance(value, str) else value


def placeholders(arguments: Sequence[str]) -> dict[str, str]:
    """Returns the remaining placeholders of a command line → why they are unknown."""
    found = {}
    for word in arguments:
        for match in _UNFILLED.finditer(word):
            is_kserve = match[0].strip("{ ").startswith(".")
            explanation = (
                "is set later by KServe, from its InferenceService"
                if is_kserve
                else "is a parameter without a value"
            )
            found[match[0]] = f"{match[0]} {explanation}"
    return found


def _storage(made: Workload, model: Mapping[str, Any], name: str) -> None:
    """Adds the content that KServe puts at /mnt/models (with its storage initializer; it mounts a claim directly)."""
    uri = redact(string(model, "storageUri").partition("?")[0])
    scheme, _, rest = uri.partition("://")
    if scheme != "oci" and any(
        string(item, "name") == _INITIALIZER for item in objects(made.spec, "initContainers")
    ):
        # CommonStorageInitialization (storage_initializer_injector.go) then adds nothing, not even the mount.
        return
    if scheme == "pvc" and rest:
        claim, _, path = rest.partition("/")
        volume = {
            "name": "kserve-pvc-source",
            "persistentVolumeClaim": {"claimName": claim, "readOnly": True},
        }
        made.spec = _with_models(made.spec, name, volume, path)
        return
    if scheme == "oci":
        made.added_containers = ("modelcar",)
        made.problems.append(
            f"{KSERVE_MODELS} is the model in the image {rest}: KServe runs that image in the same pod."
        )
    elif uri or table(model, "storage"):
        made.added_containers = (_INITIALIZER,)
        source = uri or "the model of its storage"
        made.problems.append(
            f"KServe's storage-initializer copies {source} to {KSERVE_MODELS} before the server starts."
        )
        made.problems += _versioned(made)
    made.spec = _with_models(made.spec, name, {"name": _KSERVE_VOLUME, "emptyDir": {}}, "")


def _versioned(made: Workload) -> list[str]:
    """Returns what Open Data Hub's KServe does with the copy: an init container after the other moves all files into
    a version directory, unless that exists (opendatahub-io/kserve, InjectOVMSAutoVersioning)."""
    version = str(made.annotations.get(_AUTO_VERSIONING, ""))
    if not (version.isascii() and version.isdecimal() and int(version) > 0):
        return []
    return [
        f"{_AUTO_VERSIONING} makes KServe of Open Data Hub move the content of {KSERVE_MODELS} to "
        f"{KSERVE_MODELS}/{int(version)}, unless that directory exists. Name a copy that has this "
        "directory."
    ]


def _with_models(
    spec: Mapping[str, Any], name: str, volume: dict[str, Any], path: str, server: str = KSERVE_MODELS
) -> dict[str, Any]:
    """Returns ``spec`` with ``volume`` at ``server`` of the container ``name``, unless there is a mount already. A
    mount of ModelMesh is writable."""
    containers: list[dict[str, Any]] = []
    for container in objects(spec, "containers"):
        mounts = objects(container, "volumeMounts")
        taken = any(string(mount, "mountPath").rstrip("/") == server for mount in mounts)
        if string(container, "name") == name and not taken:
            read_only = server == KSERVE_MODELS
            mount = {"name": volume["name"], "mountPath": server, "readOnly": read_only, "subPath": path}
            container = {**container, "volumeMounts": [*mounts, mount]}
        containers.append(container)
    others = [item for item in objects(spec, "volumes") if item != volume]
    return {**spec, "containers": containers, "volumes": [*others, volume]}
