"""Entries on the model cache: --cache_dir, or /opt/cache where that is there."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import ALL, STATUS_DENIED
from ovms_doctor.model import server_log as log

_ENDS = (
    "The server looks for the directory before it opens a port, and makes it where it is missing. What goes wrong "
    "there is an exception that nothing catches but the last handler: the process ends with exit code 1."
)
_SINCE = "The start is the same in all releases from 2022.1 on; what the models meet comes with OpenVINO's release: "
_BLOB = "[{path}.blob]"

CODES: tuple[Code, ...] = (
    Code(
        "OVD501",
        "cache-not-created",
        "error",
        "cache",
        "The cache directory is missing, and the server cannot make it",
        f"{_ENDS} It happens where --cache_dir names a directory that nothing is mounted on: in the image, all "
        "directories but /tmp belong to root.",
        "Make the directory, let it belong to the server's user, and mount it; or leave --cache_dir out.",
        "restart",
        texts=("filesystem error: cannot create directories: {reason} [{path}] - will now terminate.",),
        releases=ALL,
        see_also=("OVD505", "OVD502"),
    ),
    Code(
        "OVD502",
        "cache-not-reached",
        "error",
        "cache",
        "The server may not even look whether its cache directory is there",
        f"{_ENDS} A directory above it does not let the server's user through, or links lead in a circle. The "
        "same goes for /opt/cache, which nobody named: it is looked for in any case.",
        "Give the right to search (x) on every directory above it.",
        "restart",
        texts=(
            STATUS_DENIED + " - will now terminate.",
            "filesystem error: status: Too many levels of symbolic links [{path}] - will now terminate.",
        ),
        releases=ALL,
        see_also=("OVD501", "OVD201"),
    ),
    Code(
        "OVD503",
        "cache-not-searchable",
        "error",
        "cache",
        "The server may not enter its cache directory",
        "The server starts, warns at most that the directory is not writable, and goes on. The first model that is "
        "compiled meets an exception when OpenVINO asks for its blob. Since 2026.2 that ends the whole process "
        "with SIGABRT (exit code 134), with one model or many; from 2025.2 to 2026.1 each such load fails; before, "
        "the models are served without a cache. A directory with w and without x counts as writable "
        "for the server's own look: then its log says that the cache is enabled.",
        "Let the directory belong to the server's user, with mode 0700 or more.",
        "restart",
        (log.CACHE_NOT_WRITABLE,),
        (f"filesystem error: status: Permission denied {_BLOB}",),
        releases=_SINCE
        + "harmless until 2025.1, a failed load until 2026.1, the end of the process since 2026.2.",
        see_also=("OVD505", "OVD504"),
    ),
    Code(
        "OVD504",
        "cache-blob-in-the-way",
        "warning",
        "cache",
        "The cache holds blobs that the server can neither use nor remove",
        "A blob that cannot be read, or is empty, is removed and written anew. Where the server's user may not "
        "remove it (the directory is not writable, or sticky as /tmp and the blob somebody else's), the "
        "load of the model that it belongs to fails. Blobs are written with mode 0440: one that root or "
        "another user has written is unreadable for everybody else. Which model it belongs to, its name does "
        "not tell.",
        "Remove these blobs, or let them and the directory belong to the server's user.",
        "next_poll",
        texts=(
            f"filesystem error: cannot remove: Permission denied {_BLOB}",
            f"filesystem error: cannot remove: Operation not permitted {_BLOB}",
        ),
        releases=_SINCE + "until 2025.1 such a blob is passed over.",
        see_also=("OVD505", "OVD503"),
    ),
    Code(
        "OVD505",
        "cache-not-writable",
        "warning",
        "cache",
        "The server may not write into its cache directory",
        "The server warns once and leaves the cache on. Blobs that are there already are used; nothing new is "
        "written, so every start compiles again. From 2025.4 to 2026.1 it is worse: a model without a blob in it "
        "does not load at all, for OpenVINO changes the mode of a file that it could not make.",
        "Let the directory belong to the server's user, and mount it without :ro; or leave the cache out.",
        "restart",
        (log.CACHE_NOT_WRITABLE,),
        (f"filesystem error: cannot set permissions: No such file or directory {_BLOB}",),
        releases=_SINCE + "only from 2025.4 to 2026.1 does the load fail.",
        see_also=("OVD503", "OVD504", "OVD501"),
    ),
    Code(
        "OVD506",
        "cache-not-a-directory",
        "warning",
        "cache",
        "The cache directory is a file",
        "The server only asks whether it exists and may be written, so its log says that the cache is enabled. "
        "Nothing is ever cached, and from 2025.2 to 2026.1 no model that uses the cache loads.",
        "Name a directory.",
        "restart",
        (log.CACHE_ENABLED,),
        (
            'Couldn\'t create directory ["{path}"], err=Not a directory',
            f"filesystem error: cannot set permissions: Not a directory {_BLOB}",
        ),
        releases=_SINCE + "from 2025.2 to 2026.1 the load fails.",
        see_also=("OVD505",),
    ),
    Code(
        "OVD507",
        "cache-not-kept",
        "warning",
        "cache",
        "The cache lies in the container and goes with it",
        "Nothing is mounted there, or only memory (tmpfs): the blobs last until the container is removed, or "
        "stopped in the case of memory. The next one compiles everything again.",
        "Mount a directory or a volume there.",
        "restart",
        (log.CACHE_CREATED,),
        releases=ALL,
        see_also=("OVD501",),
    ),
    Code(
        "OVD508",
        "cache-without-room",
        "warning",
        "cache",
        "There is no room left for the cache",
        "A blob takes about as much as the model's weights. One that does not fit is left out without a word in the "
        "log, and the model is compiled again at every start. OpenVINO's older releases leave a broken "
        "blob behind.",
        "Make room, or put the cache elsewhere.",
        "restart",
        releases=ALL,
        see_also=("OVD511",),
    ),
    Code(
        "OVD509",
        "cache-left-out",
        "info",
        "cache",
        "This model does not use the cache",
        "A model whose shape or batch size is auto is loaded again for every new shape, so the server leaves it out "
        "of the cache, as it does every model of a custom loader. Only a line of level DEBUG tells.",
        'Nothing, if that is meant; else "allow_cache": true, which a custom loader forbids.',
        "config_change",
        (log.CACHE_DISABLED,),
        releases=ALL,
        see_also=("OVD510",),
    ),
    Code(
        "OVD510",
        "cache-with-custom-loader",
        "error",
        "cache",
        "A model of a custom loader asks for the cache",
        'With a cache and "allow_cache": true, the server refuses every version of a model that a custom loader '
        "brings: what the loader may have decrypted is not to lie in a cache. Without a cache the same is fine.",
        'Remove "allow_cache", or the cache.',
        "config_change",
        (log.CACHE_CUSTOM_LOADER,),
        ("allow_cache is set to true with custom loader usage",),
        releases=ALL,
        see_also=("OVD509",),
    ),
    Code(
        "OVD511",
        "cache-probe-failed",
        "warning",
        "cache",
        "A file could not be written into the cache directory",
        "The rights are there, and yet a file that was really made for the try could not be written or removed: a "
        "full or broken file system, a quota, a server that refuses. The server itself only asks for the rights, and "
        "its log says that the cache is enabled.",
        "Look at the file system.",
        "restart",
        releases=ALL,
        see_also=("OVD505", "OVD508"),
    ),
)
