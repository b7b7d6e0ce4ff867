"""Makes a Deployment from the options, with the facts that decide how the targets are understood."""

from __future__ import annotations

import json
from collections.abc import Iterable

from msgspec.structs import replace

from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.inputs.host import limits_on
from ovms_doctor.inputs.targets.local import understand
from ovms_doctor.inputs.targets.rule import ResolvedTarget
from ovms_doctor.inputs.targets.store import understand_remote
from ovms_doctor.model.deployment import (
    DEFAULT_POLICY,
    Deployment,
    Mode,
    ModelEntry,
    ModelParameters,
    Note,
    VersionPolicy,
)
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.facts import AnyQuestion, Facts, FactsMissingError, StoreAccess
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.option_values import shortened
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.releases import NEWEST, Release, ReleaseError, parse_release
from ovms_doctor.prediction.config.policy import parse_policy

#: The name of each store, and the prefix of the variables of its clients.
_FAMILIES = {
    "s3": ("S3", ("AWS_", "S3_")),
    "gcs": ("Google Cloud Storage", ("GOOGLE_", "CLOUD_STORAGE_")),
}


def deployment_for(options: CheckOptions, facts: Facts) -> Deployment:
    """Returns the deployment of the options. Raises FactsMissingError until the targets are understood, and
    UsageError."""
    base = _frame(options)
    if base.unavailable is not None:
        return base
    if options.arguments is not None:
        arguments = read_arguments(options.arguments, base.release, base.limits)
        mode: Mode = "config" if arguments.config_path else "single"
        deployment = replace(base, mode=mode, arguments=arguments, config_path=arguments.config_path)
        withheld = _withheld_notes([arguments.model_path or ""], deployment, options, facts)
        return replace(deployment, notes=(*_copy_notes(options), *withheld))
    policy = _policy(options.policy)
    understood = _understood(options, base, policy, facts)
    configs = [item for item in understood if item.config_path is not None]
    if configs and len(understood) > 1:
        raise UsageError("a config.json is a complete configuration: name it as the only target")
    models = _distinct([_with_target_device(model, options) for item in understood for model in item.models])
    kinds = {item.target.kind for item in understood}
    single = len(understood) == 1 and not configs and kinds != {"repository"}
    notes = tuple(note for item in understood for note in item.notes)
    return replace(
        base,
        mode="single" if single else "config",
        models=models,
        config_path=configs[0].config_path if configs else None,
        targets=tuple(item.target for item in understood),
        notes=(*notes, *_withheld_notes(options.targets, base, options, facts)),
    )


def _understood(
    options: CheckOptions, base: Deployment, policy: VersionPolicy, facts: Facts
) -> list[ResolvedTarget]:
    """Returns how each target is understood. Raises FactsMissingError with the missing facts of all targets."""
    found: list[ResolvedTarget] = []
    missing: list[AnyQuestion] = []
    typed = dict(zip(options.targets, options.typed_targets, strict=False))
    for path in options.targets:
        try:
            if is_remote(path):
                from ovms_doctor.prediction.storage.access import store_access

                access = store_access(path, base, facts)
                found.append(understand_remote(path, access, options.as_, policy, facts))
            else:
                server = server_path(path, options)
                typed_path = typed.get(path, path)
                found.append(understand(path, server, options.as_, policy, facts, typed=typed_path))
        except FactsMissingError as error:
            missing += error.questions
    if missing:
        raise FactsMissingError(missing)
    return found


def _withheld_notes(
    paths: Iterable[str], base: Deployment, options: CheckOptions, facts: Facts
) -> tuple[Note, ...]:
    """Returns notes that a store is queried without credentials because the server has none, while this process has
    some. Raises FactsMissingError."""
    remote = [path for path in paths if is_remote(path)] if options.withheld_variables else []
    if not remote:
        return ()
    from ovms_doctor.prediction.storage.access import store_access

    accesses = [store_access(path, base, facts) for path in remote]
    stores = {
        item.store for item in accesses if isinstance(item, StoreAccess) and item.credentials == "anonymous"
    }
    notes = []
    for store, (name, family) in _FAMILIES.items():
        names = [item for item in options.withheld_variables if item.startswith(family)]
        if store in stores and names:
            text = (
                f"{name} is queried without credentials, as by a server that has none; --env-from-process passes "
                f"this process's own ({', '.join(names)})"
            )
            notes.append(Note(None, text))
    return tuple(notes)


def _copy_notes(options: CheckOptions) -> tuple[Note, ...]:
    """Returns notes on which properties of the copies that replace a container's mounts are checked."""
    notes = []
    for mount in options.mounts:
        if mount.rights == "copy":
            text = (
                f"{mount.server} is examined in the copy {mount.host}: its content and layout, but not "
                f"its permissions, which can differ (--mount {mount.host}:{mount.server}:rights if the "
                "copy has the permissions of the original)"
            )
            notes.append(Note(None, text))
        elif mount.rights == "kept":
            notes.append(
                Note(None, (f"{mount.server} is examined in the copy {mount.host}, with its permissions"))
            )
    return tuple(notes)


def _frame(options: CheckOptions) -> Deployment:
    release, release_from = _release(options)
    return Deployment(
        "config",
        release,
        release_from,
        options.user,
        options.user_from,
        working_directory=options.working_directory,
        mounts=options.mount_table.mounts,
        roots=_named_roots(options),
        bare_metal=options.bare_metal,
        environment=options.environment,
        options=options,
        limits=HostLimits() if options.host is None else limits_on(options.host, release),
        container=options.container,
        unavailable_paths=options.unavailable_paths,
        unavailable=options.unavailable,
        memory=options.memory,
        devices=None if options.host is None else options.host.devices,
        host_proxy=options.host_proxy,
    )


def _named_roots(options: CheckOptions) -> tuple[str, ...]:
    """Returns the directories from which permissions count, as the user names them: the mounts or the targets; none on
    bare metal."""
    if options.bare_metal:
        return ()
    if options.mounts:
        return tuple(mount.server for mount in options.mount_table.mounts)
    return tuple(path for path in options.targets if not is_remote(path))


def _release(options: CheckOptions) -> tuple[Release, str]:
    text = options.release
    if text is None:
        return NEWEST, "newest known"
    try:
        release = parse_release(text)
    except ReleaseError as error:
        raise UsageError(str(error)) from None
    source = options.release_from or "--ovms-version"
    if not release.known and release > NEWEST:
        return release, f"{source}; newer than the newest known, {NEWEST}, whose rules are used"
    return release, source


def _policy(text: str | None) -> VersionPolicy:
    if text is None:
        return DEFAULT_POLICY
    import rapidjson

    try:
        policy = parse_policy(rapidjson.loads(text))
    except (ValueError, RecursionError):
        # No policy has more than a few brackets.
        policy = None
    if policy is None:
        raise UsageError(
            f"--model-version-policy {shortened(text)!r} is not a policy; "
            'write it like \'{"latest": {"num_versions": 2}}\''
        )
    return policy


def _with_target_device(model: ModelEntry, options: CheckOptions) -> ModelEntry:
    """Returns a target's model with the device that the command line names for all targets."""
    if options.target_device is None:
        return model
    values = (("target_device", json.dumps(options.target_device)),)
    return replace(model, parameters=ModelParameters(values))


def _distinct(models: list[ModelEntry]) -> tuple[ModelEntry, ...]:
    """Returns the models with distinct names: several targets may hold models of one name, but a configuration needs a
    different name for each."""
    names: dict[str, int] = {}
    result = []
    for model in models:
        count = names[model.name] = names.get(model.name, 0) + 1
        result.append(model if count == 1 else replace(model, name=f"{model.name}-{count}"))
    return tuple(result)


def server_path(path: str, options: CheckOptions) -> str:
    """Returns the server path of a path of this host. Raises UsageError for a path outside all mounts."""
    found = options.mount_table.to_server(path)
    if found is None:
        raise UsageError(f"{path} is not on any of the mounts, so the server cannot reach it")
    return found
