"""The server's own arguments in the command line of a container: entrypoint, wrappers, shell scripts.

A container runs its entrypoint followed by its command. Before the server's arguments there may be the server's
program, a wrapper that finally runs the arguments after it, or a shell with a script. A value that only the shell in
the running container has is not guessed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.engine_values import for_message
from ovms_doctor.inputs.image import is_official
from ovms_doctor.inputs.shell import ShellContext, split_text
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.redaction import redact_arguments
from ovms_doctor.model.text import HIDDEN

#: The server's program in every image of OVMS (Dockerfile.ubuntu, Dockerfile.redhat).
SERVER = "/ovms/bin/ovms"
#: Deeper than any real nesting of wrappers.
_DEEPEST = 12
_ASSIGNMENT = lazy_pattern(r"([A-Za-z_][A-Za-z0-9_.]*)=", re.ASCII)
_SHELLS = frozenset("sh bash dash ash zsh ksh mksh".split())
#: Programs that finally run the command in their arguments: their options with a separate value, and the number of
#: arguments before that command.
_WRAPPERS: Mapping[str, tuple[str, int]] = {
    **dict.fromkeys(("tini", "tini-static", "docker-init"), ("-p -e", 0)),
    **dict.fromkeys(("podman-init", "catatonit", "nohup", "setsid", "command"), ("", 0)),
    "dumb-init": ("-r --rewrite", 0),
    "env": ("-u --unset -C --chdir", 0),
    "nice": ("-n --adjustment", 0),
    "ionice": ("-c -n --class --classdata", 0),
    "timeout": ("-k -s --kill-after --signal", 1),
    "numactl": (
        "-i -w -N -C -m -P -p --interleave --weighted-interleave --cpunodebind --physcpubind --membind "
        "--preferred-many --preferred",
        0,
    ),
    "taskset": ("", 1),
    "chrt": ("-T -P -D", 1),
    "stdbuf": ("-i -o -e --input --output --error", 0),
    "time": ("-f -o --format --output", 0),
    "strace": ("-a -b -e -E -I -o -O -P -s -S -u -U -X", 0),
    "ltrace": ("-a -e -l -n -o -s -u -x", 0),
    "exec": ("-a", 0),
}
#: Programs that run the server as another user or with another root: the container's data does not apply to it.
_CHANGES = frozenset(
    "gosu su-exec su sudo runuser setpriv chroot unshare nsenter capsh chpst s6-setuidgid".split()
)
_BRANCHES = frozenset("if elif while until for case select function".split())
_RESERVED = _BRANCHES | frozenset("then do else ! { exec".split())
#: After these commands any variable may have any value.
_SETS_ANYTHING = frozenset((".", "source", "eval", "set", "shift", "read", "getopts", "mapfile"))
_DECLARING = frozenset("export readonly local declare typeset".split())


class UnknownArgumentsError(Exception):
    """The server's arguments cannot be determined; the message is a sentence for the user, without values."""


class ServerCommand(Struct, frozen=True):
    """The server's arguments in a container."""

    #: The arguments before the server's own, with variables and secrets hidden.
    program: tuple[str, ...]
    #: The server's arguments, redacted; None if they are unknown.
    arguments: tuple[str, ...] | None
    #: Why they are unknown, as a sentence; empty if they are known.
    unavailable: str = ""


class _ScriptCommand(Struct, frozen=True):
    """A simple command of a script."""

    words: tuple[str, ...]
    #: The first unknown expansion in it; empty if all are known.
    unknown: str
    changed_directory: bool

    def leads_to_server(self) -> bool:
        """Whether one of the words is the server's program, or a script that contains its name."""
        return any(
            posixpath.basename(word) == "ovms" or (" " in word and "ovms" in word.split("/")[-1])
            for word in self.words
        )


def server_command(
    entrypoint: Sequence[str] | None,
    command: Sequence[str] | None,
    image: str,
    *,
    environment: Mapping[str, str] | None = None,
    working_directory: str | None = None,
) -> ServerCommand:
    """Returns the server's arguments in a container with this ``entrypoint`` (None: the image's own) and
    ``command``.

    ``environment``: variables of the container, for the scripts that use them; None if they are unknown. Source of
        the image's entrypoint: Dockerfile.ubuntu and Dockerfile.redhat; ``/ovms/bin/ovms``, since v2026.3 a shell
        that ends in it with the same arguments. They have no command.
    """
    words = list(command or ())
    if entrypoint is None:
        # Options for the server; ``-c SCRIPT`` is for a shell.
        for_shell = bool(words) and re.fullmatch(r"-[a-z]*c", words[0]) is not None
        if is_official(image) or (words and words[0].startswith("-") and not for_shell):
            return ServerCommand((SERVER,), redact_arguments(words))
        if not words or for_shell:
            name = f"the image {for_message(image)}" if image else "the image"
            return ServerCommand(
                (), None, f"What {name} runs by default is not known here: docker inspect shows it."
            )
    words = [*(entrypoint or ()), *words]
    if not words:
        return ServerCommand((), None, "The container has neither an entrypoint nor a command.")
    # The rule that hides a secret among options hides it here: a script that uses it gets no value.
    known = {
        name: value
        for name, value in (environment or {}).items()
        if redact_arguments([f"--{name}=x"]) == (f"--{name}=x",) and "\0" not in value
    }
    try:
        return _follow(words, ShellContext(None, working_directory, variables=known), 0)
    except UnknownArgumentsError as error:
        return ServerCommand((for_message(words[0]),), None, str(error))


def _follow(words: Sequence[str], context: ShellContext, depth: int) -> ServerCommand:
    """Follows wrappers and shells to the server. Raises UnknownArgumentsError if they do not lead to it."""
    if depth > _DEEPEST:
        raise UnknownArgumentsError(
            "The container's command has too many wrappers, and ovms-doctor did not follow it."
        )
    name = posixpath.basename(words[0])
    if name == "ovms":
        return ServerCommand((words[0],), redact_arguments(words[1:]))
    if name in _CHANGES:
        raise UnknownArgumentsError(
            f"The container runs {for_message(name)}, which changes the server's user or root directory."
        )
    if name in _SHELLS:
        return _shell(words, context, depth)
    if name == "env" and any(re.match(r"-S|--split-string(=|$)", word) for word in words):
        raise UnknownArgumentsError("The container's env splits a text into words by itself (-S).")
    if words[0].startswith("-"):
        option = for_message(words[0].partition("=")[0])
        raise UnknownArgumentsError(
            f"The container's program is {option}, which is an option: what replaces the image's "
            "entrypoint must name a program. In a manifest, write the server's arguments into args; in a Compose file "
            "into command."
        )
    if name == "busybox":
        start = 1
    elif name in _WRAPPERS:
        start = _command_start(words, name)
    else:
        raise UnknownArgumentsError(
            f"The container runs {for_message(words[0])} and not the server itself. It is not known which "
            "arguments that program passes to the server."
        )
    if start >= len(words):
        raise UnknownArgumentsError(f"The container runs {for_message(words[0])}, without a command.")
    found = _follow(words[start:], context, depth + 1)
    before = [
        f"{word.partition('=')[0]}={HIDDEN}" if _ASSIGNMENT.match(word) else word for word in words[:start]
    ]
    return ServerCommand((*redact_arguments(before), *found.program), found.arguments, found.unavailable)


def _command_start(words: Sequence[str], name: str) -> int:
    """Returns the index after the wrapper's own arguments."""
    takes_value, count = _WRAPPERS[name]
    at = 1
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        if words[at] == "--":
            at += 1
            break
        at += 2 if words[at] in takes_value.split() else 1
    at += count
    while name == "env" and at < len(words) and _ASSIGNMENT.match(words[at]):
        at += 1
    return at


# -- scripts -------------------------------------------------------------------------------------------


def _shell(words: Sequence[str], context: ShellContext, depth: int) -> ServerCommand:
    at, is_script = 1, False
    while at < len(words) and words[at][:1] in ("-", "+") and words[at] not in ("-", "--"):
        word = words[at]
        is_script = is_script or re.match(r"-(?!-).*c", word) is not None
        at += 2 if re.match(r"[-+](?!-).*[oO]$|--(rcfile|init-file)$", word) else 1
    if at < len(words) and words[at] in ("-", "--"):
        at += 1
    if at >= len(words):
        raise UnknownArgumentsError(f"The container runs {for_message(words[0])} without a script.")
    if not is_script:
        raise UnknownArgumentsError(
            f"The container runs the script {for_message(words[at])}, which cannot be read here."
        )
    found: list[tuple[_ScriptCommand, ServerCommand]] = []
    last = ""
    for command in _script_commands(words[at], words[at + 2 :], context):
        if not command.leads_to_server():
            last = command.words[0]
            continue
        if command.unknown:
            raise UnknownArgumentsError(
                f"The server's arguments contain {command.unknown}, which only the container's shell can set."
            )
        found.append((command, _follow(command.words, context, depth + 1)))
    if not found:
        end = f" ends in {for_message(last)} and" if last else ""
        raise UnknownArgumentsError(
            f"The script that the container's shell runs{end} does not name the server."
        )
    command, first = found[0]
    if any(other.arguments != first.arguments for _, other in found):
        raise UnknownArgumentsError(
            "The script that the container's shell runs starts the server in more than one way."
        )
    if command.changed_directory and _is_relative(first.arguments or ()):
        raise UnknownArgumentsError(
            "The script that the container's shell runs changes the directory, and the server is given a relative path."
        )
    return ServerCommand((words[0], "-c", *first.program), first.arguments, first.unavailable)


def _script_commands(
    script: str, arguments: Sequence[str], context: ShellContext
) -> Iterator[_ScriptCommand]:
    """Yields the commands of ``script`` in turn, without reserved words and assignments before them."""
    context = ShellContext(None, context.working_directory, None, context.variables, tuple(arguments))
    try:
        text = split_text(script, context)
    except DocumentError as error:
        raise UnknownArgumentsError(
            f"The script that the container's shell runs cannot be read. {error}"
        ) from None
    branches, doubtful = False, ""
    for command in text.commands:
        words = list(command.words)
        while words and words[0] in _RESERVED:
            branches = words.pop(0) in _BRANCHES or branches
        doubtful = doubtful or _doubtful_variable(words, script, branches=branches)
        while words and _ASSIGNMENT.match(words[0]):
            del words[0]
        if words:
            unknown = next(filter(None, map(text.unknown, words)), "")
            yield _ScriptCommand(
                tuple(map(text.show, words)),
                unknown or (doubtful if "$" in script else ""),
                command.changed_directory,
            )


def _doubtful_variable(words: Sequence[str], script: str, *, branches: bool) -> str:
    """Returns a variable that the script uses and that this command may have set; empty without one."""
    if words and words[0] in _SETS_ANYTHING:
        return f"a variable that {words[0]} may have set"
    if branches:
        for word in words[1:] if words[:1] and words[0] in _DECLARING else words[:1]:
            match = _ASSIGNMENT.match(word)
            if match and re.search(rf"\$\{{?{re.escape(match[1])}\b", script):
                return f"${match[1]}"
    return ""


def _is_relative(words: Sequence[str]) -> bool:
    """Whether one of the arguments may be a path below the working directory."""
    values = (word.partition("=")[2] if word.startswith("--") else word for word in words)
    return any(
        not value.startswith(("/", "-")) and ("/" in value or value.endswith(".json")) for value in values
    )
