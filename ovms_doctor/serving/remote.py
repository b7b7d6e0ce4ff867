"""What remote storage comes to before any store is asked: the clients that are needed, and the way each takes."""

from __future__ import annotations

from dataclasses import replace

from ovms_doctor import server_log
from ovms_doctor.deployment.model import Deployment
from ovms_doctor.serving.model import Plan, StartProblem
from ovms_doctor.serving.proxies import StorageRoute, clients_of, endpoint_exempt, route


def with_routes(plan: Plan, deployment: Deployment) -> Plan:
    """``plan`` with the ways to remote storage. A proxy without a port ends the server at the first model that is
    in S3: s3filesystem.cpp hands an empty text to ``std::stoi``, and nothing catches that but server.cpp, which
    ends with exit code 1 (v2022.1 to v2026.3)."""
    arguments = deployment.arguments
    pulls = arguments is not None and arguments.value("source_model") is not None
    paths = {model.entry.name: model.entry.base_path for model in plan.models}
    routes = tuple(
        StorageRoute(
            client,
            tuple(name for name, path in paths.items() if client in clients_of([path])),
            route(client, deployment.environment),
            endpoint_exempt(deployment.environment) if client == "s3" else "",
        )
        for client in clients_of(paths.values(), pulls)
    )
    if not routes:
        return plan
    ends = next((item for item in routes if item.route.way == "ends"), None)
    if ends is None or plan.outcome not in ("serves", "unknown"):
        return replace(plan, routes=routes)
    line = server_log.ENDS_BY_EXCEPTION(what="stoi")
    problem = StartProblem("proxy", "INTERNAL_ERROR", 1, (line,), text=ends.route.variable)
    return replace(plan, outcome="exits", exit_code=1, problem=problem, routes=routes)
