"""The server's own arguments among the words that a container runs: entrypoint, wrappers, shells.

What runs is entrypoint and command in a row; what stands before the server's arguments may be the server itself, a
wrapper that ends in running what follows it, or a shell with a script. What only the running container's shell
could tell is not guessed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from ovms_doctor.inputs.image import is_official
from ovms_doctor.inputs.run_line.command_shell import Run, UnknownValueError, simple_commands
from ovms_doctor.inputs.values import shown
from ovms_doctor.model.text import HIDDEN, redact_words

#: The server's program in every image of OVMS (Dockerfile.ubuntu, Dockerfile.redhat).
SERVER = "/ovms/bin/ovms"
#: Deeper than any wrapper in a wrapper that somebody writes.
_DEEPEST = 12
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*=", re.ASCII)
_SHELLS = frozenset("sh bash dash ash zsh ksh mksh".split())
#: Programs that end in running the command in their arguments: their options that take the next word as a value,
#: and how many words stand before that command.
_WRAPPERS: Mapping[str, tuple[frozenset[str], int]] = {
    "tini": (frozenset(("-p", "-e")), 0),
    "tini-static": (frozenset(("-p", "-e")), 0),
    "docker-init": (frozenset(("-p", "-e")), 0),
    "podman-init": (frozenset(), 0),
    "catatonit": (frozenset(), 0),
    "dumb-init": (frozenset(("-r", "--rewrite")), 0),
    "env": (frozenset(("-u", "--unset", "-C", "--chdir")), 0),
    "nice": (frozenset(("-n", "--adjustment")), 0),
    "ionice": (frozenset(("-c", "-n", "--class", "--classdata")), 0),
    "timeout": (frozenset(("-k", "-s", "--kill-after", "--signal")), 1),
    "numactl": (
        frozenset(
            "-i -w -N -C -m -P -p --interleave --weighted-interleave --cpunodebind --physcpubind --membind "
            "--preferred-many --preferred".split()
        ),
        0,
    ),
    "taskset": (frozenset(), 1),
    "chrt": (frozenset(("-T", "-P", "-D")), 1),
    "stdbuf": (frozenset(("-i", "-o", "-e", "--input", "--output", "--error")), 0),
    "nohup": (frozenset(), 0),
    "setsid": (frozenset(), 0),
    "time": (frozenset(("-f", "-o", "--format", "--output")), 0),
    "strace": (frozenset("-a -b -e -E -I -o -O -P -s -S -u -U -X".split()), 0),
    "ltrace": (frozenset("-a -e -l -n -o -s -u -x".split()), 0),
    "exec": (frozenset(("-a",)), 0),
    "command": (frozenset(), 0),
}
#: Those that make another user of the server, or another place: what was read of the container holds no longer.
_CHANGES = frozenset(
    "gosu su-exec su sudo runuser setpriv chroot unshare nsenter capsh chpst s6-setuidgid".split()
)


class ServerCommand(Struct, frozen=True):
    """``program``: the words before the server's own, the values of variables and secrets hidden. ``words``: the
    server's arguments, redacted; None where they cannot be told, with the reason (a sentence) in ``unknown``.
    ``directory``: where a script before it has gone (``cd``), empty where it did not."""

    program: tuple[str, ...]
    words: tuple[str, ...] | None
    unknown: str = ""
    directory: str = ""


def server_words(
    entrypoint: Sequence[str] | None,
    command: Sequence[str] | None,
    image: str,
    *,
    environment: Mapping[str, str] | None = None,
    working_directory: str | None = None,
) -> ServerCommand:
    """What the server is given by a container with this ``entrypoint`` (None: the image's own) and ``command``.

    ``environment``: variables of the container, for the scripts that name them; None where they are not known.
    Source of the image's entrypoint: Dockerfile.ubuntu and Dockerfile.redhat; ``/ovms/bin/ovms``, since v2026.3 a
    shell that ends in it with the same arguments. They have no command.
    """
    words = list(command or ())
    if entrypoint is None:
        if is_official(image) or (words and words[0].startswith("-")):
            return ServerCommand((SERVER,), redact_words(words))
        if not words:
            what = f"the image {shown(image)}" if image else "the image"
            return ServerCommand(
                (), None, f"What {what} runs by itself is not known here: docker inspect tells."
            )
    else:
        words = [*entrypoint, *words]
    if not words:
        return ServerCommand((), None, "The container has neither an entrypoint nor a command.")
    try:
        return _words(words, environment or {}, working_directory, 0)
    except UnknownValueError as reason:
        return ServerCommand((shown(words[0]),), None, str(reason))


def _words(words: list[str], environment: Mapping[str, str], place: str | None, depth: int) -> ServerCommand:
    """Follows wrappers and shells to the server; NotKnown where they do not lead there."""
    if depth > _DEEPEST:
        raise UnknownValueError(
            "The container's command is a wrapper in a wrapper in a wrapper: it was not followed."
        )
    name = posixpath.basename(words[0])
    if name == "ovms":
        return ServerCommand((words[0],), redact_words(words[1:]))
    if name in _CHANGES:
        raise UnknownValueError(
            f"The container runs {shown(name)}, which makes another user or place of the server's."
        )
    if name == "busybox" and len(words) > 1:
        rest = _words(words[1:], environment, place, depth + 1)
        return ServerCommand((words[0], *rest.program), rest.words, rest.unknown, rest.directory)
    if name in _SHELLS:
        return _shell(words, environment, place, depth)
    if name not in _WRAPPERS:
        raise UnknownValueError(
            f"The container runs {shown(words[0])} and not the server itself: what that gives the server is not known."
        )
    if name == "env" and any(
        word in ("-S", "--split-string") or word.startswith(("-S", "--split-string=")) for word in words
    ):
        raise UnknownValueError("The container's env splits a text into words by itself (-S).")
    start = _after(words, name)
    if start >= len(words):
        raise UnknownValueError(f"The container runs {shown(words[0])}, and no command with it.")
    rest = _words(words[start:], environment, place, depth + 1)
    return ServerCommand((*_shown(words[:start]), *rest.program), rest.words, rest.unknown, rest.directory)


def _after(words: Sequence[str], name: str) -> int:
    """Where the wrapper's own words end."""
    takes_value, count = _WRAPPERS[name]
    at = 1
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        if words[at] == "--":
            at += 1
            break
        at += 2 if words[at] in takes_value else 1
    at += count
    while name == "env" and at < len(words) and _ASSIGNMENT.match(words[at]):
        at += 1
    return at


def _shown(words: Sequence[str]) -> tuple[str, ...]:
    hidden = [f"{word.partition('=')[0]}={HIDDEN}" if _ASSIGNMENT.match(word) else word for word in words]
    return redact_words(hidden)


def _shell(words: list[str], environment: Mapping[str, str], place: str | None, depth: int) -> ServerCommand:
    at, script = 1, False
    while at < len(words) and words[at][:1] in ("-", "+") and words[at] not in ("-", "--"):
        word = words[at]
        if not word.startswith("--"):
            script = script or (word[0] == "-" and "c" in word)
            at += 1 if word.endswith(("o", "O")) else 0
        elif word in ("--rcfile", "--init-file"):
            at += 1
        at += 1
    if at < len(words) and words[at] in ("-", "--"):
        at += 1
    if at >= len(words):
        raise UnknownValueError(f"The container runs {shown(words[0])} and gives it no script.")
    if not script:
        raise UnknownValueError(
            f"The container runs the script {shown(words[at])}, which cannot be read here."
        )
    text, arguments = words[at], words[at + 2 :]
    found: list[tuple[Run, ServerCommand]] = []
    last = ""
    for run in simple_commands(text, arguments, environment, place):
        if not run.leads_to("ovms"):
            last = run.words[0]
            continue
        if run.unknown:
            raise UnknownValueError(
                f"The server's arguments hold {run.unknown}, which only the container's shell knows."
            )
        found.append((run, _words(list(run.words), environment, place, depth + 1)))
    if not found:
        what = f" ends in {shown(last)} and" if last and not _ASSIGNMENT.match(last) else ""
        raise UnknownValueError(f"The script that the container's shell runs{what} does not name the server.")
    run, first = found[0]
    if any(other.words != first.words for _, other in found):
        raise UnknownValueError(
            "The script that the container's shell runs starts the server in more than one way."
        )
    if run.directory is None and _is_relative(first.words or ()):
        raise UnknownValueError(
            "The script that the container's shell runs changes to a directory that is not known."
        )
    directory = first.directory or run.directory or ""
    return ServerCommand((words[0], "-c", *first.program), first.words, first.unknown, directory)


def _is_relative(words: Sequence[str]) -> bool:
    """Whether one of the arguments may be a path below the working directory."""
    values = [word.partition("=")[2] if word.startswith("--") else word for word in words]
    return any(
        (value and not value.startswith(("/", "-")) and "/" in value) or value.endswith(".json")
        for value in values
    )
