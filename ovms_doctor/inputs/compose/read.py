"""A service of a Compose file as the Container that Docker Compose (v2) would create."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.compose.interpolation import Interpolation, read_env_file
from ovms_doctor.inputs.compose.merge import localise, merge
from ovms_doctor.inputs.compose.schema import SERVICE_KEYS, TOP_KEYS, check_keys
from ovms_doctor.inputs.compose.service import Project, build, inactive_profile
from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.inputs.redacted_container import without_secrets
from ovms_doctor.inputs.yaml_documents import COMPOSE, load_documents
from ovms_doctor.model.container import Container
from ovms_doctor.model.pattern import lazy_pattern

_DEFAULT_FILES = frozenset({"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"})
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_OVMS_IMAGE = lazy_pattern(r"model[_-]server|ovms", re.IGNORECASE)
_OVMS_OPTION = lazy_pattern(
    r"--(?:model_path|model_name|config_path|rest_port|model_repository_path|source_model|target_device)(?![\w-])"
)
_SERVICE_NAME = lazy_pattern(r"[a-zA-Z0-9._-]+", re.ASCII)
_DEEPEST = 20


def read_compose(
    text: str,
    *,
    service: str | None,
    source_name: str,
    directory: str,
    environment: Mapping[str, str],
    read_file: Callable[[str], str | None],
) -> Container:
    """Returns the container of ``service``, or without a name of the only service that runs OVMS.

    Raises DocumentError for a document that is not a Compose file or that Compose would refuse. Values of variables
    are inserted for their names, and are in no message.

    ``source_name``: the file's name.
    ``directory``: its directory (absolute), from which relative paths count.
    ``environment``: the environment of ``docker compose``; the file ``.env`` in the same directory adds to it.
    ``read_file``: returns the text of another file (``.env``, ``env_file``, ``extends``, an override file), None if
        it cannot be read.
    """
    interpolation = Interpolation(environment)
    try:
        beside = read_file(posixpath.join(directory, ".env"))
        if beside is not None:
            found = read_env_file(beside, environment, "the file .env")
            interpolation = Interpolation({**found, **environment})
        reading = _Reading(interpolation, source_name, directory, read_file)
        return without_secrets(reading.container(text, service))
    except RefusedValueError as error:
        reason = interpolation.hide(str(error))
        raise DocumentError(
            f"Docker Compose would refuse {for_message(source_name)}: {reason.rstrip('.')}."
        ) from None
    except DocumentError as error:
        reason = interpolation.hide(str(error))
        raise DocumentError(f"{for_message(source_name)}: {reason.rstrip('.')}.") from None
    except RecursionError:
        raise DocumentError(f"{for_message(source_name)}: the values are nested too deeply.") from None


def _load(text: str) -> dict[str, Any]:
    """Returns the file's mapping, from its first document."""
    documents = load_documents(text, "the file", COMPOSE)
    if not documents or documents[0] is None:
        raise DocumentError("the file is empty")
    if not isinstance(documents[0], dict):
        raise DocumentError("the file is not a mapping of names to values")
    return documents[0]


def _mapping(value: Any, path: str) -> dict[str, Any]:
    """Returns a mapping; an empty one for no value."""
    if value is not None and not isinstance(value, dict):
        raise RefusedValueError(f"{path} must be a mapping")
    return value or {}


class _Reading:
    def __init__(
        self,
        interpolation: Interpolation,
        source_name: str,
        directory: str,
        read_file: Callable[[str], str | None],
    ) -> None:
        self.interpolation = interpolation
        self.source_name, self.directory, self.read_file = source_name, directory, read_file
        self.problems: list[str] = []

    def container(self, text: str, service_name: str | None) -> Container:
        raw = self.with_override(_load(text))
        check_keys(TOP_KEYS, raw, "the file")
        services = _mapping(raw.get("services"), "services")
        for name, item in services.items():
            if not _SERVICE_NAME.fullmatch(name):
                raise RefusedValueError(f'"{for_message(name)}" cannot be the name of a service')
            check_keys(SERVICE_KEYS, _mapping(item, f"services.{name}"), f"services.{name}")
        document = self.interpolation.data(raw)
        name = self.choose(services, service_name, bool(raw.get("include")))
        # Only variables that this service uses have a note: the rest of the file has other variables.
        self.interpolation.unset.clear()
        service = self.extended(services, name, self.directory, ())
        for variable in sorted(self.interpolation.unset):
            self.problems.append(f"The variable {variable} is not set: Compose uses an empty value.")
        variables = self.interpolation.variables
        project = Project(
            self.directory, self.project_name(document), document, variables, self.read_file, self.problems
        )
        others = tuple(other for other in services if other != name)
        return build(name, service, project, self.source_name, others)

    def with_override(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Returns the document merged with the override file in its directory, if the file has a default name."""
        if posixpath.basename(self.source_name) not in _DEFAULT_FILES:
            return raw
        for name in _OVERRIDES:
            text = self.read_file(posixpath.join(self.directory, name))
            if text is not None:
                self.problems.append(f"The file {name} next to it is merged into it, as Docker Compose does.")
                return merge(raw, _load(text))
        return raw

    def choose(self, services: dict[str, Any], service_name: str | None, includes: bool) -> str:
        names = ", ".join(for_message(name) for name in list(services)[:20])
        more = " Services of the files under include are not read." if includes else ""
        if includes:
            self.problems.append("The file includes other files, which are not read.")
        if service_name is not None:
            if service_name not in services:
                raise DocumentError(
                    f'there is no service "{for_message(service_name)}"; there is: {names or "none"}.{more}'
                )
            return service_name
        if not services:
            raise DocumentError(f"the file has no services.{more}")
        likely = [name for name in services if self.is_server(services, name)]
        variables = self.interpolation.variables
        started = [name for name in likely if not inactive_profile(services[name].get("profiles"), variables)]
        if len(likely) == 1 or len(started) == 1:
            # Of several similar services, the one that "docker compose up" starts.
            return (likely if len(likely) == 1 else started)[0]
        if not likely and len(services) == 1:
            return next(iter(services))
        problem = "more than one service looks" if likely else "no service looks"
        raise DocumentError(
            f"{problem} like OVMS; name one of {', '.join(map(for_message, likely)) or names}.{more}"
        )

    def is_server(self, services: dict[str, Any], name: str) -> bool:
        service = self.extended(services, name, self.directory, ())
        parts = [service.get("image"), *(service.get(key) for key in ("entrypoint", "command"))]
        arguments = [
            str(word) for part in parts[1:] for word in (part if isinstance(part, list) else [part]) if word
        ]
        return bool(
            _OVMS_IMAGE.search(str(parts[0] or "")) or any(_OVMS_OPTION.search(word) for word in arguments)
        )

    def extended(
        self, services: dict[str, Any], name: str, directory: str, chain: tuple[tuple[str, str], ...]
    ) -> dict[str, Any]:
        """Returns a service merged with all that it extends, variables inserted."""
        own: dict[str, Any] = dict(self.interpolation.data(_mapping(services[name], f"services.{name}")))
        extended = own.pop("extends", None)
        if extended is None:
            return own
        link = (directory, name)
        if link in chain or len(chain) > _DEEPEST:
            raise RefusedValueError(f"services.{for_message(name)} extends itself")
        extended = {"service": extended} if isinstance(extended, str) else _mapping(extended, "extends")
        base_name = str(extended.get("service") or "")
        file = str(extended.get("file") or "")
        if not file:
            if base_name not in services:
                raise RefusedValueError(
                    f'services.{for_message(name)} extends the service "{for_message(base_name)}", which does not exist'
                )
            return merge(self.extended(services, base_name, directory, (*chain, link)), own)
        path = posixpath.normpath(posixpath.join(directory, file))
        text = self.read_file(path)
        if text is None:
            raise DocumentError(
                f"the file {for_message(file)}, which services.{for_message(name)} extends, cannot be read."
            )
        others = _mapping(_load(text).get("services"), "services")
        if base_name not in others:
            raise RefusedValueError(f'the file {for_message(file)} has no service "{for_message(base_name)}"')
        folder = posixpath.dirname(path)
        base = self.extended(others, base_name, folder, (*chain, link))
        return merge(localise(base, folder), own)

    def project_name(self, document: dict[str, Any]) -> str:
        """Returns the prefix of the volumes' names: the configured one, or the directory's name in small letters."""
        variables = self.interpolation.variables
        configured = variables.get("COMPOSE_PROJECT_NAME") or str(document.get("name") or "")
        text = (configured or posixpath.basename(self.directory)).lower()
        return re.sub(r"[^-_a-z0-9]", "", text).lstrip("_-")
