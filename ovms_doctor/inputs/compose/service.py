"""From a Compose service, with everything put in that it names, to the Container."""

from __future__ import annotations

from typing import Any

from ovms_doctor.inputs import engine_values as values
from ovms_doctor.inputs.command import server_command
from ovms_doctor.inputs.compose import fields as compose_fields
from ovms_doctor.inputs.compose import values as typed
from ovms_doctor.inputs.compose.fields import Project
from ovms_doctor.inputs.engine_values import RefusedValueError, shown
from ovms_doctor.inputs.image import release_of
from ovms_doctor.model.container import Container
from ovms_doctor.model.environment import variables

#: ``deploy.restart_policy``'s words for the engine's.
_RESTARTS = {"none": "no", "any": "always", "": "always"}


def build(
    name: str, service: dict[str, Any], project: Project, place: str, others: tuple[str, ...]
) -> Container:
    """The container of the service ``name``; ``others`` are the other services of the file. Refused for what
    Compose or the engine would not take."""
    try:
        return _build(name, service, project, place, others)
    except RefusedValueError as error:
        raise RefusedValueError(f"services.{shown(name)}: {error}") from None


def _build(
    name: str, service: dict[str, Any], project: Project, place: str, others: tuple[str, ...]
) -> Container:
    image = _image(service, project)
    _note_profiles(service, project)
    pairs, names = compose_fields.read_environment(service, project)
    directory = values.check_directory(typed.optional_text(service, "working_dir", numbers=False))
    said = server_command(
        typed.words(service.get("entrypoint"), "entrypoint"),
        typed.words(service.get("command"), "command"),
        image,
        environment=None if "environment" in project.unknown else dict(pairs),
        working_directory=directory or None,
    )
    if said.arguments is None:
        project.unknown.add("arguments")
    release, release_from = release_of(image, (), ()) if image else (None, "")
    paths, requests = compose_fields.read_devices(service)
    own_name = typed.optional_text(service, "container_name", numbers=False)
    return Container(
        source="compose",
        source_name=place,
        name=values.check_name(own_name) if own_name else name,
        engine="docker",
        image=image,
        release=release,
        release_from=release_from,
        program=said.program,
        arguments=said.arguments,
        arguments_unavailable=said.unavailable,
        user=typed.optional_text(service, "user", numbers=False),
        groups=tuple(
            typed.text(item, "group_add") for item in typed.items(service.get("group_add"), "group_add")
        ),
        working_directory=directory,
        mounts=compose_fields.read_mounts(service, project),
        ports=compose_fields.read_ports(service),
        network=_network(service),
        environment=variables(pairs),
        environment_names=tuple(sorted(names)),
        limits=compose_fields.read_limits(service),
        devices=paths,
        device_requests=requests,
        restart=_restart(service),
        probes=compose_fields.read_probe(service),
        read_only_root=typed.truth(service.get("read_only"), "read_only"),
        privileged=typed.truth(service.get("privileged"), "privileged"),
        capabilities_dropped=tuple(
            values.capability(typed.text(item, "cap_drop"))
            for item in typed.items(service.get("cap_drop"), "cap_drop")
        ),
        security=_security(service),
        problems=tuple(dict.fromkeys(project.problems)),
        siblings=others,
        unknown_fields=tuple(sorted(project.unknown)),
    )


def _image(service: dict[str, Any], project: Project) -> str:
    image = typed.optional_text(service, "image", numbers=False)
    if service.get("build") is not None:
        project.problems.append(
            "The image is built here: what it runs and as whom is not known from the file."
        )
    elif not image:
        raise RefusedValueError("the service has neither an image nor something to build")
    return values.check_image(image) if image else ""


def _note_profiles(service: dict[str, Any], project: Project) -> None:
    profiles = [typed.text(item, "profiles") for item in typed.items(service.get("profiles"), "profiles")]
    active = {name.strip() for name in project.variables.get("COMPOSE_PROFILES", "").split(",")}
    if profiles and "*" not in active and not active.intersection(profiles):
        project.problems.append(
            f"The service is started only with the profile {shown(profiles[0])}, or when it is named."
        )


def _network(service: dict[str, Any]) -> str:
    networks = service.get("networks")
    mode = typed.optional_text(service, "network_mode", numbers=False)
    if mode and networks:
        raise RefusedValueError("network_mode and networks exclude each other")
    if isinstance(networks, dict):
        return mode or next(iter(networks), "")
    joined = typed.items(networks, "networks")
    return mode or (typed.text(joined[0], "networks") if joined else "")


def _restart(service: dict[str, Any]) -> str:
    own = typed.optional_text(service, "restart", numbers=False)
    policy = typed.mapping(service.get("deploy"), "deploy").get("restart_policy")
    if policy is None:
        return values.read_restart(own or "no")
    policy = typed.mapping(policy, "restart_policy")
    condition = typed.optional_text(policy, "condition")
    attempts = typed.optional_text(policy, "max_attempts")
    condition = _RESTARTS.get(condition, condition)
    return values.read_restart(
        f"{condition}:{attempts}" if condition == "on-failure" and attempts else condition
    )


def _security(service: dict[str, Any]) -> tuple[str, ...]:
    found = [
        typed.text(item, "security_opt") for item in typed.items(service.get("security_opt"), "security_opt")
    ]
    userns = typed.optional_text(service, "userns_mode")
    if userns not in ("", "host"):
        raise RefusedValueError(f'userns_mode takes host alone, and not "{shown(userns)}"')
    return (*found, *([f"userns={userns}"] if userns else []))
