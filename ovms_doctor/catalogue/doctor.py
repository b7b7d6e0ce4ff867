"""Entries on the doctor itself: what it could not look at, and why. They never count for --fail-on."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code

_SERVER = "This says nothing about the server: what it does here is not known from this run."
_RELEASES = "Does not depend on the server's release."

CODES: tuple[Code, ...] = (
    Code(
        "OVD901",
        "check-crashed",
        "warning",
        "doctor",
        "A check ended in an error of its own",
        "Its findings are missing from the report; the other checks ran. " + _SERVER,
        "Report it as a fault of ovms-doctor, with the text and, if it may be shared, the file from "
        "“ovms-doctor collect”.",
        None,
        (),
        releases=_RELEASES,
        see_also=("OVD902",),
    ),
    Code(
        "OVD902",
        "check-timed-out",
        "warning",
        "doctor",
        "A check did not come to its end in the time it was given",
        "It was stopped, and its findings are missing from the report. " + _SERVER,
        "Run it again with a larger --check-timeout, or select fewer checks.",
        None,
        (),
        releases=_RELEASES,
        see_also=("OVD901", "OVD904"),
    ),
    Code(
        "OVD903",
        "could-not-look",
        "warning",
        "doctor",
        "Something that the prediction needs could not be looked at",
        "A rule could not be followed to its end: the right to look is missing here, the storage "
        "is remote, or recorded facts do not hold the answer. " + _SERVER,
        "Run it as a user who may look (as root, other users' rights can be tried too), on the host that "
        "has the files, or collect the facts there.",
        None,
        (),
        releases=_RELEASES,
        see_also=("OVD904", "OVD410"),
    ),
    Code(
        "OVD904",
        "load-timed-out",
        "warning",
        "doctor",
        "The look, or the trial load of a model, did not come back in the time it was given",
        "The child that looked was ended. A large model may just take longer; storage that does "
        "not answer looks the same. " + _SERVER,
        "Run it again with a larger --timeout, or with --load none, which reads the files without OpenVINO.",
        None,
        (),
        releases=_RELEASES,
        see_also=("OVD314", "OVD905"),
    ),
    Code(
        "OVD905",
        "load-out-of-memory",
        "warning",
        "doctor",
        "The trial load of a model ran into the limit of memory that it was given here",
        "The child that loaded it was ended at its limit, which protects this host and is not the "
        "server's. " + _SERVER,
        "Run it again on a host with more memory, or with --load read, which needs far less than compile.",
        None,
        (),
        releases=_RELEASES,
        see_also=("OVD342", "OVD904"),
    ),
    Code(
        "OVD906",
        "plugin-unusable",
        "warning",
        "doctor",
        "An installed third-party check cannot be used",
        "It could not be imported, is not what the entry point promises, claims a code of ovms-doctor or of "
        "another distribution, or is called like another check. It did not run; the others did. " + _SERVER,
        "Mend or remove the distribution that is named, leave the check out with --ignore and its name, or "
        "leave out all third-party checks with --no-plugins.",
        None,
        (),
        releases=_RELEASES,
        see_also=("OVD901", "OVD907"),
    ),
    Code(
        "OVD907",
        "plugin-finding-refused",
        "warning",
        "doctor",
        "A third-party check gave something that is no finding of its own",
        "What is not a complete finding with a code of that check is left out; its other findings are "
        "shown. " + _SERVER,
        "Report it to the distribution that is named, or leave the check out with --ignore and its name.",
        None,
        (),
        releases=_RELEASES,
        see_also=("OVD901", "OVD906"),
    ),
)
