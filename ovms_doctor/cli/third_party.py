"""Third-party checks for the commands. Without an installed one, no module for them is imported and no process
started."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.plugins.discovery import installed

if TYPE_CHECKING:
    from ovms_doctor.explain.index import CodeEntry
    from ovms_doctor.plugins.run import PluginOffer

#: Seconds for a check to report its codes, if no limit is set.
CHECK_TIMEOUT = 10.0

#: A code, or a name in kebab case, by which a third-party entry is found.
_CODE_OR_NAME = lazy_pattern(r"[A-Za-z]{2,8}[0-9]{1,6}|[a-z0-9]+(-[a-z0-9]+)+", re.IGNORECASE)


def lookup_third_party(text: str) -> CodeEntry | None:
    """Returns the entry of an installed third-party check for a code or a name; None if no check has it."""
    name = text.strip()
    if not _CODE_OR_NAME.fullmatch(name) or name.upper().startswith("OVD"):
        return None
    offers = _offers()
    if offers is None:
        return None
    named = {entry.name: entry for entry in offers.codes.values()}
    return offers.codes.get(name.upper()) or named.get(name.lower())


def list_third_party() -> tuple[Mapping[str, CodeEntry], Mapping[str, str]]:
    """Returns the codes, and the summaries by check, of all installed checks. An unusable check is reported on standard
    error."""
    offers = _offers()
    return (offers.codes, offers.summaries) if offers is not None else ({}, {})


def _offers() -> PluginOffer | None:
    plugins = installed()
    if not plugins:
        return None
    from ovms_doctor.model.display_text import visible
    from ovms_doctor.plugins.run import offers

    found = offers(plugins, CHECK_TIMEOUT)
    for problem in found.problems:
        print(f"ovms-doctor: {visible(problem)}", file=sys.stderr)
    return found
