"""Third-party checks for the commands. Where none is installed, nothing of theirs is imported or started."""

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

#: Seconds for one to give its codes, where no limit is given.
CHECK_TIMEOUT = 10.0

#: A code, or a name in kebab case, by which a third-party entry is found.
_CODE_OR_NAME = lazy_pattern(r"[A-Za-z]{2,8}[0-9]{1,6}|[a-z0-9]+(-[a-z0-9]+)+", re.IGNORECASE)


def lookup_third_party(what: str) -> CodeEntry | None:
    """The entry of an installed third-party check for a code or a name; None where there is none."""
    wanted = what.strip()
    if not _CODE_OR_NAME.fullmatch(wanted) or wanted.upper().startswith("OVD"):
        return None
    offers = _offers()
    if offers is None:
        return None
    named = {entry.name: entry for entry in offers.codes.values()}
    return offers.codes.get(wanted.upper()) or named.get(wanted.lower())


def list_third_party() -> tuple[Mapping[str, CodeEntry], Mapping[str, str]]:
    """Codes, and summaries by check, of all installed; what cannot be used is said on standard error."""
    offers = _offers()
    return (offers.codes, offers.summaries) if offers is not None else ({}, {})


def _offers() -> PluginOffer | None:
    plugins = installed()
    if not plugins:
        return None
    from ovms_doctor.model.display_text import visible
    from ovms_doctor.plugins.run import offers

    found = offers(plugins, CHECK_TIMEOUT)
    for trouble in found.troubles:
        print(f"ovms-doctor: {visible(trouble)}", file=sys.stderr)
    return found
