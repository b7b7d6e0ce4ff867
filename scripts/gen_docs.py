#!/usr/bin/env python3
"""Generates the files that depend on the codes of the checks: the tables in their pages, the data that ``explain``
reads, the index of the documentation, and the manual page, which is made from the parser of the command line.

With --check nothing is written; the exit code is 1 if a file differs from the generated text.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ovms_doctor.checks.registry import all_checks, all_codes, check_names  # noqa: E402
from ovms_doctor.explain.general import general  # noqa: E402
from ovms_doctor.explain.index import END_OF_FACTS  # noqa: E402
from ovms_doctor.model.codes import PAGES as PAGES_PATH  # noqa: E402
from ovms_doctor.model.codes import Code  # noqa: E402
from scripts.man_page import man_page  # noqa: E402

CHECKS, CODES, CHECK_OF = all_checks(), all_codes(), check_names()
PAGES = ROOT / PAGES_PATH
INDEX = ROOT / "docs/findings/README.md"
MAN = ROOT / "docs/ovms-doctor.1"
DATA = ROOT / "ovms_doctor/explain/data/codes.json"
START_OF_FACTS = "<!-- facts: written by scripts/gen_docs.py from the code's declaration -->"
RECOVERS = {
    "next_poll": "Yes, at the next poll. The server polls every second by default; --file_system_poll_wait_seconds "
    "sets the interval, and 0 turns the polls off. A process that has ended must be started again.",
    "config_change": "When the model's configuration changes, or after a restart.",
    "restart": "No, only after a restart.",
    None: "It depends on the case, or there is nothing to repair.",
}
GROUPS = {"1": "Layout and versions", "2": "Permissions", "3": "Loading the model", "4": "Configuration",
          "5": "The model cache", "6": "Proxies and remote storage",
          "7": "Containers, devices, memory and processors", "8": "Logs and requests",
          "9": "ovms-doctor itself"}  # fmt: skip
NOTE = "<!-- Written by scripts/gen_docs.py from the codes that the checks declare. -->\n\n"


def wanted_files() -> dict[Path, str]:
    """Returns the text that each file should have."""
    pages = {PAGES / f"{code.code}.md": page(code) for code in CODES.values()}
    return {INDEX: index(), DATA: data(), MAN: man_page(), **pages}


def page(code: Code) -> str:
    """Returns the page: its heading and table, generated from the code, and the hand-written text below them."""
    path = PAGES / f"{code.code}.md"
    _, end, prose = (path.read_text("utf-8") if path.exists() else "").partition(END_OF_FACTS)
    return f"# {code.code} {code.name}\n\n{START_OF_FACTS}\n{facts(code)}{END_OF_FACTS}{prose if end else chr(10)}"


def facts(code: Code) -> str:
    """Returns the table and the example."""
    rows = [
        (
            "Severity",
            code.severity if code.severity == "info" else f"{code.severity} (some cases are less severe)",
        ),
        ("Check", CHECK_OF[code.code]),
        ("Meaning", f"{code.summary}."),
        ("What to do", code.remedy),
        ("Log", _listed([message.text for message in code.messages]) or "No message that names it."),
        ("Recognised by", _listed(code.texts) or "No other text."),
        ("Recovers by itself", RECOVERS[code.recovers]),
        ("Releases", code.releases),
        ("See also", ", ".join(f"[{other}]({other}.md)" for other in code.see_also)),
    ]
    table = "".join(f"| {head} | {_cell(text)} |\n" for head, text in rows)
    example = ""
    if code.example is not None:
        before, after = code.example.before, code.example.after
        example = f"\nBefore:\n\n```text\n{before}\n```\n\nAfter:\n\n```text\n{after}\n```\n\n"
    return f"\n| | |\n|---|---|\n{table}{example}"


def data() -> str:
    """Returns the data that ``explain`` reads, as :class:`ovms_doctor.explain.index.Index`."""
    shared = sorted(path.stem for path in PAGES.glob("*.md") if path.stem not in CODES)
    document = {
        "checks": [{"name": check.name, "summary": check.summary} for check in CHECKS],
        "codes": [_entry(code) for code in CODES.values()],
        "shared": shared,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _entry(code: Code) -> dict[str, object]:
    entry = {
        "code": code.code,
        "name": code.name,
        "severity": code.severity,
        "check": CHECK_OF[code.code],
        "summary": code.summary,
        "remedy": code.remedy,
        "recovers": code.recovers,
        "messages": [message.text for message in code.messages],
        "texts": code.texts,
        "releases": code.releases,
        "see_also": code.see_also,
        "example": code.example and [code.example.before, code.example.after],
        "docs": code.address,
        "is_gap": code.is_gap,
    }
    return {key: value for key, value in entry.items() if value}


def index() -> str:
    """Returns the list of all codes, and of the messages without a code."""
    parts = [
        f"{NOTE}# Findings\n\nEvery code that ovms-doctor reports. `ovms-doctor explain CODE` shows the same page "
        "offline, and `ovms-doctor explain` with a line from the server's log finds the code. In log "
        "messages, `{name}` stands for what the server fills in.\n"
    ]
    for digit, title in GROUPS.items():
        parts.append(f"\n## {title}\n\n| Code | Name | Severity | Meaning |\n|---|---|---|---|\n")
        parts += [
            f"| {_links([code.code])} | {code.name} | {code.severity} | {_cell(code.summary)} |\n"
            for code in CODES.values()
            if code.code[3] == digit
        ]
    parts.append(
        "\n## Messages that name no cause\n\nLines of the server's log that result from an earlier line.\n\n"
        "| Message | Meaning | Possible codes |\n|---|---|---|\n"
    )
    for message in general().messages:
        codes = _links(message.codes)
        if message.status is not None:
            codes = "see its status, below"
        elif not codes:
            codes = "see the line before it" if "logged just before" in message.meaning else "-"
        parts.append(f"| {_listed(message.texts[:1])} | {_cell(message.meaning)} | {codes} |\n")
    parts.append(
        "\n## The status at the end of a line\n\n| Status | Of one version | Of the start |\n|---|---|---|\n"
    )
    for item in general().statuses:
        parts.append(f"| {item.status} | {_links(item.version) or '-'} | {_links(item.start)} |\n")
    return "".join(parts)


def _links(codes: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"[{code}](../../{PAGES_PATH}/{code}.md)" for code in codes)


def _listed(texts: list[str] | tuple[str, ...]) -> str:
    return "<br>".join(f"`{text.strip()}`" for text in texts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<net ", "&lt;net ").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Writes the files, or with --check names those that differ."""
    if arguments not in ([], ["--check"]):
        print("usage: gen_docs.py [--check]", file=sys.stderr)
        return 2
    changed = {
        path: text
        for path, text in wanted_files().items()
        if not path.exists() or path.read_text("utf-8") != text
    }
    for path, text in changed.items():
        if arguments:
            print(f"{path.relative_to(ROOT)} is not current: run scripts/gen_docs.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return 1 if arguments and changed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
