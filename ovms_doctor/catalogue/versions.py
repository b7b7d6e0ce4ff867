"""Entries on versions over time: what stands in for a broken one, and for how long."""

from __future__ import annotations

from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

VERSION_RETIRED_LATER = Code(
    code="OVD115",
    name="version-retired-later",
    severity="error",
    summary="A version that stands in after start-up is unloaded at the next poll",
    remedy=(
        "Mend or remove the broken versions above the good one, or ask for the good one: "
        '{"specific": {"versions": [N]}}.'
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD116", "OVD103"),
    example=Example(
        "m/1/   good\nm/2/   broken\nm/3/   broken", "m/1/   good\nm/2/   mended, or removed\nm/3/   removed"
    ),
)

FALLBACK_MISSED = Code(
    code="OVD116",
    name="fallback-missed",
    severity="error",
    summary=(
        "A good older version does not stand in, because the server's search misses the broken newer one"
    ),
    remedy=(
        "Mend or remove the broken version. Numbers with the same number of digits in all names "
        "(such as dates, 20260801) never meet this."
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD115", "OVD117"),
    example=Example("m/9/    good\nm/10/   broken", "m/9/    good\nm/10/   mended, or removed"),
)

STARTUP_NEVER_ENDS = Code(
    code="OVD117",
    name="startup-never-ends",
    severity="error",
    summary="Start-up tries the same broken version for ever",
    remedy=(
        "Stop the server, move the extra directory out of the model's directory, mend or remove the "
        "broken version, and start again."
    ),
    recovers="restart",
    releases=(
        "The same in all releases from 2022.1 on. Recorded with the server's own code of 2025.4 and 2026.3."
    ),
    see_also=("OVD103", "OVD105", "OVD116"),
    example=Example(
        "policy: all\nm/101/   good\nm/9/     broken\nm/9x/    read as 9 too",
        "policy: all\nm/101/   good\nm/9/     mended\nm.old/9x/",
    ),
)

VERSION_NOT_TRIED = Code(
    code="OVD118",
    name="version-not-tried",
    severity="error",
    summary=("A version or model that is asked for is not even tried, because of what happened before it"),
    remedy="Look at the finding on the version or model before it; this one goes away with it.",
    releases="Exceptions of this kind since 2025.1; hanging and crashing loads in all releases.",
    see_also=("OVD117", "OVD201", "OVD202", "OVD314", "OVD343"),
    example=Example(
        "m/1/model.xml   a FIFO: never read to its end\nn/1/            never tried",
        "m/1/model.xml   a file\nn/1/            tried",
    ),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "versions": (
        VERSION_RETIRED_LATER,
        FALLBACK_MISSED,
        STARTUP_NEVER_ENDS,
        VERSION_NOT_TRIED,
    ),
}
