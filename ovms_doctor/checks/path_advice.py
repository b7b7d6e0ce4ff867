"""Steps that show or move a model's files, on this host or in their store."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.facts import Failure
from ovms_doctor.model.findings import CausedBy, Evidence, Step
from ovms_doctor.model.names import is_remote


def unresolved_remedy(failure: Failure | None, path: str, *, is_link: bool = False) -> str:
    """Returns the remedy for a path that cannot be resolved, which no right changes: its links form a loop, or a name
    is too long. Empty for any other failure. ``is_link``: whether the directory of ``path`` was read, so that only a
    link at ``path`` itself can be the reason."""
    if failure is not None and failure.errno == errno.ELOOP:
        if is_link:
            return (
                f"Replace the link {path}, which leads back to itself, by what it stands for, or remove it."
            )
        return f"Replace the link on the path {path} that leads back to itself, or name a path without it."
    if failure is not None and failure.errno == errno.ENAMETOOLONG:
        limits = "a path has at most 4095 bytes, and each name in it at most 255 on most file systems."
        if is_link:
            return f"Change the destination of the link {path} to a shorter path: {limits}"
        return f"Shorten {path}: {limits}"
    return ""


def unresolved_steps(
    context: Context, failure: Failure | None, path: str, *, is_link: bool = False
) -> tuple[Step, ...]:
    """Returns the steps for a path whose links form a loop: to show them, and the remedy; none for any other
    failure. ``is_link``: as in :func:`unresolved_remedy`."""
    if failure is None or failure.errno != errno.ELOOP or not context.on_host(path):
        return ()
    command = f"namei -- {quote(context.host(path))}"
    return (
        Step("Show the links of the path.", command, "host", "reads"),
        Step(unresolved_remedy(failure, path, is_link=is_link)),
    )


def list_step(context: Context, path: str, text: str = "List the directory.") -> Step:
    """Returns the step that lists the directory ``path``, a server path."""
    if is_remote(path):
        return Step(text, f"{_tool(context, path)} ls {quote(_directory(path))}", "host", "reads")
    return Step(text, f"ls -la {quote(context.host(path))}", "host", "reads")


def show(context: Context, path: str, text: str) -> Step:
    """Returns the step that shows the content of the file ``path``."""
    if path.startswith("gs://"):
        return Step(text, f"gcloud storage cat {quote(path)}", "host", "reads")
    if is_remote(path):
        return Step(text, f"{_tool(context, path)} cp {quote(path)} -", "host", "reads")
    return Step(text, f"cat {quote(context.host(path))}", "host", "reads")


def rename(context: Context, old: str, new: str, text: str) -> Step:
    """Returns the step that renames a directory; both are server paths."""
    if is_remote(old):
        return Step(text, _move(context, old, new), "host", "changes files")
    command = f"mv -- {quote(context.host(old))} {quote(context.host(new))}"
    return Step(text, command, "host", "changes files")


def below(base: str, name: str | int) -> str:
    """Returns the path of a name below a base path. In a store, a slash at the end is not repeated: it is another
    key."""
    return f"{base.rstrip('/') if is_remote(base) else base}/{name}"


def move_out_step(context: Context, base: str, name: str, text: str) -> Step:
    """Returns the step that moves the directory ``name`` of a model next to the model's own directory. Next to a
    bucket are only other buckets, so there the step has no command."""
    base, other = base.rstrip("/"), f"{base.rstrip('/')}.{name.strip()}"
    if is_remote(base) and base.count("/") < 3:
        return Step(text)
    return rename(context, f"{base}/{name}", other, text)


def into_version(
    context: Context, base: str, files: Sequence[str], directories: Iterable[str]
) -> tuple[Step, ...]:
    """Returns steps that move files and directories of ``base``, named below it, into a version directory of it."""
    if is_remote(base):
        tool, below = _tool(context, base), base.rstrip("/")
        moves = [f"{tool} mv {quote(f'{below}/{name}')} {quote(f'{below}/1/{name}')}" for name in files]
        moves += [_move(context, f"{below}/{name}", f"{below}/1/{name}") for name in directories]
        return (Step("Put the model's files below a version.", " && ".join(moves), "host", "changes files"),)
    host = context.host(base)
    moved = " ".join(quote(f"{host}/{name}") for name in sorted([*files, *directories]))
    return (
        Step("Make a version directory.", f"mkdir {quote(f'{host}/1')}", "host", "changes files"),
        Step(
            "Move the model's files into it.", f"mv -- {moved} {quote(f'{host}/1/')}", "host", "changes files"
        ),
    )


def listed(path: str, observation: str, how: str = "list") -> Evidence:
    """Returns evidence from a list of ``path``. ``how``: the method of a local list."""
    return Evidence(observation, "list of the store" if is_remote(path) else how)


def left_behind(path: str) -> tuple[CausedBy, ...]:
    """Returns the causes of missing files of a version in a store: the findings on files that are not downloaded."""
    if not is_remote(path):
        return ()
    return tuple(CausedBy(code, path=path, any_model=True) for code in ("OVD660", "OVD661"))


def mount_causes(context: Context, path: str) -> tuple[CausedBy, ...]:
    """Returns the causes of a missing path at or below ``path``: the findings on files under no mount, and on a
    mount whose source does not exist."""
    base = context.absolute(path).rstrip("/")
    found = []
    if any(f"{file.path}/".startswith(f"{base}/") for file in context.plan.outside_files):
        found.append(CausedBy("OVD126", any_model=True))
    mount = None if is_remote(path) else context.deployment.mount_table.mount_of(base)
    if mount is not None and mount.server in context.plan.created_mounts:
        found.append(CausedBy("OVD714", path=mount.server, any_model=True))
    return tuple(found)


def is_never_mounted(context: Context, path: str) -> bool:
    """Returns whether ``path`` is in a mount because of which the engine does not start the container: missing paths in
    it are not reported again."""
    problem = context.plan.host_problem
    if problem is None or is_remote(path):
        return False
    if problem.kind == "volume_key_missing":
        return f"{context.absolute(path)}/".startswith(f"{(problem.path or '').rstrip('/')}/")
    if problem.kind != "bind_source_missing":
        return False
    mount = context.deployment.mount_table.mount_of(context.absolute(path))
    return mount is not None and mount.server == problem.path


def _move(context: Context, old: str, new: str) -> str:
    """Returns the command that moves a directory of a store: each key that begins with it."""
    if old.startswith("gs://"):
        return f"gcloud storage mv {quote(_directory(old) + '*')} {quote(_directory(new))}"
    tool = _tool(context, old)
    return f"{tool} mv --recursive {quote(_directory(old))} {quote(_directory(new))}"


def _directory(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _tool(context: Context, path: str) -> str:
    """Returns the store's command-line tool, with the endpoint of the server."""
    if path.startswith("gs://"):
        return "gcloud storage"
    accesses = [item.facts.access for item in context.plan.stores if item.facts is not None]
    matching = [one for one in accesses if one is not None and f"{path}/".startswith(f"{one.url()}/")]
    endpoint = matching[0].endpoint if matching else ""
    return f"aws s3 --endpoint-url {quote(endpoint)}" if endpoint else "aws s3"
