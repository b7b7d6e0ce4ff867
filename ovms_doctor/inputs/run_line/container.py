"""From the options of a run line to the Container: what each of them means, and what is not known of it."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator

from ovms_doctor.inputs import DocumentError, mounts, values
from ovms_doctor.inputs.command import ServerCommand, server_words
from ovms_doctor.inputs.image import release_of
from ovms_doctor.inputs.run_line import settings as run_settings
from ovms_doctor.inputs.run_line.collected import RunCommand, RunLine
from ovms_doctor.inputs.run_line.mounts import read_mounts
from ovms_doctor.inputs.run_line.options import Options
from ovms_doctor.inputs.run_line.shell import Shell
from ovms_doctor.inputs.run_line.substitution import ShellContext
from ovms_doctor.inputs.values import UnsupportedDocumentError, shown
from ovms_doctor.model.container import Container, Engine
from ovms_doctor.model.environment import read_file as read_environment_file
from ovms_doctor.model.environment import variables

_ENGINES: dict[str, Engine] = {"docker": "docker", "podman": "podman"}


class NoImageError(DocumentError):
    """The line ends before it names an image."""


def build(
    command: RunCommand,
    options: Options,
    shell: Shell,
    given: ShellContext,
    read_file: Callable[[str], str | None] | None,
) -> Container:
    """The container that ``command`` with ``options`` makes; Refused or NotRead as in ``read_run_line``."""
    return _Build(command, options, shell, given, read_file).container()


class _Build(RunLine):
    def container(self) -> Container:
        options = self.options
        if options.switches.get("help"):
            raise DocumentError(f"With --help {self.command.program} prints its help and makes no container.")
        if not options.rest:
            raise NoImageError(f"The line names no image; {self.command.program} would refuse it.")
        self.problems.extend(self.shell.notes)
        self.general_problems()
        self.check_conflicts()
        image = self.image()
        name = self.one("name", "name") or ""
        name = values.check_name(name) if name else ""
        pairs, names = self.environment()
        directory = values.check_directory(self.one("workdir", "working_directory") or "")
        said = self.arguments(image, pairs, directory)
        release, release_from = release_of(image, (), ()) if image else (None, "")
        return Container(
            source="docker-run",
            source_name=name or f"{self.command.program} {self.command.verb}",
            name=name,
            engine=_ENGINES.get(self.command.program, ""),
            image=image,
            release=release,
            release_from=release_from,
            program=said.program,
            arguments=said.words,
            arguments_unavailable=said.unknown,
            user=self.one("user", "user") or "",
            groups=tuple(self.many("group-add", "groups")),
            working_directory=said.directory or directory,
            mounts=read_mounts(self),
            ports=run_settings.ports(self),
            network=run_settings.network(self),
            environment=variables(pairs),
            environment_names=tuple(sorted(names)),
            limits=run_settings.limits(self),
            devices=tuple(mounts.read_device(item) for item in self.devices(cdi=False)),
            device_requests=(*run_settings.device_requests(self), *self.devices(cdi=True)),
            restart=values.read_restart(self.one("restart", "restart") or "no"),
            probes=run_settings.probes(self),
            read_only_root=options.switches.get("read-only", False),
            privileged=options.switches.get("privileged", False),
            capabilities_dropped=tuple(
                dict.fromkeys(
                    values.capability(item) for item in self.many("cap-drop", "capabilities_dropped")
                )
            ),
            security=run_settings.security(self),
            user_namespace="rootless" if self.rootless() else "",
            problems=tuple(dict.fromkeys(self.problems)),
            unknown_fields=tuple(sorted(self.unknown)),
        )

    # -- what the fields are made of -------------------------------------------------------------------

    def general_problems(self) -> None:
        options = self.options
        for name in options.unknown:
            self.not_known(
                "mounts environment groups devices limits user",
                f"{name} may add options, and what it stands for is not known here.",
            )
        if self.command.elsewhere:
            self.problems.append("The engine is another host's: the paths are its own, and not of this host.")
        if options.all("volumes-from"):
            self.not_known("mounts", "Mounts of other containers are taken over with --volumes-from.")
        if options.all("pod"):
            self.not_known(
                "limits ports network", "The container joins a pod, which has settings of its own."
            )
        if options.all("env-merge") or options.all("unsetenv") or options.switches.get("env-host"):
            self.not_known("environment", "The environment is put together from more than the line says.")
        if options.all("uidmap") or options.all("gidmap"):
            self.not_known("id_map", "The user namespace has a map of its own, which is not looked at.")
        if options.switches.get("rootfs"):
            raise DocumentError("With --rootfs the container is made of a directory, and not of an image.")

    def check_conflicts(self) -> None:
        """What the client and the daemon refuse to do together."""
        options = self.options
        removes = options.switches.get("rm", False)
        restart = options.last("restart")
        if removes and restart and restart != "no" and not self.shell.unknown(restart):
            raise UnsupportedDocumentError("--rm and --restart exclude each other")
        if options.all("cpus") and (options.all("cpu-period") or options.all("cpu-quota")):
            raise UnsupportedDocumentError("--cpus excludes --cpu-period and --cpu-quota")
        if options.switches.get("no-healthcheck") and any(
            name.startswith("health-") for name in options.values
        ):
            raise UnsupportedDocumentError("--no-healthcheck excludes the options for a health check")
        pull = options.last("pull")
        taken = pull in (None, "always", "missing", "never") or self.command.program != "docker"
        if pull is not None and not taken and not self.shell.unknown(pull):
            raise UnsupportedDocumentError(f'--pull takes always, missing or never, and not "{shown(pull)}"')

    def image(self) -> str:
        word = self.options.rest[0]
        name = self.shell.unknown(word)
        if name:
            self.not_known("image", f"The image is named by {name}, which is not known here.")
            return ""
        if not word:
            raise UnsupportedDocumentError("the name of the image is empty")
        return values.check_image(word)

    def arguments(self, image: str, pairs: list[tuple[str, str]], directory: str) -> ServerCommand:
        """Program and words; for a script in them the environment as far as it is known."""
        command = self.options.rest[1:]
        entrypoint = self.entrypoint()
        for word in (*(entrypoint or ()), *command):
            name = self.shell.unknown(word)
            if name:
                self.unknown.add("arguments")
                return ServerCommand(
                    (), None, f"The server's arguments hold {name}, which is not known here."
                )
        variables_known = None if "environment" in self.unknown else dict(pairs)
        return server_words(
            entrypoint, command, image, environment=variables_known, working_directory=directory or None
        )

    def entrypoint(self) -> tuple[str, ...] | None:
        text = self.options.last("entrypoint")
        if text is None:
            return None
        if self.command.program == "podman" and text.startswith("["):
            try:
                words = json.loads(text)
            except (ValueError, RecursionError):
                words = None
            if isinstance(words, list) and all(isinstance(word, str) for word in words):
                return tuple(words)
        return (text,) if text else ()

    def environment(self) -> tuple[list[tuple[str, str]], set[str]]:
        """The pairs whose values are known, and all names; the order is the client's: files first."""
        known: dict[str, str | None] = {}
        for path in self.many("env-file", "environment"):
            known.update(self.environment_file(path))
        for item in self.options.all("env"):
            name, equals, value = item.partition("=")
            if not self.is_known(name, "--env", "environment"):
                continue
            if not name:
                raise UnsupportedDocumentError("a variable of the environment has no name")
            if self.command.program == "podman" and name.endswith("*") and not equals:
                self.not_known("environment", "--env takes over all variables that begin with a word.")
                continue
            known[name] = value if equals and not self.shell.unknown(value) else None
        for name, text in known.items():
            if text is None and variables([(name, "")]):
                self.not_known("environment", f"The value of the variable {shown(name)} is not known here.")
        return [(name, text) for name, text in known.items() if text is not None], set(known)

    def environment_file(self, path: str) -> Iterator[tuple[str, str | None]]:
        place = posixpath.join(self.command.directory or "", path)
        text = self.read_file(place) if self.read_file and self.command.directory else None
        if text is None:
            self.not_known("environment", f"The environment file {shown(path)} was not read.")
            return
        pairs, wrong = read_environment_file(text)
        if wrong is not None:
            raise UnsupportedDocumentError(
                f"line {wrong} of the environment file {shown(path)} has no variable"
            )
        yield from pairs
        given = {name for name, _ in pairs}
        # A line with a name alone takes the value from the client's environment.
        for line in text.splitlines():
            name = line.strip()
            if name and not name.startswith("#") and "=" not in name and name not in given:
                yield name, None

    def devices(self, *, cdi: bool) -> list[str]:
        known = [text for text in self.options.all("device") if self.is_known(text, "--device", "devices")]
        return [text for text in known if mounts.is_cdi(text) is cdi]

    def rootless(self) -> bool:
        """Podman keeps no daemon: what a user other than root starts is that user's."""
        ids = self.given.ids
        return self.command.program == "podman" and not self.command.sudo and ids is not None and ids[0] != 0
