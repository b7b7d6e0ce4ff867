"""Compares the memory that the models need with the limit of the server, in one sentence."""

from __future__ import annotations

from ovms_doctor.model.text import size_text
from ovms_doctor.report.model import Report


def memory_text(report: Report) -> str:
    """Returns one sentence; empty without a limit or without figures for the models."""
    deployment, plan = report.deployment, report.plan
    if deployment is None or plan is None or deployment.memory is None or plan.memory is None:
        return ""
    estimate = plan.memory
    least, most = size_text(estimate.low), size_text(estimate.high)
    needed = least if least == most else f"{least} to {most}"
    parts = [f"memory: the versions to be loaded need {needed}, the limit is {size_text(deployment.memory)}"]
    if estimate.swap_high > estimate.high:
        parts.append(f"up to {size_text(estimate.swap_high)} while a new version is loaded")
    if estimate.left_out:
        number = len(estimate.left_out)
        parts.append(f"{number} {'version is' if number == 1 else 'versions are'} not counted")
    return "; ".join(parts)
