"""Faults of a model's files that OpenVINO does not notice: the model is served with wrong content."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.reading.files import EMPTY_FILE, GIT_LFS_POINTER, HTML_PAGE
from ovms_doctor.checks.reading.ir import EMPTY_MODEL, XML_TOLERATED
from ovms_doctor.checks.reading.refusal import steps_for
from ovms_doctor.checks.reading.weights import WEIGHTS_TRAILING_BYTES, WEIGHTS_ZERO_FILLED
from ovms_doctor.model.codes import Code
from ovms_doctor.model.facts import ModelInspection
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import Attempt, ModelPlan

#: Kind of fault in the static reading → code.
_CODES: dict[str, Code] = {
    "weights-lfs-pointer": GIT_LFS_POINTER,
    "weights-html": HTML_PAGE,
    "weights-zero-tail": WEIGHTS_ZERO_FILLED,
    "weights-sparse": WEIGHTS_ZERO_FILLED,
    "weights-all-zero": WEIGHTS_ZERO_FILLED,
    "weights-trailing-bytes": WEIGHTS_TRAILING_BYTES,
    "graph-empty": EMPTY_MODEL,
    "empty-file": EMPTY_FILE,
}


def check(
    context: Context, model: ModelPlan, attempt: Attempt, inspection: ModelInspection
) -> Iterator[Finding]:
    """Yields findings on a version that is served although its files have a fault."""
    for fault in inspection.faults:
        if fault.kind == "xml-tolerated":
            yield context.finding(
                XML_TOLERATED,
                fault.detail,
                model=model.entry.name,
                version=attempt.version,
                path=fault.path,
                base=model.entry.base_path,
                detail="The model is served. Other tools may refuse the file.",
                evidence=(Evidence(fault.evidence, "static reading"),),
            )
            continue
        code = _CODES.get(fault.kind)
        if code is None or fault.fatal:
            continue
        yield context.finding(
            code,
            fault.detail,
            model=model.entry.name,
            version=attempt.version,
            path=fault.path,
            base=model.entry.base_path,
            severity="warning",
            detail="OpenVINO does not notice it: the model is served, and its results are computed from these bytes.",
            evidence=(Evidence(fault.evidence or fault.path, "static reading"),),
            recovers="config_change" if not context.single else "restart",
            steps=steps_for(context, code, fault.path),
        )
