"""One model in a store: the decisions before the store is queried, and then its versions."""

from __future__ import annotations

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import Deployment, Mode, ModelEntry
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.plan import BaseProblem, Detection, ModelPlan
from ovms_doctor.model.storage_plan import StorePlan
from ovms_doctor.prediction.proxies import route
from ovms_doctor.prediction.storage import azure, faults, gcs, s3
from ovms_doctor.prediction.storage.access import AZURE
from ovms_doctor.prediction.storage.detection import detect_in_store
from ovms_doctor.prediction.storage.server_environment import ServerEnvironment, server_environment
from ovms_doctor.prediction.storage.stored import Stored
from ovms_doctor.prediction.versions import apply_policy


def plan_store(entry: ModelEntry, deployment: Deployment, facts: Facts) -> StorePlan:
    """Returns the decisions for an entry whose base path is in a store. Raises FactsMissingError."""
    environment = server_environment(deployment)
    if entry.base_path.startswith(s3.PREFIX):
        return _s3(entry, deployment, environment)
    if entry.base_path.startswith(gcs.PREFIX):
        return _gcs(entry, deployment, environment, facts)
    return _azure(entry, deployment, environment)


def _s3(entry: ModelEntry, deployment: Deployment, environment: ServerEnvironment) -> StorePlan:
    path, release = entry.base_path, deployment.release
    location = s3.parse_path(path)
    client = s3.choose_client(location, environment, release)
    fault = faults.escaping(path, release) or faults.of_s3(location, client, deployment)
    return StorePlan(entry.name, path, "s3", s3=(location, client), fault=fault)


def _gcs(
    entry: ModelEntry, deployment: Deployment, environment: ServerEnvironment, facts: Facts
) -> StorePlan:
    path, release = entry.base_path, deployment.release
    location, client = gcs.parse_path(path), gcs.choose_client(environment, release)
    fault = (
        faults.of_gcs_client(client, environment, deployment, facts)
        or faults.escaping(path, release)
        or faults.of_gcs(location, client, deployment)
    )
    return StorePlan(entry.name, path, "gcs", gcs=(location, client), fault=fault)


def _azure(entry: ModelEntry, deployment: Deployment, environment: ServerEnvironment) -> StorePlan:
    path, release = entry.base_path, deployment.release
    location, connected = azure.parse_path(path), azure.is_connected(environment)
    fault = (
        faults.of_azure_client(connected, release)
        or faults.escaping(path, release)
        or faults.of_azure(location, release)
    )
    return StorePlan(entry.name, path, "azure", azure=location, fault=fault)


def plan_remote(entry: ModelEntry, deployment: Deployment, mode: Mode, facts: Facts) -> ModelPlan | Stored:
    """Returns the plan of a model in a store if it ends the process, is never found, or could not be queried; else its
    versions, which are then followed. Raises FactsMissingError."""
    if entry.base_path.startswith(s3.PREFIX) and route("s3", deployment.environment).kind == "ends":
        log = (server_log.ENDS_BY_NUMBER(),)
        return _refused(entry, "INTERNAL_ERROR", BaseProblem("store"), log, 1)
    plan = plan_store(entry, deployment, facts)
    fault = plan.fault
    if fault is not None:
        ended = 1 if fault.ends or mode == "single" else None
        problem = BaseProblem("escapes" if fault.kind == "escapes" else "store")
        return _refused(entry, fault.status, problem, fault.log, ended)
    if plan.store == "azure":
        return ModelPlan(entry, Detection("OK"), unknown=CouldNotLook(entry.base_path, AZURE))
    detected = detect_in_store(entry, deployment, facts)
    if detected.unknown is not None:
        return ModelPlan(entry, Detection("OK"), unknown=detected.unknown)
    assert detected.detection is not None
    assert detected.store is not None
    if detected.detection.status != "OK":
        ended = 1 if mode == "single" else None
        # The detected versions are requested, but without effect.
        requested = tuple(sorted(set(apply_policy(entry.policy, list(detected.detection.found)))))
        return ModelPlan(entry, detected.detection, requested, status=detected.detection.status, ended=ended)
    return Stored(entry, deployment, detected.detection, detected.store, detected.key)


def _refused(
    entry: ModelEntry, status: str, problem: BaseProblem, log: tuple[str, ...], ended: int | None
) -> ModelPlan:
    return ModelPlan(entry, Detection(status, problem=problem, log=log), status=status, ended=ended)
