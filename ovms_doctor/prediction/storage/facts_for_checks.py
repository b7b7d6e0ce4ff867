"""The answers of a store about a model, collected for the checks."""

from __future__ import annotations

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, HeadBucket, ListStore, StoreListing, StoreRefusal
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.storage_plan import CopyFacts, StoreFacts
from ovms_doctor.model.store_paths import TARGET_PAGES
from ovms_doctor.prediction.storage.access import same_network, store_access
from ovms_doctor.prediction.storage.detection import bulk_of, key_of
from ovms_doctor.prediction.storage.listing import Page, Store, prefix_of
from ovms_doctor.prediction.storage.stored import Stored
from ovms_doctor.prediction.versions import read_directory_name


def store_facts(model: ModelPlan, deployment: Deployment, facts: Facts) -> StoreFacts:
    """Returns further facts on a model in S3 or Google Cloud Storage whose path and environment are valid: they
    explain what the server does not find. Raises FactsMissingError."""
    path = model.entry.base_path
    access = store_access(path, deployment, facts)
    if isinstance(access, str):
        return StoreFacts(unavailable=access)
    in_same_network = same_network(deployment)
    store = Store(access, facts, bulk_of(access, path, deployment))
    prefix = prefix_of(key_of(path))
    head = facts.get(HeadBucket(access)) if access.store == "s3" else None
    page = store.page(prefix)
    if isinstance(head, StoreRefusal):
        reason = page if isinstance(page, StoreRefusal) else None
        return StoreFacts(
            access,
            refusal=head,
            reason=reason,
            lists=isinstance(page, Page),
            applies_to_server=in_same_network,
        )
    if isinstance(page, StoreRefusal):
        return StoreFacts(access, refusal=page, applies_to_server=in_same_network)
    if not isinstance(page, Page):
        return StoreFacts(access, unavailable=page.reason, applies_to_server=in_same_network)
    empty = bool(prefix) and not page.objects
    return StoreFacts(
        access,
        applies_to_server=in_same_network,
        empty=empty or (access.store == "gcs" and not page.objects),
        others=_beside(store, prefix) if empty else (),
        keys=len(page.objects),
        more=page.more,
        hidden=_hidden(store, page, model) if page.more else (),
        copies=_copies(model, store, deployment),
    )


def _beside(store: Store, prefix: str) -> tuple[str, ...]:
    """Returns the names at the parent of the path."""
    above = prefix.rstrip("/").rpartition("/")[0]
    parent = prefix_of(above)
    answer = store.facts.ask(ListStore(store.access, parent, 1, delimited=True))
    if not isinstance(answer, StoreListing):
        return ()
    return tuple(sorted(name[len(parent) :].rstrip("/") for name in answer.prefixes))


def _hidden(store: Store, page: Page, model: ModelPlan) -> tuple[int, ...]:
    """Returns the versions after the page that the server requests."""
    answer = store.facts.ask(ListStore(store.access, page.prefix, TARGET_PAGES, delimited=True))
    if not isinstance(answer, StoreListing):
        return ()
    readings = (read_directory_name(name[len(page.prefix) :].rstrip("/")) for name in answer.prefixes)
    numbers = {one.number for one in readings if one.reading == "version" and one.number is not None}
    return tuple(sorted(numbers - set(model.detection.found)))


def _copies(model: ModelPlan, store: Store, deployment: Deployment) -> tuple[CopyFacts, ...]:
    """Returns the copies of the versions that were tried."""
    stored = Stored(model.entry, deployment, model.detection, store, key_of(model.entry.base_path))
    tried = [item.version for item in model.versions if item.attempt is not None]
    copies = (stored.copy(version) for version in tried)
    return tuple(item for item in copies if item is not None)
