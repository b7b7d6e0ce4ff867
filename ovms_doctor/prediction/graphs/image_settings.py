"""The options of ImageGenCalculator that the server validates before it opens the model.

Source: src/image_gen/imagegen_init.cpp (v2025.2 to v2026.3).
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.model.graph_plan import ServableFault
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.prediction.graphs.servables import ServableContext

_RESOLUTION = lazy_pattern(r"([0-9]{1,9})x([0-9]{1,9})")
#: Numbers have no leading zeros.
_SIZES = lazy_pattern(r"[1-9][0-9]{0,17}x[1-9][0-9]{0,17}")
_NOT_POSITIVE = lazy_pattern(r"(?:0|-?[1-9][0-9]{0,17})x(?:0|-?[1-9][0-9]{0,17})")
_MISUSE = "STATIC_RESOLUTION_MISUSE"


def image_settings(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the faults of settings that the server refuses, in its order; it stops at the first."""
    device = context.text("device")
    count = len(device.split())
    allowed = (1, 3) if context.release.at_least(2025, 3) else (1,)
    if device and count not in allowed:
        line = f"Invalid number of devices specified: {count}. Expected 1 or 3."
        yield context.fault(
            "devices", "failed", subject=device, status="DEVICE_WRONG_FORMAT", log=(line,), option="device"
        )
    resolutions = context.text("resolution").split()
    if "NPU" in device and len(resolutions) != 1:
        line = (
            "NPU cannot have multiple resolutions in static settings"
            if resolutions
            else "Cannot use NPU without setting static resolution"
        )
        yield context.fault(
            "resolution",
            "failed",
            subject=device,
            status="SHAPE_DYNAMIC_BUT_NPU_USED",
            log=(line,),
            option="device",
        )
    yield from _unreadable(context, "resolution", resolutions)
    yield from _static(context, len(resolutions))
    for option in ("max_resolution", "default_resolution"):
        value = None if context.options is None else context.options.first(option)
        if value is not None and isinstance(value.value, str):
            yield from _unreadable(context, option, [value.value])
    yield from _default(context, resolutions)


def _unreadable(context: ServableContext, option: str, resolutions: list[str]) -> Iterator[ServableFault]:
    """Yields the fault of a resolution that is not two numbers greater than 0 (getDimensions of imagegenutils.cpp,
    stoi64 of stringutils.cpp)."""
    for text in resolutions:
        if _SIZES.fullmatch(text):
            continue
        if text == "auto":
            if option == "default_resolution":
                # Its effect is not known.
                continue
            name = option.replace("_", " ").capitalize()
            line = f"{name} is not specified or is invalid: auto"
        elif _NOT_POSITIVE.fullmatch(text):
            line = "Failed to parse resolution: INVALID_ARGUMENT: size field values must be greater than 0"
        else:
            line = "Failed to parse resolution: INVALID_ARGUMENT: size field is not in correct format - WxH"
        yield context.fault(
            "image_option",
            "failed",
            subject=option,
            detail=f"“{text}” is not a resolution such as 512x512",
            status="SHAPE_WRONG_FORMAT",
            log=(line,),
            option=option,
        )


def _static(context: ServableContext, count: int) -> Iterator[ServableFault]:
    """Yields the faults of options that are not allowed with ``resolution``, or without it. ``count``: the number of
    resolutions in the option."""
    wrong: list[tuple[str, str]] = []
    if count:
        wrong.append(("max_resolution", "Cannot explicitly use max resolution when using static settings"))
    if count > 1:
        wrong += [
            ("num_images_per_prompt", "Cannot use static num images per prompt with multiple resolutions"),
            ("guidance_scale", "Cannot use static guidance scale with multiple resolutions"),
        ]
    if count == 1:
        line = "Cannot explicitly use max num images per prompt when using static settings"
        wrong.append(("max_num_images_per_prompt", line))
    if not count:
        wrong += [
            (
                "guidance_scale",
                "Cannot explicitly use static guidance scale when not using static resolution",
            ),
            (
                "num_images_per_prompt",
                "Cannot explicitly use static num images per prompt when not using static resolution",
            ),
        ]
    for option, line in wrong:
        if context.options is not None and context.options.first(option) is not None:
            yield context.fault(
                "image_option",
                "failed",
                subject=option,
                detail=line,
                status=_MISUSE,
                log=(line,),
                option=option,
            )


def _default(context: ServableContext, resolutions: list[str]) -> Iterator[ServableFault]:
    """Yields the faults of ``default_resolution``, compared with the largest resolution and with those of
    ``resolution``."""
    default = _RESOLUTION.fullmatch(context.text("default_resolution"))
    largest = _RESOLUTION.fullmatch(context.text("max_resolution", "4096x4096"))
    if default is None or largest is None:
        return
    wide, high = int(default[1]), int(default[2])
    most_wide, most_high = int(largest[1]), int(largest[2])
    if wide > most_wide or high > most_high:
        sizes = f"({wide}x{high}) > ({most_wide}x{most_high})"
        line = f"Default resolution exceeds maximum allowed resolution: {sizes}"
        status = "DEFAULT_EXCEEDS_MAXIMUM_ALLOWED_RESOLUTION"
    elif resolutions and default[0] not in resolutions:
        listed = "".join(f"({each}) " for each in resolutions)
        line = f"Default resolution ({wide}x{high}) is not among the static resolutions: {listed}"
        status = "SHAPE_WRONG_FORMAT"
    else:
        return
    yield context.fault(
        "image_option",
        "failed",
        subject="default_resolution",
        detail=line,
        status=status,
        log=(line,),
        option="default_resolution",
    )
