"""From a request to a Deployment, asking for the facts that the targets need to be understood."""

from __future__ import annotations

import json
from collections.abc import Iterable

from msgspec.structs import replace

from ovms_doctor.diagnosis.request import Request
from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.inputs.host import limits_on
from ovms_doctor.inputs.targets.local import understand
from ovms_doctor.inputs.targets.rule import ResolvedTarget
from ovms_doctor.inputs.targets.store import understand_remote
from ovms_doctor.model.deployment import (
    DEFAULT_POLICY,
    Deployment,
    HostLimits,
    Mode,
    ModelEntry,
    ModelParameters,
    Note,
    SourceUnavailable,
    VersionPolicy,
)
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.facts import AnyQuestion, Facts, FactsMissingError, StoreAccess
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.releases import NEWEST, Release, ReleaseError, parse_release
from ovms_doctor.prediction.config.policy import parse_policy
from ovms_doctor.prediction.storage.access import store_access

#: A store's name, and how the variables of its clients begin.
_FAMILIES = {
    "s3": ("S3", ("AWS_", "S3_")),
    "gcs": ("Google Cloud Storage", ("GOOGLE_", "CLOUD_STORAGE_")),
}


def deployment_for(request: Request, facts: Facts) -> Deployment:
    """What the server was told. Raises FactsMissing until the targets can be understood, UsageError."""
    base = _frame(request)
    if base.unavailable is not None:
        return base
    if request.words is not None:
        arguments = read_arguments(request.words, base.release, base.limits)
        mode: Mode = "config" if arguments.config_path else "single"
        told = replace(base, mode=mode, arguments=arguments, config_path=arguments.config_path)
        return replace(told, notes=_kept_back([arguments.model_path or ""], told, request, facts))
    policy = _policy(request.policy)
    understood = _understood(request, base, policy, facts)
    configs = [item for item in understood if item.config_path is not None]
    if configs and len(understood) > 1:
        raise UsageError("a config.json is a whole configuration: name it alone")
    models = _distinct([_told(model, request) for item in understood for model in item.models])
    kinds = {item.target.kind for item in understood}
    single = len(understood) == 1 and not configs and kinds != {"repository"}
    notes = tuple(note for item in understood for note in item.notes)
    return replace(
        base,
        mode="single" if single else "config",
        models=models,
        config_path=configs[0].config_path if configs else None,
        targets=tuple(item.target for item in understood),
        notes=(*notes, *_kept_back(request.targets, base, request, facts)),
    )


def _understood(
    request: Request, base: Deployment, policy: VersionPolicy, facts: Facts
) -> list[ResolvedTarget]:
    """Each target. What they all lack is named at once."""
    found: list[ResolvedTarget] = []
    missing: list[AnyQuestion] = []
    for path in request.targets:
        try:
            if is_remote(path):
                access = store_access(path, base, facts)
                found.append(understand_remote(path, access, request.as_, policy, facts))
            else:
                found.append(understand(path, server_path(path, request), request.as_, policy, facts))
        except FactsMissingError as error:
            missing += error.questions
    if missing:
        raise FactsMissingError(missing)
    return found


def _kept_back(paths: Iterable[str], base: Deployment, request: Request, facts: Facts) -> tuple[Note, ...]:
    """That a store is asked without credentials only because the server was told of none, while this process has
    some, or what looks like it. Raises FactsMissing."""
    accesses = (store_access(path, base, facts) for path in paths if is_remote(path) and request.kept_back)
    stores = {
        item.store for item in accesses if isinstance(item, StoreAccess) and item.credentials == "anonymous"
    }
    notes = []
    for store, (name, family) in _FAMILIES.items():
        names = [item for item in request.kept_back if item.startswith(family)]
        if store in stores and names:
            text = (
                f"{name} is asked as a server without credentials would; --env-from-process hands it this "
                f"process's own ({', '.join(names)})"
            )
            notes.append(Note(None, text))
    return tuple(notes)


def _frame(request: Request) -> Deployment:
    release, release_from = _release(request)
    return Deployment(
        "config",
        release,
        release_from,
        request.user,
        request.user_from,
        working_directory=request.working_directory,
        mounts=request.mount_table.mounts,
        roots=_named_roots(request),
        bare_metal=request.bare_metal,
        environment=request.environment,
        load=request.load,
        limits=HostLimits() if request.host is None else limits_on(request.host, release),
        container=request.container,
        unavailable_paths=request.unavailable_paths,
        unavailable=None if request.untold is None else SourceUnavailable(*request.untold),
        memory=request.memory,
        devices=None if request.host is None else request.host.devices,
        host_proxy=request.host_proxy,
        cpu_extension=request.cpu_extension,
        cache_dir=request.cache_dir,
        probe_write=request.probe_write,
        download_limit=request.download_limit,
    )


def _named_roots(request: Request) -> tuple[str, ...]:
    """From where rights count, as the user named it: the mounts or the targets; nothing on bare metal."""
    if request.bare_metal:
        return ()
    if request.mounts:
        return tuple(mount.server for mount in request.mount_table.mounts)
    return tuple(path for path in request.targets if not is_remote(path))


def _release(request: Request) -> tuple[Release, str]:
    text = request.release
    if text is None:
        return NEWEST, "newest known"
    try:
        release = parse_release(text)
    except ReleaseError as error:
        raise UsageError(str(error)) from None
    if not release.known and release > NEWEST:
        return release, f"--ovms-version; newer than the newest known, {NEWEST}, whose rules are used"
    return release, request.release_from or "--ovms-version"


def _policy(text: str | None) -> VersionPolicy:
    if text is None:
        return DEFAULT_POLICY
    import rapidjson

    try:
        policy = parse_policy(rapidjson.loads(text))
    except ValueError:
        policy = None
    if policy is None:
        raise UsageError(
            f'--model-version-policy {text!r} is no policy; write it like \'{{"latest": {{"num_versions": 2}}}}\''
        )
    return policy


def _told(model: ModelEntry, request: Request) -> ModelEntry:
    """A target's model with what was said for all of them."""
    if request.target_device is None:
        return model
    values = (("target_device", json.dumps(request.target_device)),)
    return replace(model, parameters=ModelParameters(values))


def _distinct(models: list[ModelEntry]) -> tuple[ModelEntry, ...]:
    """Several targets may hold models of one name; each needs its own in one configuration."""
    names: dict[str, int] = {}
    result = []
    for model in models:
        count = names[model.name] = names.get(model.name, 0) + 1
        result.append(model if count == 1 else replace(model, name=f"{model.name}-{count}"))
    return tuple(result)


def server_path(path: str, request: Request) -> str:
    """The path at which the server sees a path of this host. UsageError where no mount holds it."""
    found = request.mount_table.to_server(path)
    if found is None:
        raise UsageError(f"{path} is under none of the mounts: the server would not see it")
    return found
