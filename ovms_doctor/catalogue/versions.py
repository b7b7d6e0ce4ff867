"""Entries on versions over time: what stands in for a broken one, and for how long."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import ALL

CODES: tuple[Code, ...] = (
    Code(
        "OVD115",
        "version-retired-later",
        "error",
        "versions",
        "A version that stands in after start-up is unloaded at the next poll",
        "Start-up goes down from the newest version until one loads. At the next poll the server tries the "
        "newest again, and when it fails asks for the next lower one, which it knows to be broken, instead "
        "of the one that serves; that one is no longer asked for and is retired. Under latest 1 this "
        "happens as soon as two or more broken versions lie above the good one. The model then serves "
        "nothing, in both modes, while the process keeps running and /v2/health/ready answers 200; "
        "/v1/config shows the good version as END.",
        "Mend or remove the broken versions above the good one, or ask for the good one: "
        '{"specific": {"versions": [N]}}.',
        "next_poll",
        (),
        releases=ALL,
        see_also=("OVD116", "OVD103"),
    ),
    Code(
        "OVD116",
        "fallback-missed",
        "error",
        "versions",
        "A good older version does not stand in, because the server's search misses the broken newer one",
        "The list of versions is in the order of their names as text (10 before 9), and the server searches "
        "it as if it were in the order of the numbers. So beside 9 it does not find 10, cannot strike it "
        "off, tries it a second time, and never comes to 9. The same with 2 and 10, 99 and 100, and others "
        "where the numbers of digits differ. Started with --model_path, the process ends with exit code 1. "
        "Started with --config_path, it keeps running and serves nothing under this name. If 9 is being "
        "served when a broken 10 appears, 9 is retired.",
        "Mend or remove the broken version. Numbers with the same number of digits in all names (such as "
        "dates, 20260801) never meet this.",
        "next_poll",
        (),
        releases=ALL,
        see_also=("OVD115", "OVD117"),
    ),
    Code(
        "OVD117",
        "startup-never-ends",
        "error",
        "versions",
        "Start-up tries the same broken version for ever",
        "Several directories are read as one version number (2 and 2.bak), that version does not load, the "
        "server's search misses it in its unsorted list (beside 11), and the policy is wide enough to ask "
        "for both. Then it is tried again at once, thousands of times a second: start-up never comes to an "
        "end in either mode, models that follow in the configuration are never tried, and the log grows "
        "without bound.",
        "Stop the server, move the extra directory out of the model's directory, mend or remove the broken "
        "version, and start again.",
        "restart",
        (),
        releases=ALL + " Recorded with the server's own code of 2025.4 and 2026.3.",
        see_also=("OVD103", "OVD105", "OVD116"),
    ),
    Code(
        "OVD118",
        "version-not-tried",
        "error",
        "versions",
        "A version or model that is asked for is not even tried, because of what happened before it",
        "Versions are loaded one after the other, and so are models. An exception in one load ends the "
        "round: the versions after it wait for the next poll. A load that never comes back, or ends the "
        "process, keeps everything after it from being tried at all.",
        "Look at the finding on the version or model before it; this one goes away with it.",
        None,
        (),
        releases="Exceptions of this kind since 2025.1; hanging and crashing loads in all releases.",
        see_also=("OVD117", "OVD201", "OVD202", "OVD314", "OVD343"),
    ),
)
