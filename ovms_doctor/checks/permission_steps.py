"""Steps that give the server's user a right on a path."""

from __future__ import annotations

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.facts import Denial
from ovms_doctor.model.findings import Step
from ovms_doctor.model.host import User


def steps_for(context: Context, denial: Denial, *, directory: bool) -> tuple[Step, ...]:
    """Give the right to the class that decides (owner, group or others), or to this user alone; or run the
    server as the owner. ``directory``: whether access to a directory is denied, not to a file."""
    host = quote(context.host(denial.path))
    # A model's directories must be listed as well as entered: one right without the other helps nobody.
    rights = "rx" if directory else "r"
    user = context.deployment.user
    steps = []
    if denial.acl is None:
        who, words = _class(user, denial)
        steps.append(
            Step(f"Give {words} the right.", f"chmod {who}+{rights} {host}", "host", "changes files")
        )
    if user.uid != denial.uid:
        steps.append(
            Step(
                ("Or give" if steps else "Give") + " it to the server's user alone (needs the package acl).",
                f"setfacl -m u:{user.uid}:{rights} {host}",
                "host",
                "changes files",
            )
        )
    if denial.uid not in (0, user.uid):
        steps.append(_as_owner(context, denial))
    return tuple(steps)


def _as_owner(context: Context, denial: Denial) -> Step:
    """In the form of the deployment. In a user namespace the owner has another id, or none."""
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
    """The class of users that the kernel takes the server's user for: only its bits count."""
    if user.uid == denial.uid:
        return "u", "the owner, who is the server's user,"
    if denial.gid in (user.gid, *user.groups):
        return "g", f"the group {denial.gid}, which the server's user is in,"
    return "o", "everyone"
