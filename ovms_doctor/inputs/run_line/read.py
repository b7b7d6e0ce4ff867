"""A pasted ``docker run``, ``podman run`` or ``nerdctl run`` line as the Container that it would make."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.run_line.collected import RunCommand
from ovms_doctor.inputs.run_line.container import NoImageError, build
from ovms_doctor.inputs.run_line.options import read_options
from ovms_doctor.inputs.run_line.shell import LONGEST_LINE, Command, Shell, split
from ovms_doctor.inputs.run_line.substitution import ShellContext
from ovms_doctor.inputs.values import UnsupportedDocumentError, shown
from ovms_doctor.model.container import Container

_PROGRAMS = {"docker": "docker", "docker.exe": "docker", "podman": "podman", "nerdctl": "nerdctl"}
_PROMPT = re.compile(r"[\w.@~:/\\\[\]() -]{0,80}[$%>❯][ \t]+(?=(?:sudo|docker|podman|nerdctl)\b)")
_ROOT_PROMPT = re.compile(r"[\w.@~:/\\\[\]() -]{0,80}#[ \t]+(?=(?:sudo|docker|podman|nerdctl)\b)")
_CONTINUED_PROMPT = re.compile(r"(?<=\\\n)> ")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)
#: Programs that start another one, with those of their options that take a value.
_WRAPPERS = {
    "sudo": {"-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group", "--host"},
    "env": {"-u", "-C", "-S"}, "nice": {"-n"}, "time": {"-f", "-o"}, "timeout": {"-s", "-k"}, "exec": {"-a"},
    "nohup": set(), "command": set(), "doas": {"-u"},
}  # fmt: skip
#: Options before ``run`` that take a value, and those that name another host's engine.
_GLOBAL_VALUES = {
    "docker": {"--config", "-c", "--context", "-H", "--host", "-l", "--log-level", "--tlscacert", "--tlscert",
        "--tlskey"},
    "podman": {
        "--cgroup-manager", "--conmon", "-c", "--connection", "--events-backend", "--hooks-dir", "--identity",
        "--log-level", "--module", "--namespace", "--network-cmd-path", "--network-config-dir", "--out", "--root",
        "--runroot", "--runtime", "--runtime-flag", "--ssh", "--storage-driver", "--storage-opt", "--tmpdir", "--url",
        "--volumepath", "--imagestore", "--tls-ca", "--tls-cert", "--tls-key",
    },
    "nerdctl": {
        "-a", "--address", "-H", "--host", "-n", "--namespace", "--snapshotter", "--storage-driver", "--data-root",
        "--cgroup-manager", "--cni-path", "--cni-netconfpath", "--hosts-dir", "--host-gateway-ip", "--bridge-ip",
    },
}  # fmt: skip
_ELSEWHERE = {"-H", "--host", "-c", "--context", "--connection", "--url", "--remote", "-r"}


def read_run_line(
    line: str,
    *,
    home: str,
    working_directory: str,
    ids: tuple[int, int] | None = None,
    read_file: Callable[[str], str | None] | None = None,
) -> Container:
    """The container that ``line`` would make; what surrounds the command (a prompt, other commands) is left out.

    ``home``, ``working_directory`` and ``ids`` (uid, gid) are of the user who would give the command: ``~``,
    ``$PWD``, ``$(id -u)`` and their like stand for them. ``read_file`` answers with the text of an ``--env-file``,
    None where it cannot be read. What hangs on any other expansion is not known, and said in ``problems``;
    ``unknown_fields`` has the names of the fields. NotRead for what is no such line, and for what the shell, the
    client or the daemon would refuse.
    """
    if len(line) > LONGEST_LINE:
        raise DocumentError(f"The line is longer than {LONGEST_LINE:,} characters.")
    given = ShellContext(home, working_directory, ids)
    try:
        return _read(line, given, read_file)
    except NoImageError:
        # Without a single backslash left, the lines can only have been one.
        if "\n" not in line.strip():
            raise
        container = _read(
            " ".join(row.strip().removesuffix("\\") for row in line.splitlines()), given, read_file
        )
        note = "A shell would end the command at its first line break; all lines are read as one command."
        return replace(container, problems=(note, *container.problems))


def _read(line: str, given: ShellContext, read_file: Callable[[str], str | None] | None) -> Container:
    text = _CONTINUED_PROMPT.sub("", _without(_PROMPT, line.replace("\r\n", "\n")))
    shell = split(text, given)
    command = _find(shell)
    if command is None and _ROOT_PROMPT.match(text.lstrip()):
        shell = split(_without(_ROOT_PROMPT, text), given)
        command = _find(shell)
    if command is None:
        raise DocumentError(_what_else(shell))
    try:
        options = read_options(command.words, shell, command.program, command.verb)
        return build(command, options, shell, given, read_file)
    except UnsupportedDocumentError as error:
        reason = f"{command.program} would refuse the line: {error}."
        if shell.divided:
            reason += " An expansion outside quotes holds a blank, and the shell divides it there: put it in quotes."
        raise DocumentError(reason) from None


def _without(prompt: re.Pattern[str], text: str) -> str:
    """``text`` without the prompt at its beginning."""
    text = text.lstrip()
    match = prompt.match(text)
    return text[match.end() :] if match else text


def _find(shell: Shell) -> RunCommand | None:
    """The command that makes a container; of several the first that names OVMS."""
    found = [command for item in shell.commands if (command := _as_run(item))]
    if len(found) > 1:
        shell.notes.append(
            f"The text has {len(found)} commands that make a container; one of them is looked at."
        )
    named = [item for item in found if any("model_server" in word or "ovms" in word for word in item.words)]
    return next(iter(named or found), None)


def _as_run(command: Command) -> RunCommand | None:
    words, sudo = _unwrap(list(command.words))
    program = _PROGRAMS.get(words[0].rpartition("/")[2]) if words else None
    if program is None:
        return None
    at, elsewhere = (
        1,
        any(
            word.startswith(("DOCKER_HOST=", "DOCKER_CONTEXT=", "CONTAINER_HOST=")) for word in command.words
        ),
    )
    while at < len(words) and words[at].startswith("-"):
        name, equals, _ = words[at].partition("=")
        elsewhere = elsewhere or name in _ELSEWHERE
        at += 2 if name in _GLOBAL_VALUES[program] and not equals else 1
    if words[at : at + 1] == ["container"]:
        at += 1
    if words[at : at + 1] not in (["run"], ["create"]):
        return None
    return RunCommand(program, words[at], words[at + 1 :], command.directory, sudo=sudo, elsewhere=elsewhere)


def _unwrap(words: list[str]) -> tuple[list[str], bool]:
    """``words`` without assignments and programs before the command; and whether one of them makes it root's."""
    sudo = False
    while words:
        name = words[0].rpartition("/")[2]
        if _ASSIGNMENT.match(words[0]):
            del words[0]
        elif name in _WRAPPERS:
            sudo = sudo or name in ("sudo", "doas")
            del words[0]
            while words and words[0].startswith("-"):
                del words[: 2 if words[0] in _WRAPPERS[name] else 1]
            if name == "timeout":
                del words[:1]
        else:
            break
    return words, sudo


def _what_else(shell: Shell) -> str:
    for item in shell.commands:
        words, _ = _unwrap(list(item.words))
        if not words:
            continue
        name = words[0].rpartition("/")[2]
        if name == "docker-compose" or (name in _PROGRAMS and "compose" in words[1:4]):
            return "This is a command of Compose: give its file with --compose instead."
        if name in _PROGRAMS:
            verb = next((word for word in words[1:] if not word.startswith("-")), "")
            said = f" {shown(shell.show(verb))}" if verb else ""
            return f"The line has {name}{said}, and not {name} run or {name} create."
    return "The line has no docker run, podman run or nerdctl run."
