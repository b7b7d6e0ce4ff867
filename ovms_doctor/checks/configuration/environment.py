"""Variables of the server's environment that override arguments."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import SERVER_ENVIRONMENT, Context
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Evidence, Finding

ENVIRONMENT_OVERRIDES = Code(
    code="OVD411",
    name="environment-overrides",
    severity="info",
    summary="An environment variable overrides the arguments",
    remedy="Remove the variable from the server's environment, unless this is intended.",
    recovers="restart",
    releases="GRPC_SERVERS: all releases. API_KEY: since 2025.4.",
    see_also=("OVD406",),
    example=Example("docker run -e GRPC_SERVERS=64 …", "docker run … (without it)"),
)


CODES = (ENVIRONMENT_OVERRIDES,)


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding on each variable that changes how the models are served."""
    for variable in context.deployment.environment:
        if variable.name == "GRPC_SERVERS":
            yield _finding(
                context,
                "GRPC_SERVERS sets the number of gRPC servers and overrides --grpc_workers",
                "The server does not compare this number with the number of cores.",
                f"GRPC_SERVERS={'' if variable.number is None else variable.number}",
            )
        elif variable.name == "API_KEY" and not variable.empty and _generates(context):
            yield _finding(
                context,
                "API_KEY in the environment makes the generative endpoints require that key",
                "It does so even if the variable has another purpose. The server answers a request without the key "
                "with status 500.",
                "API_KEY=***",
            )


def _generates(context: Context) -> bool:
    graphs = any(model.kind != "classic" for model in context.plan.models)
    return graphs and context.deployment.release.at_least(2025, 4)


def _finding(context: Context, message: str, detail: str, variable: str) -> Finding:
    return context.finding(
        ENVIRONMENT_OVERRIDES,
        message,
        detail=detail,
        evidence=(Evidence(variable, SERVER_ENVIRONMENT),),
        recovers="restart",
    )
