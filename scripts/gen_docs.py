#!/usr/bin/env python3
"""Writes docs/findings from the catalogue: a page for each code, and the index.

With --check nothing is written; the exit code is 1 where a page differs from the catalogue.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from finding_examples import EXAMPLES  # noqa: E402

from ovms_doctor.catalogue import CATALOGUE, Code  # noqa: E402
from ovms_doctor.catalogue.general import BY_STATUS, GENERAL  # noqa: E402

PAGES = ROOT / "docs" / "findings"
RECOVERS = {
    "next_poll": "Yes, at the next poll (each second, unless --file_system_poll_wait_seconds says otherwise; "
    "never with 0). A process that has ended must be started again.",
    "config_change": "When the model's configuration changes, or after a restart.",
    "restart": "No: after a restart only.",
    None: "Depends on the case, or there is nothing to repair.",
}
GROUPS = {"1": "Layout and versions", "2": "Permissions", "3": "Loading the model", "4": "Configuration",
          "5": "The model cache", "6": "Proxies and remote storage",
          "7": "Containers, devices, memory and processors", "9": "The doctor itself"}  # fmt: skip
NOTE = "<!-- Made by scripts/gen_docs.py from the catalogue: change it there. -->\n\n"


def pages() -> dict[str, str]:
    """Every page's text, by file name."""
    made = {f"{code.code}.md": page(code) for code in CATALOGUE.values()}
    return {"README.md": index(), **made}


def page(code: Code) -> str:
    rows = [
        ("Severity", f"{code.severity} (the usual one; a case may be milder)"),
        ("Check", code.check),
        ("What it sees", code.summary + "."),
        ("What the server does", code.meaning),
        ("Log", _listed([message.text for message in code.messages]) or "Nothing that would name it."),
        ("Recognised by", _listed(code.texts) or "Nothing more."),
        ("What to do", code.remedy),
        ("Recovers by itself", RECOVERS[code.recovers]),
        ("Releases", code.releases),
        ("Works offline", "Yes."),
        ("See also", _links(code.see_also)),
    ]
    before, after = EXAMPLES[code.code]
    table = "".join(f"| {head} | {_cell(text)} |\n" for head, text in rows)
    return (
        f"{NOTE}# {code.code} {code.name}\n\n| | |\n|---|---|\n{table}"
        f"\nBefore:\n\n```text\n{before}\n```\n\nAfter:\n\n```text\n{after}\n```\n"
    )


def index() -> str:
    parts = [
        f"{NOTE}# Findings\n\nEvery code that ovms-doctor reports. `ovms-doctor explain CODE` says the same "
        "offline, and `ovms-doctor explain` with a line from the server's log finds the code. In log "
        "messages, `{name}` stands for what the server fills in.\n"
    ]
    for digit, title in GROUPS.items():
        parts.append(f"\n## {title}\n\n| Code | Name | Severity | What it sees |\n|---|---|---|---|\n")
        parts += [
            f"| [{code.code}]({code.code}.md) | {code.name} | {code.severity} | {_cell(code.summary)} |\n"
            for code in CATALOGUE.values()
            if code.code[3] == digit
        ]
    parts.append(
        "\n## Messages that name no cause\n\nLines of the server's log that follow from another one.\n\n"
        "| Message | What it means | It may be |\n|---|---|---|\n"
    )
    for general in GENERAL:
        codes = _links(general.codes)
        if general.status is not None:
            codes = "see its status, below"
        elif not codes:
            codes = "see the line before it" if "logged just before" in general.meaning else "-"
        parts.append(f"| {_listed(general.texts[:1])} | {_cell(general.meaning)} | {codes} |\n")
    parts.append(
        "\n## The status at the end of a line\n\n| Status | Of one version | Of the start |\n|---|---|---|\n"
    )
    for status, codes in BY_STATUS["start"].items():
        one = _links(BY_STATUS["version"].get(status, ()))
        parts.append(f"| {status} | {one or '-'} | {_links(codes)} |\n")
    return "".join(parts)


def _links(codes: tuple[str, ...]) -> str:
    return ", ".join(f"[{code}]({code}.md)" for code in codes)


def _listed(texts: list[str] | tuple[str, ...]) -> str:
    return "<br>".join(f"`{text.strip()}`" for text in texts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<net ", "&lt;net ").replace("\n", " ")


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: gen_docs.py [--check]", file=sys.stderr)
        return 2
    wanted = pages()
    there = {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")}
    wrong = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    if arguments:
        for name in wrong:
            print(
                f"docs/findings/{name} is not what the catalogue says: run scripts/gen_docs.py",
                file=sys.stderr,
            )
        return 1 if wrong else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for name in wrong:
        if name in wanted:
            (PAGES / name).write_text(wanted[name], "utf-8")
        else:
            (PAGES / name).unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
