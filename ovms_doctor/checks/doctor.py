"""The doctor itself: what it could not look at, and what did not come back in time."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.findings import CausedBy, Evidence, Finding
from ovms_doctor.model.names import is_remote

_ASK_ANOTHER = (
    "Give what could not be read in another way: the run line (--docker-run), a saved docker inspect "
    "(--inspect), or the server's own arguments behind --."
)
_IN_STORE = (
    "Give what asking needs: the server's environment (--env, --env-file, --env-from-process), where its files lie "
    "(--mount), more time (--timeout), or run this where the server runs."
)
_AZURE = ("az://", "azfs://")
#: What tells more of a store that was asked in vain.
_OF_STORES = tuple(
    CausedBy(code, any_severity=True) for code in ("OVD651", "OVD654", "OVD656", "OVD657", "OVD658", "OVD666")
)


def check(context: Context) -> Iterator[Finding]:
    if context.plan.unknown is not None:
        yield _could_not_look(context, None, None, context.plan.unknown)
    for model in context.plan.models:
        # That a generative model is not followed is said where it is recognised (OVD122).
        if model.unknown is not None and model.kind != "generative":
            version = next(
                (
                    item.version
                    for item in model.versions
                    if item.attempt and item.attempt.cause is model.unknown
                ),
                None,
            )
            yield _could_not_look(context, model.entry.name, version, model.unknown)


def _could_not_look(context: Context, model: str | None, version: int | None, cause: CouldNotLook) -> Finding:
    code = "OVD904" if cause.timed_out else "OVD903"
    unavailable = context.deployment.unavailable is not None
    return context.finding(
        code,
        f"Could not look at {cause.path}: {cause.reason}",
        model=model,
        version=version,
        # An option is what could not be followed, and what was to tell of the server is nowhere: no paths.
        path=None if unavailable or cause.path.startswith("--") else cause.path,
        remedy=_ASK_ANOTHER if unavailable else _for_store(cause) if is_remote(cause.path) else "",
        detail="What the server does here is not known from this run.",
        evidence=(Evidence(cause.reason, "tried"),),
        # Where a store was reached for in vain, that is said by its own check.
        causes=_OF_STORES if is_remote(cause.path) else (),
    )


def _for_store(cause: CouldNotLook) -> str:
    """What would have helped, where the reason does not say it itself."""
    if cause.path.startswith(_AZURE):
        return "See what lies there with Azure's own tools: ovms-doctor judges path, environment and proxy alone."
    if "has changed" in cause.reason or cause.reason == "interrupted":
        return "Run it again."
    if "--" in cause.reason:
        return "Do what the reason says, and run it again."
    if "to download" in cause.reason:
        return "Name a directory with more room in TMPDIR, or use --load none, which downloads no weights."
    return _IN_STORE
