"""Entries on GPUs and NPUs: those that are there and not used, and the one that is used though none was named."""

from __future__ import annotations

from ovms_doctor.model.codes import Code, Example

_SINCE = (
    "AUTO goes without what is missing since 2023.1, MULTI since 2024.0; before, the load fails (OVD432)."
)

DEVICE_NOT_ACCESSIBLE = Code(
    code="OVD731",
    name="device-not-accessible",
    severity="error",
    summary="The server's user may not open the GPU or NPU that it is to use",
    remedy=(
        "Give the server's user the group that owns /dev/dri/renderD* or /dev/accel/accel*, mostly "
        'render; a container with --group-add=$(stat -c "%g" /dev/dri/render* | head -n 1). The '
        "image's own user is not in it."
    ),
    log=(
        "[GPU] Context was not initialized for 0 device",
        "No NPU devices were found.",
    ),
    recovers="restart",
    releases=_SINCE,
    see_also=("OVD432", "OVD732"),
    example=Example(
        "docker run --device /dev/dri --user 5000 … --target_device GPU",
        "docker run --device /dev/dri --user 5000 --group-add 109 … --target_device GPU",
    ),
)

DEVICE_NOT_PRESENT = Code(
    code="OVD732",
    name="device-not-present",
    severity="info",
    summary="AUTO or MULTI names a device that the server does not have",
    remedy=(
        "Nothing, if the list is meant to fit several machines. Else give the server the device: in "
        "a container --device /dev/dri or /dev/accel."
    ),
    log=("No available device to filter AUTO plugin",),
    releases=_SINCE,
    see_also=("OVD432", "OVD731"),
    example=Example('"target_device": "AUTO:GPU,CPU"        no GPU', '"target_device": "CPU"'),
)

DEVICE_NAME_UNKNOWN = Code(
    code="OVD733",
    name="device-name-unknown",
    severity="warning",
    summary="The list behind AUTO or MULTI has a name that is no device",
    remedy="Correct the name, or take it out of the list.",
    recovers="config_change",
    releases="Since 2023.1; in 2023.0 the load fails (OVD432).",
    see_also=("OVD432", "OVD732"),
    example=Example('"target_device": "AUTO:GPU, CPU"', '"target_device": "AUTO:GPU,CPU"'),
)

DEFAULT_DEVICE_IS_GPU = Code(
    code="OVD734",
    name="default-device-is-gpu",
    severity="info",
    summary="No target device is named, and the server has a GPU, which it prefers to the CPU",
    remedy='Write "target_device": "CPU", or the device that is meant.',
    log=(
        (
            "No target device specified for model: {model}; version: {version}; using recommended "
            "device: {device}"
        ),
    ),
    recovers="config_change",
    releases="Since 2026.3; before, the CPU is taken.",
    see_also=("OVD422", "OVD432"),
    example=Example(
        '{"name": "m", "base_path": "m"}', '{"name": "m", "base_path": "m", "target_device": "CPU"}'
    ),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "devices": (
        DEVICE_NOT_ACCESSIBLE,
        DEVICE_NOT_PRESENT,
        DEVICE_NAME_UNKNOWN,
        DEFAULT_DEVICE_IS_GPU,
    ),
}
