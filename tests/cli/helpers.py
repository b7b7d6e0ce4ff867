"""What tests of the command line share: a model that loads, and the JSON report."""

from __future__ import annotations

from pathlib import Path

from tests.cases_build import MODELS
from tests.cli.run import Result, ovms_doctor


def good_model(directory: Path) -> Path:
    """A version directory with a model that loads."""
    directory.mkdir(parents=True)
    for suffix in ("xml", "bin"):
        (directory / f"model.{suffix}").write_bytes((MODELS / f"fc.{suffix}").read_bytes())
    return directory


def check(*arguments: str | bytes | Path, **more: object) -> Result:
    return ovms_doctor("check", *arguments, "--format", "json", **more)  # type: ignore[arg-type]


def codes(result: Result) -> list[str]:
    return [finding["code"] for finding in result.document["findings"]]
