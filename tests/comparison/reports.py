"""Reports made of a few findings, in the form that ``--format json`` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def finding(
    code: str = "OVD111", model: str | None = "m", severity: str = "error", **more: Any
) -> dict[str, Any]:
    subject = {"model": model, "version": more.pop("version", None), "path": more.pop("path", None)}
    return {
        "code": code,
        "name": "a-name",
        "severity": severity,
        "message": f"message of {code}",
        "fingerprint": more.pop("fingerprint", f"{code}-{model}"),
        "subject": subject,
        **more,
    }


def report(*findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    failed = any(one["severity"] == "error" for one in findings)
    gap = any(one["code"].startswith("OVD9") for one in findings)
    verdict = "fail" if failed else "incomplete" if gap else "pass"
    return {
        "schema_version": "1.0",
        "tool": {"name": "ovms-doctor", "version": "0.1.0"},
        "run": {"started_at": "2026-11-28T10:00:00+00:00", "host": more.pop("host", {})},
        "server": {"release": "2026.3"},
        "summary": {"verdict": more.pop("verdict", verdict), "sentence": "a sentence"},
        "models": [{"name": name} for name in more.pop("models", ["m", "n"])],
        "findings": list(findings),
        "checks": more.pop(
            "checks", [{"name": name, "status": "ran"} for name in ("layout", "reading", "permissions")]
        ),
        **more,
    }


def write(path: Path, document: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
