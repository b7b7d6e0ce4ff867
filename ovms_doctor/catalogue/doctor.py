"""Entries on the doctor itself: what it could not look at, and why. They never count for --fail-on."""

from __future__ import annotations

from ovms_doctor.model.codes import Code, Example

_RELEASES = "Does not depend on the server's release."

CHECK_CRASHED = Code(
    code="OVD901",
    name="check-crashed",
    severity="warning",
    summary="A check ended in an error of its own",
    remedy=(
        "Report it as a fault of ovms-doctor, with the text and, if it may be shared, the file from "
        "“ovms-doctor collect”."
    ),
    releases=_RELEASES,
    see_also=("OVD902",),
    example=Example("a check that fails", "a version of ovms-doctor in which it does not"),
)

CHECK_TIMED_OUT = Code(
    code="OVD902",
    name="check-timed-out",
    severity="warning",
    summary="A check did not come to its end in the time it was given",
    remedy="Run it again with a larger --check-timeout, or select fewer checks.",
    releases=_RELEASES,
    see_also=("OVD901", "OVD904"),
    example=Example("--check-timeout 10", "--check-timeout 60"),
)

COULD_NOT_LOOK = Code(
    code="OVD903",
    name="could-not-look",
    severity="warning",
    summary="Something that the prediction needs could not be looked at",
    remedy=(
        "Run it as a user who may look (as root, other users' rights can be tried too), on the host "
        "that has the files, or collect the facts there."
    ),
    releases=_RELEASES,
    see_also=("OVD904", "OVD410"),
    example=Example("run as a user who may not enter the directory", "run as one who may"),
)

LOAD_TIMED_OUT = Code(
    code="OVD904",
    name="load-timed-out",
    severity="warning",
    summary="The look, or the trial load of a model, did not come back in the time it was given",
    remedy=(
        "Run it again with a larger --timeout, or with --load none, which reads the files without OpenVINO."
    ),
    releases=_RELEASES,
    see_also=("OVD314", "OVD905"),
    example=Example("--timeout 10", "--timeout 120"),
)

LOAD_OUT_OF_MEMORY = Code(
    code="OVD905",
    name="load-out-of-memory",
    severity="warning",
    summary="The trial load of a model ran into the limit of memory that it was given here",
    remedy=(
        "Run it again on a host with more memory, or with --load read, which needs far less than compile."
    ),
    releases=_RELEASES,
    see_also=("OVD342", "OVD904"),
    example=Example("--load compile", "--load read"),
)

PLUGIN_UNUSABLE = Code(
    code="OVD906",
    name="plugin-unusable",
    severity="warning",
    summary="An installed third-party check cannot be used",
    remedy=(
        "Mend or remove the distribution that is named, leave the check out with --ignore and its "
        "name, or leave out all third-party checks with --no-plugins."
    ),
    releases=_RELEASES,
    see_also=("OVD901", "OVD907"),
    example=Example(
        "pip install acme-checks        made for another version of what it imports",
        "pip install --upgrade acme-checks",
    ),
)

PLUGIN_FINDING_REFUSED = Code(
    code="OVD907",
    name="plugin-finding-refused",
    severity="warning",
    summary="A third-party check gave something that is no finding of its own",
    remedy=(
        "Report it to the distribution that is named, or leave the check out with --ignore and its name."
    ),
    releases=_RELEASES,
    see_also=("OVD901", "OVD906"),
    example=Example('yield "model is too large"', 'yield context.finding("ACME101", "model is too large")'),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "doctor": (
        CHECK_CRASHED,
        CHECK_TIMED_OUT,
        COULD_NOT_LOOK,
        LOAD_TIMED_OUT,
        LOAD_OUT_OF_MEMORY,
        PLUGIN_UNUSABLE,
        PLUGIN_FINDING_REFUSED,
    ),
}
