"""Entries on rights: what the server's user may enter, list and read."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import (
    BASE_FAILS,
    LIST_DENIED,
    LOAD_FAILS,
    LOAD_THROWS,
    NOT_MAPPED,
    START_FAILS,
    STATUS_DENIED,
    UNREADABLE,
)
from ovms_doctor.model import server_log as log

CODES: tuple[Code, ...] = (
    Code(
        "OVD201",
        "directory-not-searchable",
        "error",
        "permissions",
        "The server's user may not enter a directory on the way to the model (it lacks x)",
        "What "
        "the "
        "server "
        "does "
        "depends "
        "on "
        "where "
        "the "
        "right "
        "is "
        "missing. "
        "Above "
        "the "
        "base "
        "path: "
        "it "
        "says "
        "“Couldn't "
        "check "
        "directory”; "
        "no "
        "version "
        "is "
        "tried, "
        "--model_path "
        "ends "
        "with "
        "exit "
        "code "
        "1, "
        "--config_path "
        "keeps "
        "running "
        "and "
        "looks "
        "again "
        "at "
        "every "
        "poll. "
        "On "
        "the "
        "base "
        "path "
        "(its "
        "list "
        "still "
        "readable) "
        "or "
        "on "
        "the "
        "version "
        "directory: "
        "the "
        "load "
        "throws. "
        "" + LOAD_THROWS + " With --model_path, release 2026.3 looks for config.json in the model's "
        "directory before anything else, and where it may not it ends with exit code 64 and “error parsing "
        "options: filesystem error: status: Permission denied”.",
        "Give the server's user (in the image: uid 5000) the right to enter every directory from the "
        "mounted one down to the version directory (x), or run the server as a user who has it. Where the "
        "log says “Exception occurred while loading model”, restart the server afterwards.",
        None,
        (
            log.CANNOT_CHECK_DIRECTORY,
            log.LOAD_THREW,
            log.OPTIONS_EXCEPTION,
            log.VERSION_DIRECTORY_MISSING,
            log.CANNOT_LIST,
        ),
        (STATUS_DENIED,),
        releases="Until 2025.0 nothing throws: without x on the base path the version's directory is "
        "“missing” and tried again at every poll; without x on the version directory OpenVINO fails to read "
        "the model. Exit code 64 since 2026.3.",
        see_also=("OVD202", "OVD203", "OVD118"),
    ),
    Code(
        "OVD202",
        "directory-not-listable",
        "error",
        "permissions",
        "The server's user may not list the model's directory or a version directory (it lacks r)",
        "On the model's "
        "directory: "
        "“Couldn't list "
        "directories in "
        "path”. " + BASE_FAILS + " On "
        "a version directory the load throws. " + LOAD_THROWS,
        "Give the server's user (in the image: uid 5000) the right to list the directory (r), or run the "
        "server as a user who has it. Where the log says “Exception occurred while loading model”, restart "
        "the server afterwards.",
        None,
        (log.CANNOT_LIST, log.LOAD_THREW, log.VERSION_DIRECTORY_MISSING),
        (LIST_DENIED,),
        releases="Until 2025.0 a version directory that may not be listed is “missing”, and tried again at "
        "every poll.",
        see_also=("OVD201", "OVD203", "OVD118"),
    ),
    Code(
        "OVD203",
        "model-file-not-readable",
        "error",
        "permissions",
        "The server's user may not read the model's file or its weights",
        "The server finds the file by its name, and OpenVINO then cannot open it. It does not "
        "say so: for the model itself it says “Unable to read the model … Please check that "
        "model format”, as if the file were broken; for the .bin, “Can not open file … for "
        "mapping”. " + LOAD_FAILS,
        "Give the server's user (in the image: uid 5000) the right to read the file (r), or run the server "
        "as a user who has it.",
        "next_poll",
        (log.READ_FAILED,),
        (NOT_MAPPED, *UNREADABLE),
        releases="The same in all releases; the text is OpenVINO's, here that of 2026.4.1.",
        see_also=("OVD201", "OVD301"),
    ),
    Code(
        "OVD204",
        "mapping-config-not-readable",
        "warning",
        "permissions",
        "mapping_config.json is there, but the server's user may not read it",
        "The file is passed over without a message, and the model is served under its own tensor names; "
        "clients that use the mapped names are refused. Mending the file's rights changes nothing until the "
        "version is loaded again.",
        "Give the server's user the right to read the file, then change the model's configuration or "
        "restart the server.",
        "config_change",
        (),
        releases="The same in all releases.",
        see_also=("OVD203",),
    ),
    Code(
        "OVD205",
        "config-file-not-readable",
        "error",
        "permissions",
        "The server's user may not read the configuration file",
        "The server tries three times, 10 ms apart. " + START_FAILS,
        "Give the server's user the right to read the file and to enter the directories above it, then "
        "start the server again.",
        "restart",
        (log.CONFIG_UNREADABLE,),
        ("Failed to debug-read fileconfig",),
        releases="The same in all releases.",
        see_also=("OVD405",),
    ),
)
