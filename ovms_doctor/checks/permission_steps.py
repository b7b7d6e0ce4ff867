"""Steps that give the server's user a right on a path."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.facts import Denial, Denials
from ovms_doctor.model.findings import Step
from ovms_doctor.model.host import User

#: No further denied paths.
NONE = Denials()
#: The most paths in one command; with more, the command is for the whole tree.
_PATHS = 8


def steps_for(
    context: Context, denial: Denial, *, directory: bool, further: Denials = NONE
) -> tuple[Step, ...]:
    """Returns the steps that give the right to the class that decides (owner, group or others), or to this user
    alone, or run the server as the owner. ``directory``: whether access to a directory is denied, not to a file.
    ``further``: other denied paths, which get the right at the same time."""
    # A model's directories must be listed and entered: one right without the other is of no use.
    needed = [(denial, "rx" if directory else "r")]
    needed += [(item, "rx") for item in further.directories if item.path != denial.path]
    needed += [(item, "r") for item in further.files if item.path != denial.path]
    user = context.deployment.user
    steps = []
    whole = len(needed) > _PATHS
    if all(item.acl is None for item, _ in needed):
        commands, class_name = _chmod(context, needed, whole=whole)
        text = f"Give {class_name} the right."
        if len(needed) > 1:
            text = f"Give {class_name} the rights that are missing, on {len(needed)} paths."
        steps.append(Step(text, commands, "host", "changes files"))
    if user.uid != denial.uid:
        steps.append(
            Step(
                ("Or give" if steps else "Give") + " it to the server's user alone (needs the package acl).",
                _setfacl(context, needed, whole=whole),
                "host",
                "changes files",
            )
        )
    if denial.uid not in (0, user.uid) and all(item.uid == denial.uid for item, _ in needed):
        steps.append(_as_owner(context, denial))
    return tuple(steps)


def _chmod(context: Context, needed: Sequence[tuple[Denial, str]], *, whole: bool) -> tuple[str, str]:
    """Returns the command, and the class that gets the rights. Parents come first."""
    user = context.deployment.user
    kinds: dict[tuple[str, str], list[str]] = {}
    named: dict[str, str] = {}
    for denial, rights in needed:
        letter, class_name = _class(user, denial)
        named.setdefault(letter, class_name)
        kinds.setdefault((letter, rights), []).append(quote(context.host(denial.path)))
    if whole:
        classes = "".join(dict.fromkeys(letter for letter, _ in kinds))
        command = f"chmod -R {classes}+rX {_top(context, needed)}"
    else:
        command = " && ".join(
            f"chmod {letter}+{rights} {' '.join(paths)}" for (letter, rights), paths in kinds.items()
        )
    return command, " and ".join(named.values())


def _setfacl(context: Context, needed: Sequence[tuple[Denial, str]], *, whole: bool) -> str:
    uid = context.deployment.user.uid
    if whole:
        return f"setfacl -R -m u:{uid}:rX {_top(context, needed)}"
    kinds: dict[str, list[str]] = {}
    for denial, rights in needed:
        kinds.setdefault(rights, []).append(quote(context.host(denial.path)))
    return " && ".join(f"setfacl -m u:{uid}:{rights} {' '.join(paths)}" for rights, paths in kinds.items())


def _top(context: Context, needed: Sequence[tuple[Denial, str]]) -> str:
    """Returns the directory that contains all these paths: one of them, or the directory above."""
    return quote(context.host(posixpath.commonpath([denial.path for denial, _ in needed])))


def _as_owner(context: Context, denial: Denial) -> Step:
    """Returns the step that runs the server as the owner, in the form of the deployment. In a user namespace the owner
    has another id, or none."""
    container = context.deployment.container
    text = "Or run the server as the owner."
    if container is not None and container.user_namespace:
        return Step(f"Or run the server as the user that is uid {denial.uid} gid {denial.gid} on the host.")
    if container is not None and container.source == "kubernetes":
        ids = f"securityContext: {{runAsUser: {denial.uid}, runAsGroup: {denial.gid}}}"
        return Step(text, ids, "kubernetes", "restarts the server")
    if container is not None and container.source == "compose":
        return Step(text, f'user: "{denial.uid}:{denial.gid}"', "compose", "restarts the server")
    return Step(text, f"--user {denial.uid}:{denial.gid}", "docker run", "restarts the server")


def _class(user: User, denial: Denial) -> tuple[str, str]:
    """Returns the class (owner, group or others) to which the server's user belongs: only its bits count."""
    if user.uid == denial.uid:
        return "u", "the owner, who is the server's user,"
    if denial.gid in (user.gid, *user.groups):
        return "g", f"the group {denial.gid}, which the server's user is in,"
    return "o", "everyone"
