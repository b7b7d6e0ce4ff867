"""Entries on GPUs and NPUs: those that are there and not used, and the one that is used though none was named."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import LOAD_FAILS

_SINCE = (
    "AUTO goes without what is missing since 2023.1, MULTI since 2024.0; before, the load fails (OVD432)."
)

CODES: tuple[Code, ...] = (
    Code(
        "OVD731",
        "device-not-accessible",
        "error",
        "devices",
        "The server's user may not open the GPU or NPU that it is to use",
        "OpenVINO finds no device then, as if there were none. AUTO and MULTI silently take the others of their "
        "list, which is a warning here. For a device named alone: " + LOAD_FAILS,
        "Give the server's user the group that owns /dev/dri/renderD* or /dev/accel/accel*, mostly render; a "
        'container with --group-add=$(stat -c "%g" /dev/dri/render* | head -n 1). The image\'s own user is not in '
        "it.",
        "restart",
        (),
        ("[GPU] Context was not initialized for 0 device", "No NPU devices were found."),
        releases=_SINCE,
        see_also=("OVD432", "OVD732"),
    ),
    Code(
        "OVD732",
        "device-not-present",
        "info",
        "devices",
        "AUTO or MULTI names a device that the server does not have",
        "OpenVINO silently serves the model on what is left of the list.",
        "Nothing, if the list is meant to fit several machines. Else give the server the device: in a container "
        "--device /dev/dri or /dev/accel.",
        None,
        (),
        ("No available device to filter AUTO plugin",),
        releases=_SINCE,
        see_also=("OVD432", "OVD731"),
    ),
    Code(
        "OVD733",
        "device-name-unknown",
        "warning",
        "devices",
        "The list behind AUTO or MULTI has a name that is no device",
        "OpenVINO silently goes without it, and serves the model on what is left of the list. Names count letter by "
        "letter: capitals, and no space behind the comma. A name that stands alone, or in HETERO's list, is an "
        "error (OVD432).",
        "Correct the name, or take it out of the list.",
        "config_change",
        releases="Since 2023.1; in 2023.0 the load fails (OVD432).",
        see_also=("OVD432", "OVD732"),
    ),
    Code(
        "OVD734",
        "default-device-is-gpu",
        "info",
        "devices",
        "No target device is named, and the server has a GPU, which it prefers to the CPU",
        "The server takes a discrete GPU if there is one, else an integrated one, else the CPU; never an NPU. "
        "plugin_config keys are then held against the GPU's plugin: one that only the CPU has ends a server "
        "with --model_path, and in config.json leaves out this entry and all behind it (a warning here).",
        'Write "target_device": "CPU", or the device that is meant.',
        "config_change",
        (),
        (
            "No target device specified for model: {model}; version: {version}; using recommended device: {device}",
        ),
        releases="Since 2026.3; before, the CPU is taken.",
        see_also=("OVD422", "OVD432"),
    ),
)
