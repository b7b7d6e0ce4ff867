"""The plan for remote storage: the needed clients, the route of each, their decisions for the models, and the
answers of the stores."""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.plan import ModelPlan, Plan
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.routes import NO_EXEMPTION, Client, Route, StorageRoute
from ovms_doctor.model.storage_plan import StorePlan
from ovms_doctor.prediction.proxies import clients_of, route, s3_exemption, s3_route


def with_routes(plan: Plan, deployment: Deployment, facts: Facts) -> Plan:
    """Returns ``plan`` with the routes to remote storage and the decisions of its clients. A proxy without a port ends
    the server at the first model in S3: s3filesystem.cpp passes an empty text to ``std::stoi``, and only server.cpp
    catches the exception, with exit code 1 (v2022.1 to v2026.3). Raises FactsMissingError."""
    paths = {model.entry.name: model.entry.base_path for model in plan.models}
    clients = clients_of(paths.values(), _pulls(plan))
    if not clients:
        return plan
    routes = tuple(
        StorageRoute(
            client,
            tuple(name for name, path in paths.items() if client in clients_of([path])),
            _route(client, deployment),
            s3_exemption(deployment.environment, deployment.release) if client == "s3" else NO_EXEMPTION,
        )
        for client in clients
    )
    stores = tuple(_with_store_facts(model, deployment, facts) for model in plan.models if _in_store(model))
    plan = replace(plan, routes=routes, stores=stores)
    ends = next((item for item in routes if item.route.kind == "ends"), None)
    ended = next((model for model in plan.models if model.ended is not None), None)
    if ends is None or ended is None or ended.entry.name not in ends.models:
        return plan
    problem = StartProblem("proxy", "INTERNAL_ERROR", 1, ended.detection.log, text=ends.route.variable)
    return replace(plan, problem=problem)


def _route(client: Client, deployment: Deployment) -> Route:
    if client == "s3":
        return s3_route(deployment.environment, deployment.release)
    if client == "gcs":
        from ovms_doctor.prediction.storage.access import google_route

        return google_route(deployment)
    return route(client, deployment.environment)


def _pulls(plan: Plan) -> tuple[Client, ...]:
    """Returns the clients that fetch a model from Hugging Face: optimum-cli has its own."""
    method = plan.pull.method if plan.pull is not None and plan.pull.downloads else None
    if method == "clone":
        return "hf-clone", "hf-files"
    return ("hf-files",) if method == "gguf" else ()


def _with_store_facts(model: ModelPlan, deployment: Deployment, facts: Facts) -> StorePlan:
    """Returns the decisions for a model, and the answers of its store."""
    from ovms_doctor.prediction.storage.entry import plan_store
    from ovms_doctor.prediction.storage.facts_for_checks import store_facts

    store = plan_store(model.entry, deployment, facts)
    if store.fault is not None or store.store == "azure":
        return store
    return replace(store, facts=store_facts(model, deployment, facts))


def _in_store(model: ModelPlan) -> bool:
    return model.kind == "classic" and is_remote(model.entry.base_path)
