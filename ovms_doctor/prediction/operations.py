"""An IR's operations and element types against the OpenVINO inside a release (releases/opsets.py)."""

from __future__ import annotations

from functools import lru_cache

from ovms_doctor.model.causes import NotInRelease
from ovms_doctor.model.facts import ModelInspection, Operation
from ovms_doctor.model.releases import Release, element_type_since, is_standard_opset, operation_since
from ovms_doctor.model.releases.tokenizers import TOKENIZER_OPERATIONS, includes_tokenizers


def tokenizers_of(inspection: ModelInspection | None, release: Release) -> tuple[Operation, ...]:
    """Returns the model's operations that OpenVINO lacks, if all of them are in the library that is part of the
    server."""
    if inspection is None or inspection.format != "ir" or not includes_tokenizers(release):
        return ()
    foreign = tuple(item for item in inspection.operations if not is_standard_opset(item.opset))
    return foreign if all(item.type in TOKENIZER_OPERATIONS for item in foreign) else ()


def has_unknown_operation(inspection: ModelInspection) -> bool:
    """Whether an IR has an operation that no release of OpenVINO has: only an extension could have it."""
    return inspection.format == "ir" and _has_unknown(inspection.operations)


def not_in_release(path: str, inspection: ModelInspection | None, release: Release) -> NotInRelease | None:
    """Returns the operations and element types that were added to OpenVINO after the version in this release (OVMS and
    OpenVINO share year and minor)."""
    if inspection is None or inspection.format != "ir":
        return None
    operations, types = _later(inspection.operations, inspection.element_types, release.numbers[:2])
    return NotInRelease(path, operations, types) if operations or types else None


# In a repository of thousands, many models have the same operations.
@lru_cache(maxsize=1 << 10)
def _has_unknown(operations: tuple[Operation, ...]) -> bool:
    return any(
        not is_standard_opset(operation.opset) or operation_since(operation.type, operation.opset) is None
        for operation in operations
    )


@lru_cache(maxsize=1 << 10)
def _later(
    operations: tuple[Operation, ...], element_types: tuple[str, ...], release: tuple[int, ...]
) -> tuple[tuple[Operation, ...], tuple[str, ...]]:
    """Returns those of the operations and element types that were added after a release, by its year and minor."""
    # The table begins with 2023.0, which there means "then or earlier": nothing is known before it.
    carried = max(release, (2023, 0))

    def is_later(since: Release | None) -> bool:
        return since is not None and since.numbers[:2] > carried

    return (
        tuple(one for one in operations if is_later(operation_since(one.type, one.opset))),
        tuple(name for name in element_types if is_later(element_type_since(name))),
    )
