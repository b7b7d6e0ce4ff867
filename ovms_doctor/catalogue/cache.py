"""Entries on the model cache: --cache_dir, or /opt/cache where that is there."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

CACHE_NOT_CREATED = Code(
    code="OVD501",
    name="cache-not-created",
    severity="error",
    summary="The cache directory is missing, and the server cannot make it",
    remedy=(
        "Make the directory, let it belong to the server's user, and mount it; or leave --cache_dir out."
    ),
    log=("filesystem error: cannot create directories: {reason} [{path}] - will now terminate.",),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD505", "OVD502"),
    example=Example(
        "docker run -v /srv/models:/models … --cache_dir /cache",
        "docker run -v /srv/models:/models -v /srv/cache:/cache … --cache_dir /cache",
    ),
)

CACHE_NOT_REACHED = Code(
    code="OVD502",
    name="cache-not-reached",
    severity="error",
    summary="The server may not even look whether its cache directory is there",
    remedy="Give the right to search (x) on every directory above it.",
    log=(
        "filesystem error: status: Permission denied [{path}] - will now terminate.",
        ("filesystem error: status: Too many levels of symbolic links [{path}] - will now terminate."),
    ),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD501", "OVD201"),
    example=Example(
        "drwx------ root root /srv\ndrwx------ 5000 5000 /srv/cache", "drwx--x--x root root /srv"
    ),
)

CACHE_NOT_SEARCHABLE = Code(
    code="OVD503",
    name="cache-not-searchable",
    severity="error",
    summary="The server may not enter its cache directory",
    remedy="Let the directory belong to the server's user, with mode 0700 or more.",
    log=(
        log.CACHE_NOT_WRITABLE,
        "filesystem error: status: Permission denied [{path}.blob]",
    ),
    recovers="restart",
    releases=(
        "The start is the same in all releases from 2022.1 on; what the models meet comes with "
        "OpenVINO's release: harmless until 2025.1, a failed load until 2026.1, the end of the "
        "process since 2026.2."
    ),
    see_also=("OVD505", "OVD504"),
    example=Example("drwx------ root root /srv/cache", "drwxr-x--- 5000 5000 /srv/cache"),
)

CACHE_BLOB_IN_THE_WAY = Code(
    code="OVD504",
    name="cache-blob-in-the-way",
    severity="warning",
    summary="The cache holds blobs that the server can neither use nor remove",
    remedy="Remove these blobs, or let them and the directory belong to the server's user.",
    log=(
        "filesystem error: cannot remove: Permission denied [{path}.blob]",
        "filesystem error: cannot remove: Operation not permitted [{path}.blob]",
    ),
    recovers="next_poll",
    releases=(
        "The start is the same in all releases from 2022.1 on; what the models meet comes with "
        "OpenVINO's release: until 2025.1 such a blob is passed over."
    ),
    see_also=("OVD505", "OVD503"),
    example=Example(
        ("drwxr-xr-x root root /srv/cache\n-r--r----- root root /srv/cache/18163291510621031004.blob"),
        ("drwxr-xr-x 5000 5000 /srv/cache\n-r--r----- 5000 5000 /srv/cache/18163291510621031004.blob"),
    ),
)

CACHE_NOT_WRITABLE = Code(
    code="OVD505",
    name="cache-not-writable",
    severity="warning",
    summary="The server may not write into its cache directory",
    remedy=(
        "Let the directory belong to the server's user, and mount it without :ro; or leave the cache out."
    ),
    log=(
        log.CACHE_NOT_WRITABLE,
        "filesystem error: cannot set permissions: No such file or directory [{path}.blob]",
    ),
    recovers="restart",
    releases=(
        "The start is the same in all releases from 2022.1 on; what the models meet comes with "
        "OpenVINO's release: only from 2025.4 to 2026.1 does the load fail."
    ),
    see_also=("OVD503", "OVD504", "OVD501"),
    example=Example("drwxr-xr-x root root /srv/cache", "drwxr-xr-x 5000 5000 /srv/cache"),
)

CACHE_NOT_A_DIRECTORY = Code(
    code="OVD506",
    name="cache-not-a-directory",
    severity="warning",
    summary="The cache directory is a file",
    remedy="Name a directory.",
    log=(
        log.CACHE_ENABLED,
        'Couldn\'t create directory ["{path}"], err=Not a directory',
        "filesystem error: cannot set permissions: Not a directory [{path}.blob]",
    ),
    recovers="restart",
    releases=(
        "The start is the same in all releases from 2022.1 on; what the models meet comes with "
        "OpenVINO's release: from 2025.2 to 2026.1 the load fails."
    ),
    see_also=("OVD505",),
    example=Example(
        "--cache_dir /srv/cache\n-rw-r--r-- 5000 5000 /srv/cache", "drwxr-x--- 5000 5000 /srv/cache"
    ),
)

CACHE_NOT_KEPT = Code(
    code="OVD507",
    name="cache-not-kept",
    severity="warning",
    summary="The cache lies in the container and goes with it",
    remedy="Mount a directory or a volume there.",
    log=(log.CACHE_CREATED,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD501",),
    example=Example("docker run --tmpfs /opt/cache …", "docker run -v /srv/cache:/opt/cache …"),
)

CACHE_WITHOUT_ROOM = Code(
    code="OVD508",
    name="cache-without-room",
    severity="warning",
    summary="There is no room left for the cache",
    remedy="Make room, or put the cache elsewhere.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD511",),
    example=Example("/srv/cache      1 MB free\nm/1/model.bin   100 MB", "/srv/cache      10 GB free"),
)

CACHE_LEFT_OUT = Code(
    code="OVD509",
    name="cache-left-out",
    severity="info",
    summary="This model does not use the cache",
    remedy='Nothing, if that is meant; else "allow_cache": true, which a custom loader forbids.',
    log=(log.CACHE_DISABLED,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD510",),
    example=Example('"shape": "auto"', '"shape": "auto", "allow_cache": true'),
)

CACHE_WITH_CUSTOM_LOADER = Code(
    code="OVD510",
    name="cache-with-custom-loader",
    severity="error",
    summary="A model of a custom loader asks for the cache",
    remedy='Remove "allow_cache", or the cache.',
    log=(
        log.CACHE_CUSTOM_LOADER,
        "allow_cache is set to true with custom loader usage",
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD509",),
    example=Example('"custom_loader_options": {…}, "allow_cache": true', '"custom_loader_options": {…}'),
)

CACHE_PROBE_FAILED = Code(
    code="OVD511",
    name="cache-probe-failed",
    severity="warning",
    summary="A file could not be written into the cache directory",
    remedy="Look at the file system.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD505", "OVD508"),
    example=Example("/srv/cache   a quota of 0 bytes for uid 5000", "/srv/cache   a quota with room"),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "cache": (
        CACHE_NOT_CREATED,
        CACHE_NOT_REACHED,
        CACHE_NOT_SEARCHABLE,
        CACHE_BLOB_IN_THE_WAY,
        CACHE_NOT_WRITABLE,
        CACHE_NOT_A_DIRECTORY,
        CACHE_NOT_KEPT,
        CACHE_WITHOUT_ROOM,
        CACHE_LEFT_OUT,
        CACHE_WITH_CUSTOM_LOADER,
        CACHE_PROBE_FAILED,
    ),
}
