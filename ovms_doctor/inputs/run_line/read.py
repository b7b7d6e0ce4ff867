"""A pasted ``docker run``, ``podman run`` or ``nerdctl run`` line as the Container that it would create."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.inputs.redacted_container import without_secrets
from ovms_doctor.inputs.run_line.container import NoImageError, RunCommand, RunLine, build
from ovms_doctor.inputs.run_line.options import read_options
from ovms_doctor.inputs.shell import LONGEST_LINE, ShellCommand, ShellContext, ShellText, split_text
from ovms_doctor.model.container import Container
from ovms_doctor.model.pattern import lazy_pattern

_PROGRAMS = {"docker": "docker", "docker.exe": "docker", "podman": "podman", "nerdctl": "nerdctl"}
_PROMPT = lazy_pattern(r"\A[\w.@~:/\\\[\]() -]{0,80}[$%>❯][ \t]+(?=(?:sudo|docker|podman|nerdctl)\b)")
_ROOT_PROMPT = lazy_pattern(r"\A[\w.@~:/\\\[\]() -]{0,80}#[ \t]+(?=(?:sudo|docker|podman|nerdctl)\b)")
_CONTINUED_PROMPT = lazy_pattern(r"(?<=\\\n)> ")
_ASSIGNMENT = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)
#: Programs that start another one, with their options that have a value.
_WRAPPERS = {
    "sudo": "-u -g -h -p -C -r -t -T -U -D -R --user --group --host", "env": "-u -C -S", "nice": "-n",
    "time": "-f -o", "timeout": "-s -k", "exec": "-a", "nohup": "", "command": "", "doas": "-u",
}  # fmt: skip
#: Options before ``run`` that have a value.
_GLOBAL_VALUES = {
    "docker": "--config -c --context -H --host -l --log-level --tlscacert --tlscert --tlskey",
    "podman": "--cgroup-manager --conmon -c --connection --events-backend --hooks-dir --identity --log-level --module "
    "--namespace --network-cmd-path --network-config-dir --out --root --runroot --runtime --runtime-flag --ssh "
    "--storage-driver --storage-opt --tmpdir --url --volumepath --imagestore --tls-ca --tls-cert --tls-key",
    "nerdctl": "-a --address -H --host -n --namespace --snapshotter --storage-driver --data-root --cgroup-manager "
    "--cni-path --cni-netconfpath --hosts-dir --host-gateway-ip --bridge-ip",
}
#: Options that name another host's engine.
_REMOTE = frozenset("-H --host -c --context --connection --url --remote -r".split())


def read_run_line(
    line: str,
    *,
    home: str,
    working_directory: str,
    ids: tuple[int, int] | None = None,
    read_file: Callable[[str], str | None] | None = None,
) -> Container:
    """Returns the container that ``line`` would create; ignores text around the command (a prompt, other commands).

    Raises DocumentError for another line, and for one that the shell, the client or the daemon would refuse. A value
    that depends on any other expansion is unknown: ``problems`` has a sentence, ``unknown_fields`` the names of the
    fields.

    ``home``, ``working_directory`` and ``ids``: those (uid, gid) of the user who would run the command; ``~``,
        ``$PWD``, ``$(id -u)`` and similar expansions use them.
    ``read_file``: returns the text of an ``--env-file``, None if it cannot be read.
    """
    if len(line) > LONGEST_LINE:
        raise DocumentError(f"The line is longer than {LONGEST_LINE:,} characters.")
    context = ShellContext(home, working_directory, ids)
    try:
        return _read(line, context, read_file)
    except NoImageError:
        # Without any backslash left, the lines were one line.
        if "\n" not in line.strip():
            raise
        container = _read(
            " ".join(row.strip().removesuffix("\\") for row in line.splitlines()), context, read_file
        )
        note = (
            "A shell would end the command at its first line break. ovms-doctor reads all lines as one "
            "command."
        )
        return replace(container, problems=(note, *container.problems))


def _read(line: str, context: ShellContext, read_file: Callable[[str], str | None] | None) -> Container:
    text = _CONTINUED_PROMPT.sub("", _PROMPT.sub("", line.replace("\r\n", "\n").lstrip(), count=1))
    split = split_text(text, context)
    command = _find(split, context)
    if command is None and _ROOT_PROMPT.match(text):
        split = split_text(_ROOT_PROMPT.sub("", text, count=1), context)
        command = _find(split, context)
    if command is None:
        raise DocumentError(_no_container_text(split))
    try:
        options = read_options(command.words, split, command.program, command.verb)
        return without_secrets(build(RunLine(command, options, split, context, read_file)))
    except RefusedValueError as error:
        reason = f"{command.program} would refuse the line: {error}."
        if split.divided:
            reason += (
                " An expansion outside quotes contains a blank, and the shell splits it there: put it in "
                "quotes."
            )
        raise DocumentError(reason) from None


def _find(split: ShellText, context: ShellContext) -> RunCommand | None:
    """Returns the command that creates a container; of several the first that names OVMS."""
    found = [command for item in split.commands if (command := _as_run(item, context))]
    if len(found) > 1:
        split.notes.append(
            f"The text has {len(found)} commands that create a container; ovms-doctor reads one of them."
        )
    named = [item for item in found if any("model_server" in word or "ovms" in word for word in item.words)]
    return next(iter(named or found), None)


def _as_run(command: ShellCommand, context: ShellContext) -> RunCommand | None:
    words, sudo = _unwrap(command.words)
    program = _PROGRAMS.get(words[0].rpartition("/")[2]) if words else None
    if program is None:
        return None
    remote = any(re.match(r"(DOCKER_HOST|DOCKER_CONTEXT|CONTAINER_HOST)=", word) for word in command.words)
    at = 1
    while at < len(words) and words[at].startswith("-"):
        name, equals, _ = words[at].partition("=")
        remote = remote or name in _REMOTE
        at += 2 if name in _GLOBAL_VALUES[program].split() and not equals else 1
    if words[at : at + 1] == ["container"]:
        at += 1
    if words[at : at + 1] not in (["run"], ["create"]):
        return None
    directory = None if command.changed_directory else context.working_directory
    return RunCommand(program, words[at], words[at + 1 :], directory, sudo=sudo, remote=remote)


def _unwrap(words: list[str]) -> tuple[list[str], bool]:
    """Returns ``words`` without assignments and programs before the command; and whether one of them makes it run as
    root."""
    words, sudo = list(words), False
    while words:
        name = words[0].rpartition("/")[2]
        if not _ASSIGNMENT.match(words[0]) and name not in _WRAPPERS:
            break
        del words[0]
        sudo = sudo or name in ("sudo", "doas")
        while name in _WRAPPERS and words and words[0].startswith("-"):
            del words[: 2 if words[0] in _WRAPPERS[name].split() else 1]
        if name == "timeout":
            del words[:1]
    return words, sudo


def _no_container_text(split: ShellText) -> str:
    for item in split.commands:
        words, _ = _unwrap(item.words)
        name = words[0].rpartition("/")[2] if words else ""
        if name == "docker-compose" or (name in _PROGRAMS and "compose" in words[1:4]):
            return "This is a Compose command: name its file with --compose instead."
        if name in _PROGRAMS:
            verb = next(
                (f" {for_message(split.show(word))}" for word in words[1:] if not word.startswith("-")), ""
            )
            return f"The line has {name}{verb}, not {name} run or {name} create."
    return "The line has no docker run, podman run or nerdctl run."
