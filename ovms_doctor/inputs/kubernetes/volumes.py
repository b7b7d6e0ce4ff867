"""The mounts of a container of a pod: its volumes, and their sources in the same manifest."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Mapping
from typing import Any, TypeAlias

from ovms_doctor.inputs.kubernetes.documents import UnsetText, quantity
from ovms_doctor.inputs.kubernetes.environment import ManifestObjects, PodEnvironment, expand
from ovms_doctor.inputs.untyped import objects, string, table
from ovms_doctor.model.container import ContainerMount, DocumentFile, document_file

_PROPAGATION = {"HostToContainer": "rslave", "Bidirectional": "rshared"}
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the server's, not a file of ours
#: Types of host paths that the container runtime creates if they are missing: containerd and CRI-O do so without a
#: type.
_MADE = ("", "DirectoryOrCreate")


def read_mounts(
    container: Mapping[str, Any],
    pod: Mapping[str, Any],
    manifest: ManifestObjects,
    *,
    namespace: str,
    claims: Mapping[str, str],
    environment: PodEnvironment,
    problems: list[str],
) -> tuple[ContainerMount, ...]:
    """Returns the mounts of ``container``.

    ``claims``: volumes that a stateful set creates for each of its pods, and the claims' names. For config maps and
        secrets, ``options`` has the names of their files.
    """
    volumes = {string(volume, "name"): volume for volume in objects(pod, "volumes")}
    found = []
    for entry in objects(container, "volumeMounts"):
        server, name = string(entry, "mountPath"), string(entry, "name")
        if not server:
            continue
        server = server if server.startswith("/") else f"/{server}"
        if name in claims:  # takes precedence over a volume of that name
            mount = _claim(server, claims[name], False, manifest, namespace)
        elif name in volumes:
            mount = _volume(server, volumes[name], manifest, namespace)
        else:
            problems.append(
                f"{server} is mounted from the volume {name or '(without a name)'}, which the pod does "
                "not have. Kubernetes refuses the pod."
            )
            mount = ContainerMount(server, "other", name=name)
        found.append(_mounted(mount, entry, environment, problems))
    return tuple(found)


def read_files(
    container: Mapping[str, Any],
    pod: Mapping[str, Any],
    manifest: ManifestObjects,
    namespace: str,
    problems: list[str],
) -> tuple[DocumentFile, ...]:
    """Returns the files of the config maps and secrets of the same document that ``container`` mounts. A file that a
    mount names and they do not have is a problem."""
    volumes = {string(volume, "name"): volume for volume in objects(pod, "volumes")}
    found: dict[str, DocumentFile] = {}
    for entry in objects(container, "volumeMounts"):
        server, volume = string(entry, "mountPath"), volumes.get(string(entry, "name"), {})
        files = _document_files(volume, manifest, namespace)
        if files is None or not server or "subPathExpr" in entry:
            continue
        server, sub_path = posixpath.normpath(f"/{server.lstrip('/')}"), string(entry, "subPath").strip("/")
        if not sub_path:
            made = {server: DocumentFile(server, directory=True)}
            for path, file in files.items():
                full_path = posixpath.join(server, path)
                above = posixpath.dirname(path)
                if above:
                    parent = posixpath.join(server, above)
                    made[parent] = DocumentFile(parent, directory=True)
                made[full_path] = document_file(full_path, *file)
        elif sub_path in files:
            made = {server: document_file(server, *files[sub_path])}
        else:
            problems.append(
                f"{server} is mounted from the file {sub_path} of {_called(volume)}, which does not have "
                "this key: Kubernetes mounts an empty directory."
            )
            made = {server: DocumentFile(server, directory=True)}
        found.update(made)
    return tuple(found.values())


#: The files of a volume by their paths in it: size, content (None: not known), and the reason for that.
_Contents: TypeAlias = dict[str, tuple[int, str | None, str]]
#: The key that identifies the server's configuration, which is not a secret in any kind of object.
_CONFIGURATION = '"model_config_list"'


def _document_files(volume: Mapping[str, Any], manifest: ManifestObjects, namespace: str) -> _Contents | None:
    """Returns the files of a volume; None if it is of another kind, or not of this document."""
    if "projected" not in volume:
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if key in volume:
                return _object_files(table(volume, key), kind, manifest, namespace)
        return None
    merged: _Contents = {}
    for entry in objects(table(volume, "projected"), "sources"):
        files = _projected_files(entry, manifest, namespace)
        if files is None:
            return None
        merged.update(files)
    return merged


def _projected_files(entry: Mapping[str, Any], manifest: ManifestObjects, namespace: str) -> _Contents | None:
    """Returns the files of one source of a projected volume; None if they are unknown."""
    token = table(entry, "serviceAccountToken")
    if token:
        return {string(token, "path"): (0, None, "it is a token that the cluster writes")}
    downward = table(entry, "downwardAPI")
    if downward:
        unknown = (0, None, "the cluster writes it")
        return {string(item, "path"): unknown for item in objects(downward, "items")}
    return _document_files(entry, manifest, namespace) if "projected" not in entry else None


def _object_files(
    source: Mapping[str, Any], kind: str, manifest: ManifestObjects, namespace: str
) -> _Contents | None:
    """Returns the files of a config map or secret; None if it is not in the document."""
    document = (
        manifest.find(kind, string(source, "name") or string(source, "secretName"), namespace)
        if source
        else None
    )
    if document is None:
        return None
    contents: _Contents = {}
    for part in ("data", "binaryData", "stringData"):
        for key, value in table(document, part).items():
            if isinstance(value, str):
                encoded = part == "binaryData" or (part == "data" and kind == "Secret")
                contents[key] = _content(value, encoded=encoded, secret=kind == "Secret")
    items = objects(source, "items")
    if not items:
        return contents
    return {
        string(item, "path"): contents[string(item, "key")]
        for item in items
        if string(item, "key") in contents and string(item, "path")
    }


def _content(value: str, *, encoded: bool, secret: bool) -> tuple[int, str | None, str]:
    """Returns size and content of a key's value. A secret's content is not kept, unless it is the server's
    configuration."""
    if isinstance(value, UnsetText):
        return len(value), None, "a parameter of the template in it has no value"
    text: str | None = value
    size = len(value.encode("utf-8", "surrogatepass"))
    if encoded:
        size = len(value.rstrip("=")) * 3 // 4
        try:
            text = base64.b64decode(value, validate=False).decode("utf-8")
        except ValueError:
            text = None
    if secret and (text is None or _CONFIGURATION not in text):
        text = None
    return size, text, ""


def _called(volume: Mapping[str, Any]) -> str:
    if "projected" in volume:
        return f"the projected volume {string(volume, 'name')}"
    if "configMap" in volume:
        return f"the config map {string(table(volume, 'configMap'), 'name')}"
    return f"the secret {string(table(volume, 'secret'), 'secretName')}"


def shared_memory(mounts: tuple[ContainerMount, ...], pod: Mapping[str, Any]) -> int | None:
    """Returns the bytes of a tmpfs at /dev/shm, if it has a limit."""
    for mount in mounts:
        if mount.server.rstrip("/") == _SHARED_MEMORY and mount.kind == "tmpfs":
            for volume in objects(pod, "volumes"):
                if string(volume, "name") == mount.name:
                    size = quantity(table(volume, "emptyDir").get("sizeLimit"))
                    return int(size) if size else None
    return None


def _mounted(
    mount: ContainerMount, entry: Mapping[str, Any], environment: PodEnvironment, problems: list[str]
) -> ContainerMount:
    """Returns the volume as this entry mounts it."""
    options = list(mount.options)
    propagation = _PROPAGATION.get(string(entry, "mountPropagation"))
    if propagation is not None:
        options.append(propagation)
    sub_path, host = string(entry, "subPath"), mount.host
    template = string(entry, "subPathExpr")
    if template:
        sub_path, unknown = expand(template, environment, displayed=True)
        if unknown:
            host = None
            problems.append(
                f"The directory of {mount.server} cannot be determined: subPathExpr is {template}."
            )
    return ContainerMount(
        mount.server,
        mount.kind,
        host,
        mount.read_only or entry.get("readOnly") is True,
        mount.name,
        tuple(options),
        mount.created_by_engine and not sub_path,
        sub_path.strip("/"),
        mount.missing_key,
    )


def _volume(
    server: str, volume: Mapping[str, Any], manifest: ManifestObjects, namespace: str
) -> ContainerMount:
    name = string(volume, "name")
    if "hostPath" in volume:
        source = table(volume, "hostPath")
        kind = string(source, "type")
        options = (kind,) if kind else ()
        path = string(source, "path") or None
        return ContainerMount(server, "bind", path, False, name, options, kind in _MADE)
    if "configMap" in volume:
        return _files(server, table(volume, "configMap"), "ConfigMap", manifest, namespace)
    if "secret" in volume:
        return _files(server, table(volume, "secret"), "Secret", manifest, namespace)
    if "projected" in volume:
        return _projected(server, volume, manifest, namespace)
    if "persistentVolumeClaim" in volume:
        source = table(volume, "persistentVolumeClaim")
        return _claim(
            server, string(source, "claimName"), source.get("readOnly") is True, manifest, namespace
        )
    kind = next((key for key in volume if key != "name"), "emptyDir")
    source = table(volume, kind)
    read_only = source.get("readOnly") is True
    if kind == "emptyDir":
        memory = string(source, "medium") == "Memory"
        size = source.get("sizeLimit")
        options = ("emptyDir", *((f"sizeLimit={size}",) if isinstance(size, str | int) else ()))
        return ContainerMount(server, "tmpfs" if memory else "volume", name=name, options=options)
    if kind == "image":
        return ContainerMount(server, "image", read_only=True, name=string(source, "reference") or name)
    if kind == "ephemeral":
        return ContainerMount(server, "claim", name=name, options=(kind,))
    if kind == "downwardAPI":
        return ContainerMount(server, "config", read_only=True, name=name, options=(kind,))
    if kind == "nfs":
        address = f"{string(source, 'server')}:{string(source, 'path')}"
        return ContainerMount(server, "other", read_only=read_only, name=address, options=(kind,))
    called = string(source, "driver") if kind in ("csi", "flexVolume") else name
    return ContainerMount(server, "other", read_only=read_only, name=called or name, options=(kind,))


def _files(
    server: str, source: Mapping[str, Any], kind: str, manifest: ManifestObjects, namespace: str
) -> ContainerMount:
    """Returns a config map or a secret, always read-only; ``options`` has ``file=`` for each known file."""
    name = string(source, "name") or string(source, "secretName")
    items = [string(item, "path") for item in objects(source, "items")]
    document = manifest.find(kind, name, namespace)
    missing = ""
    if document is not None:
        keys = [key for part in ("data", "binaryData", "stringData") for key in table(document, part)]
        named = [string(item, "key") for item in objects(source, "items")]
        if source.get("optional") is not True:
            missing = next((key for key in named if key and key not in keys), "")
        items = items or keys
    optional = ("optional",) if source.get("optional") is True else ()
    files = tuple(f"file={item}" for item in dict.fromkeys(items))
    called: tuple[str, ...] = ("secret",) if kind == "Secret" else ()
    options = (*called, *optional, *files)
    return ContainerMount(server, "config", None, True, name, options, missing_key=missing)


def _projected(
    server: str, volume: Mapping[str, Any], manifest: ManifestObjects, namespace: str
) -> ContainerMount:
    sources = objects(table(volume, "projected"), "sources")
    names = [
        string(part, "name") or string(part, "path")
        for entry in sources
        for part in entry.values()
        if isinstance(part, dict)
    ]
    called = ", ".join(part for part in names if part) or string(volume, "name")
    missing = ""
    for entry in sources:
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if key in entry:
                found = _files(server, table(entry, key), kind, manifest, namespace)
                missing = missing or found.missing_key
    files = _document_files(volume, manifest, namespace) or {}
    options = ("projected", *(f"file={path}" for path in files))
    return ContainerMount(server, "config", None, True, called, options, missing_key=missing)


def _claim(
    server: str, name: str, read_only: bool, manifest: ManifestObjects, namespace: str
) -> ContainerMount:
    """Returns a claim, with its directory on the host if its volume is in the file and is one of the host's."""
    path: str | None = None
    options: tuple[str, ...] = ()
    volume = _bound(name, manifest, namespace)
    if volume is not None:
        spec = table(volume, "spec")
        path = string(table(spec, "hostPath"), "path") or string(table(spec, "local"), "path") or None
        options = (f"volume={string(table(volume, 'metadata'), 'name')}",)
    return ContainerMount(server, "claim", path, read_only, name, options)


def _bound(name: str, manifest: ManifestObjects, namespace: str) -> dict[str, Any] | None:
    """Returns the volume that the claim names, or that names the claim."""
    claim = manifest.find("PersistentVolumeClaim", name, namespace)
    named = string(table(claim, "spec"), "volumeName") if claim is not None else ""
    if named:
        return manifest.find("PersistentVolume", named)
    for volume in manifest.all("PersistentVolume"):
        reference = table(volume, "spec", "claimRef")
        own = string(reference, "namespace")
        if string(reference, "name") == name and (not own or not namespace or own == namespace):
            return volume
    return None
