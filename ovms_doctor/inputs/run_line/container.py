"""Converts the options of a run line into the Container: their effect, and the unknown parts."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError, engine_values, mounts
from ovms_doctor.inputs.command import ServerCommand, server_command
from ovms_doctor.inputs.engine_settings import EngineSettings, container_with
from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.inputs.run_line.options import Options
from ovms_doctor.inputs.shell import ShellContext, ShellText
from ovms_doctor.model.container import Container, ContainerMount, Engine, MountKind
from ovms_doctor.model.environment import read_file as read_environment_file
from ovms_doctor.model.environment import variables

#: Options that are read literally, and the Container's fields that they set.
_FIELDS = {
    "name": "name", "workdir": "working_directory", "user": "user", "group-add": "groups", "publish": "ports",
    "network": "network", "device": "devices", "gpus": "device_requests", "restart": "restart",
    "cap-drop": "capabilities_dropped", "sysctl": "first_open_port",
    "security-opt": "security", "userns": "security id_map",
    **dict.fromkeys("memory memory-swap memory-reservation cpus cpu-period cpu-quota cpuset-cpus pids-limit shm-size "
        "ulimit".split(), "limits"),
    **dict.fromkeys("health-interval health-timeout health-start-period health-retries".split(), "probes"),
}  # fmt: skip
_REPEATABLE = frozenset("group-add publish network device gpus cap-drop security-opt sysctl ulimit".split())
_ENGINES: dict[str, Engine] = {"docker": "docker", "podman": "podman"}


class NoImageError(DocumentError):
    """The line ends before it names an image."""


class RunCommand(Struct, frozen=True):
    """The command that creates the container."""

    #: ``docker``, ``podman`` or ``nerdctl``.
    program: str
    #: ``run`` or ``create``.
    verb: str
    #: The arguments after it.
    words: list[str]
    #: The directory in which it is run; None if it is unknown.
    directory: str | None
    #: Whether it runs as root.
    sudo: bool = False
    #: Whether the engine is on another host.
    remote: bool = False


class RunLine(Struct):
    """A run line in parts, with the results of reading it."""

    #: The command that creates the container.
    command: RunCommand
    #: Its options.
    options: Options
    #: The text of the line, split into commands.
    text: ShellText
    #: The known values of its expansions.
    context: ShellContext
    #: Returns the text of an environment file, None if it cannot be read.
    read_file: Callable[[str], str | None] | None = None
    #: Sentences for the user.
    problems: list[str] = field(default_factory=list)
    #: Fields of the Container that are not, or not completely, known.
    unknown: set[str] = field(default_factory=set)

    @property
    def podman(self) -> bool:
        """Whether Podman's rules apply."""
        return self.command.program == "podman"

    def not_known(self, fields: str, sentence: str) -> None:
        """Notes that the fields (names with blanks between) are unknown, and why."""
        self.problems.append(sentence)
        self.unknown.update(fields.split())

    def is_known(self, text: str, option: str, fields: str) -> bool:
        """Whether all of ``text``, the value of ``option``, is known; if not, notes the fields."""
        name = self.text.unknown(text)
        if name:
            self.not_known(fields, f"The value of {option} contains {name}, which is not known here.")
        return not name

    def known_settings(self) -> EngineSettings:
        """Returns the options with known values; for the others, notes the fields that they set as unknown."""
        values = {}
        for option, fields in _FIELDS.items():
            texts = self.options.all(option)
            texts = texts if option in _REPEATABLE else texts[-1:]
            values[option] = [text for text in texts if self.is_known(text, f"--{option}", fields)]
        test = self.text.show(self.options.last("health-cmd") or "")
        values["health-cmd"] = [] if self.podman and test == "none" else [test]
        values["ulimit"] = [text for text in values["ulimit"] if text != "host"]
        return EngineSettings(values, self.options.switches)


def build(line: RunLine) -> Container:
    """Returns the container that ``line`` creates. Raises DocumentError for a line that the client or the daemon
    would refuse."""
    options, switches = line.options, line.options.switches
    if switches.get("help"):
        raise DocumentError(f"With --help {line.command.program} prints its help and creates no container.")
    if not options.rest:
        raise NoImageError(f"The line does not name an image; {line.command.program} would refuse it.")
    line.problems.extend(line.text.notes)
    _note_unknown(line)
    _check_conflicts(line)
    program = line.command.program
    container = container_with(
        line.known_settings(),
        "docker-run",
        f"{program} {line.command.verb}",
        _image(line),
        any_namespace=program != "docker",
    )
    if container.limits.memory_swap and not options.all("memory"):
        raise RefusedValueError("--memory-swap needs --memory")
    pairs, names = _environment(line)
    server = _server_command(line, container, pairs)
    return replace(
        container,
        source_name=container.name or container.source_name,
        engine=_ENGINES.get(program, ""),
        elsewhere=line.command.remote,
        program=server.program,
        arguments=server.arguments,
        arguments_unavailable=server.unavailable,
        mounts=_mounts(line),
        environment=variables(pairs),
        environment_names=tuple(sorted(names)),
        limits=replace(container.limits, complete="limits" not in line.unknown),
        user_namespace="rootless" if _is_rootless(line) else "",
        problems=tuple(dict.fromkeys(line.problems)),
        unknown_fields=tuple(sorted(line.unknown)),
    )


def _note_unknown(line: RunLine) -> None:
    """Notes the options that make a part of the container unknown."""
    options, switches = line.options, line.options.switches
    if switches.get("rootfs"):
        raise DocumentError("With --rootfs the container is created from a directory, not from an image.")
    for name in options.unknown:
        line.not_known(
            "mounts environment groups devices limits user",
            f"{name} may add options, and its value is not known here.",
        )
    if line.command.remote:
        line.problems.append("The engine is on another host: the paths belong to that host, not to this one.")
    if options.all("volumes-from"):
        line.not_known("mounts", "The container also has the mounts of other containers (--volumes-from).")
    if options.all("pod"):
        line.not_known("limits ports network", "The container joins a pod, which has settings of its own.")
    if options.all("env-merge", "unsetenv") or switches.get("env-host"):
        line.not_known("environment", "The environment has more sources than the line.")
    if options.all("uidmap", "gidmap"):
        line.not_known("id_map", "The user namespace has its own id map, which ovms-doctor does not read.")


def _check_conflicts(line: RunLine) -> None:
    """Raises RefusedValueError for options that the client and the daemon refuse together."""
    options, switches = line.options, line.options.switches
    restart, pull = options.last("restart") or "no", options.last("pull") or "missing"
    if switches.get("rm") and restart != "no" and not line.text.unknown(restart):
        raise RefusedValueError("--rm and --restart exclude each other")
    if options.all("cpus") and options.all("cpu-period", "cpu-quota"):
        raise RefusedValueError("--cpus excludes --cpu-period and --cpu-quota")
    if switches.get("no-healthcheck") and any(name.startswith("health-") for name in options.values):
        raise RefusedValueError("--no-healthcheck excludes the options for a health check")
    known = pull in ("always", "missing", "never") or line.text.unknown(pull)
    if line.command.program == "docker" and not known:
        raise RefusedValueError(f'--pull accepts always, missing or never, but not "{for_message(pull)}"')


def _image(line: RunLine) -> str:
    word = line.options.rest[0]
    name = line.text.unknown(word)
    if name:
        line.not_known("image", f"The image is named by {name}, which is not known here.")
        return ""
    if not word:
        raise RefusedValueError("the name of the image is empty")
    return engine_values.check_image(word)


def _server_command(line: RunLine, container: Container, pairs: list[tuple[str, str]]) -> ServerCommand:
    """Returns the server's arguments; scripts get the known part of the environment."""
    command, entrypoint = line.options.rest[1:], _entrypoint(line)
    name = next(filter(None, map(line.text.unknown, (*(entrypoint or ()), *command))), "")
    if name:
        line.unknown.add("arguments")
        return ServerCommand((), None, f"The server's arguments contain {name}, which is not known here.")
    return server_command(
        entrypoint,
        command,
        container.image,
        environment=None if "environment" in line.unknown else dict(pairs),
        working_directory=container.working_directory or None,
    )


def _entrypoint(line: RunLine) -> tuple[str, ...] | None:
    text = line.options.last("entrypoint")
    if text is not None and line.podman and text.startswith("["):
        try:
            entrypoint = json.loads(text)
        except (ValueError, RecursionError):
            entrypoint = None
        if isinstance(entrypoint, list) and all(isinstance(word, str) for word in entrypoint):
            return tuple(entrypoint)
    return None if text is None else (text,) if text else ()


# -- environment ---------------------------------------------------------------------------------------


def _environment(line: RunLine) -> tuple[list[tuple[str, str]], set[str]]:
    """Returns the pairs with known values, and all names; the order is the client's: files first."""
    known: dict[str, str | None] = {}
    for path in line.options.all("env-file"):
        if line.is_known(path, "--env-file", "environment"):
            known.update(_environment_file(line, path))
    for item in line.options.all("env"):
        name, equals, value = item.partition("=")
        if not line.is_known(name, "--env", "environment"):
            continue
        if not name:
            raise RefusedValueError("a variable of the environment has no name")
        if line.podman and name.endswith("*") and not equals:
            line.not_known("environment", "--env passes all variables whose names begin with a word.")
            continue
        known[name] = value if equals and not line.text.unknown(value) else None
    for name, text in known.items():
        if text is None and variables([(name, "")]):
            line.not_known("environment", f"The value of the variable {for_message(name)} is not known here.")
    return [(name, text) for name, text in known.items() if text is not None], set(known)


def _environment_file(line: RunLine, path: str) -> dict[str, str | None]:
    directory = line.command.directory
    text = line.read_file(posixpath.join(directory, path)) if line.read_file and directory else None
    if text is None:
        line.not_known("environment", f"The environment file {for_message(path)} was not read.")
        return {}
    pairs, wrong = read_environment_file(text)
    if wrong is not None:
        raise RefusedValueError(f"line {wrong} of the environment file {for_message(path)} has no variable")
    # A line with only a name takes the value from the client's environment.
    names = (row.strip() for row in text.splitlines())
    alone = {name: None for name in names if name and not name.startswith("#") and "=" not in name}
    return {**alone, **dict(pairs)}


# -- mounts --------------------------------------------------------------------------------------------


def _mounts(line: RunLine) -> tuple[ContainerMount, ...]:
    """Returns all mounts of the line. Raises RefusedValueError for two at one path."""
    directory, podman = line.command.directory or "/", line.podman
    readers: dict[str, Callable[[str], ContainerMount]] = {
        "volume": lambda text: mounts.read_volume(text, directory, podman=podman),
        "mount": lambda text: mounts.read_mount(text, directory, podman=podman),
        "tmpfs": mounts.read_tmpfs,
    }
    found: list[ContainerMount | None] = []
    for option, read in readers.items():
        for text in dict.fromkeys(line.options.all(option)):
            known = line.is_known(text, f"--{option}", "mounts")
            found.append(
                _known_mount(line, option, text, read(text)) if known else _partly_known(line, option, text)
            )
    found += [
        _secret(text) for text in line.options.all("secret") if line.is_known(text, "--secret", "mounts")
    ]
    made = tuple(mount for mount in found if mount is not None)
    mounts.check_targets(made)
    return made


def _known_mount(line: RunLine, option: str, text: str, mount: ContainerMount) -> ContainerMount:
    if mount.kind != "bind":
        return mount
    if line.command.directory is None and re.search(r"(?:^|[=,])(?:src=|source=)?\.", text):
        line.not_known(
            "mounts",
            f"--{option} has a relative path, and ovms-doctor does not follow the cd before the command.",
        )
        return _without_host(mount)
    if mount.host is None:
        line.not_known(
            "mounts", f"The host's path of the mount at {for_message(mount.server)} is a Windows path."
        )
    return mount


def _partly_known(line: RunLine, option: str, text: str) -> ContainerMount | None:
    """Returns a mount with an unknown host path and a known path in the container."""
    if option == "volume":
        source, _, rest = text.partition(":")
        if (
            source
            and rest
            and not rest.startswith(":")
            and not line.text.unknown(rest)
            and rest.count(":") < 2
        ):
            # A known part of it shows whether it is a path or a volume's name.
            kind: MountKind = "bind" if "/" in line.text.show(source) else "other"
            return _without_host(mounts.read_volume(f"/unknown:{rest}", "/", podman=line.podman), kind)
    if option == "mount":
        fields = dict(item.partition("=")[::2] for item in text.split(","))
        target = next((fields[key] for key in ("target", "dst", "destination") if fields.get(key)), "")
        if target and not line.text.unknown(target):
            read_only = any(fields.get(key) in ("", "true", "1") for key in ("ro", "readonly"))
            kind = "bind" if fields.get("type") == "bind" else "other"
            return ContainerMount(mounts.inside(target), kind, None, read_only)
    return None


def _without_host(mount: ContainerMount, kind: MountKind = "bind") -> ContainerMount:
    return replace(mount, kind=kind, host=None, created_by_engine=mount.created_by_engine and kind == "bind")


def _secret(text: str) -> ContainerMount | None:
    """Returns the mount of Podman's ``--secret``, which is a file unless its type is ``env``."""
    name, _, rest = text.partition(",")
    fields = dict(item.partition("=")[::2] for item in rest.split(",") if item)
    if fields.get("type", "mount") != "mount":
        return None
    target = posixpath.join("/run/secrets", fields.get("target", name))
    return ContainerMount(mounts.inside(target), "config", None, True, name=name)


def _is_rootless(line: RunLine) -> bool:
    """Whether Podman starts the container as a user other than root: it has no daemon, so that user owns it."""
    ids = line.context.ids
    return line.podman and not line.command.sudo and ids is not None and ids[0] != 0
