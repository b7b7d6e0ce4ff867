"""The server's environment: what of it changes what the arguments say."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import TOLD_ENVIRONMENT, Context
from ovms_doctor.model.findings import Evidence, Finding


def check(context: Context) -> Iterator[Finding]:
    """Variables that matter for what is served here; about the others nothing is said."""
    for variable in context.deployment.environment:
        if variable.name == "GRPC_SERVERS":
            yield _finding(
                context,
                "GRPC_SERVERS sets the number of gRPC servers, whatever --grpc_workers says",
                "The server does not check this number, not even against the number of cores.",
                f"GRPC_SERVERS={'' if variable.number is None else variable.number}",
            )
        elif variable.name == "API_KEY" and not variable.empty and _generates(context):
            yield _finding(
                context,
                "API_KEY in the environment makes the generative endpoints ask for that key",
                "It does so even where the variable was meant for something else. A request without the key "
                "is answered with status 500.",
                "API_KEY=***",
            )


def _generates(context: Context) -> bool:
    graphs = any(model.kind != "classic" for model in context.plan.models)
    return graphs and context.deployment.release.at_least(2025, 4)


def _finding(context: Context, message: str, detail: str, seen: str) -> Finding:
    return context.finding(
        "OVD411",
        message,
        detail=detail,
        evidence=(Evidence(seen, TOLD_ENVIRONMENT),),
        recovers="restart",
    )
