"""The model parameters as the server stores them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from msgspec import Struct

ANY = -1


class Dimension(Struct, frozen=True):
    """A number, a range, or any number (both -1)."""

    #: The least value.
    low: int
    #: The greatest value.
    high: int

    @property
    def static(self) -> bool:
        return self.low == self.high and self.low != ANY

    def as_openvino(self) -> str:
        """Returns the dimension as OpenVINO writes it: ``3``, ``?``, ``1..8``."""
        if self.static:
            return str(self.low)
        return "?" if self.low == ANY else f"{self.low}..{self.high}"

    def __str__(self) -> str:
        """Returns the dimension as the server writes it: ``3``, ``-1``, ``[1~8]``."""
        if self.static or self.high == ANY:
            return str(self.low)
        return f"[{self.low}~{self.high}]"


class Shape(Struct, frozen=True):
    """``auto``, or dimensions. A fixed shape without any dimensions counts as no shape."""

    #: The dimensions, in order.
    dimensions: tuple[Dimension, ...] = ()
    #: Whether the shape follows the requests.
    auto: bool = False

    def as_openvino(self) -> str:
        """Returns the shape as OpenVINO writes it: ``[1,3,?,1..8]``."""
        return "[" + ",".join(dimension.as_openvino() for dimension in self.dimensions) + "]"

    def __str__(self) -> str:
        """Returns the shape in the form of the server's parameter."""
        if self.auto:
            return "auto"
        parts = (
            f"{item.low}:{item.high}" if item.low != item.high else str(item.low) for item in self.dimensions
        )
        return "(" + ",".join(parts) + ")"


def read_dimensions(text: str) -> tuple[Dimension, ...] | None:
    """Returns the dimensions of a shape that OpenVINO writes as ``[1,3,?,2..8]``; None for ``[...]``, of unknown
    rank."""
    inner = text.strip("[]")
    if inner == "...":
        return None
    sizes = []
    for part in inner.split(",") if inner else ():
        low, dots, high = part.partition("..")
        if part == "?" or (dots and not high):
            sizes.append(Dimension(ANY, ANY))
        else:
            sizes.append(Dimension(int(low or 0), int(high) if dots else int(low)))
    return tuple(sizes)


class LayoutPair(Struct, frozen=True):
    """The two layouts of one tensor."""

    #: The layout of the tensor that clients send.
    tensor: str = ""
    #: The layout of the tensor inside the model.
    model: str = ""

    @property
    def is_set(self) -> bool:
        return bool(self.tensor or self.model)

    def __str__(self) -> str:
        return f"{self.tensor}:{self.model}" if self.tensor != self.model else self.tensor


class Device(Struct, frozen=True):
    """A target device for the compilation."""

    #: The whole text, such as ``AUTO:GPU,CPU``.
    text: str
    #: The plugin: ``AUTO``.
    plugin: str
    #: The devices after it, without their numbers: ``GPU``, ``CPU``.
    members: tuple[str, ...] = ()
    #: Whether no device was named, and the server chooses this one (v2026.3: a GPU before the CPU).
    chosen_by_server: bool = False

    @property
    def hardware(self) -> frozenset[str]:
        """Returns the devices in the text that a host may lack."""
        return frozenset((self.plugin, *self.members)) & HARDWARE

    @property
    def needs_hardware(self) -> frozenset[str]:
        """Returns the devices without which nothing can be compiled: AUTO and MULTI use the existing ones of their
        list."""
        devices = frozenset(self.members or (self.plugin,))
        if self.plugin in ("AUTO", "MULTI") and not devices <= HARDWARE:
            return frozenset()
        return devices & HARDWARE

    def without_missing(self) -> str:
        """Returns the device for this host's OpenVINO: without the devices of AUTO and MULTI that this host may
        lack."""
        if self.plugin not in ("AUTO", "MULTI") or self.needs_hardware or not self.hardware:
            return self.text
        rest = [name for name in self.members if name not in HARDWARE]
        return f"{self.plugin}:{','.join(rest)}" if rest else self.text


class PluginConfig(Struct, frozen=True):
    """The configuration that is passed to the plugin."""

    #: Key and value as JSON, sorted by key as the server does.
    values: tuple[tuple[str, str], ...] = ()
    #: Warnings about renamed keys.
    log: tuple[str, ...] = ()


NO_PLUGIN_CONFIG = PluginConfig()


#: ``unknown``: OpenVINO has no plugin of the name; ``removed``: no longer; ``number``: the CPU has none; ``bare``: it
#: needs devices after a colon; ``nothing``: no device is left to choose from; ``several``: BATCH takes one; ``nested``:
#: a choice among devices inside another; ``absent``: the server has no such hardware; ``access``: it has, and its
#: user may not open it.
DeviceProblem: TypeAlias = Literal[
    "", "unknown", "removed", "number", "bare", "nothing", "several", "nested", "absent", "access"
]


#: Reasons that do not depend on the server's host.
_HOST_INDEPENDENT = frozenset({"unknown", "removed", "number", "bare", "several", "nested"})


class PassedOver(Struct, frozen=True):
    """A device in the list of AUTO or MULTI that is silently left out."""

    #: The device.
    name: str
    #: Why it cannot be used.
    reason: DeviceProblem


class DeviceVerdict(Struct, frozen=True):
    """Whether the server can compile a model for a device.

    * ``works``: False if nothing can be compiled for the device, True if something can, None if that is unknown.
    * ``reason``: why it does not work.
    * ``name``: the device that causes it.
    * ``passed_over``: devices that are left out.
    * ``devices_known``: whether the server's devices are known.
    * ``groups``: group ids, one of which opens the device (``access``).
    * ``unavailable``: the missing fact if ``works`` is None.
    """

    works: bool | None = None
    reason: DeviceProblem = ""
    name: str = ""
    passed_over: tuple[PassedOver, ...] = ()
    devices_known: bool = False
    groups: tuple[int, ...] = ()
    unavailable: str = ""

    @property
    def is_host_independent(self) -> bool:
        """Whether nothing can be compiled on any host."""
        return self.works is False and self.reason in _HOST_INDEPENDENT


UNJUDGED = DeviceVerdict()


#: The server's name of the one input of a model in its maps of shapes.
ANONYMOUS = "ANONYMOUS_INPUT_NAME"


class Refusal(NamedTuple):
    """How the server refuses a parameter."""

    #: The status code's name.
    status: str
    #: The whole messages in its log.
    log: tuple[str, ...]


class ParameterWarning(Struct, frozen=True):
    """A value that the server ignores, or only warns about."""

    #: The parameter's name.
    parameter: str
    #: Its value.
    value: str
    #: ``ignored``: it has no effect; ``both``: batch_size together with shape; ``deprecated``; ``reserved``: a shape
    #: under the name that the server reserves for the only input.
    kind: str
    #: The server's lines.
    log: tuple[str, ...]


class ParsedParameters(Struct, frozen=True):
    """The parameters of one model as the server stores them."""

    #: The target device.
    device: Device
    #: Why this entry is refused.
    problem: Refusal | None = None
    #: Why the server gives up the whole configuration: a plugin_config key that the device does not support.
    abort: Refusal | None = None
    #: The text of the exception with which the server ends when it reads a value; empty for none.
    exception: str = ""
    #: The parameter of ``problem``, ``abort`` or ``exception``.
    at: str = ""
    #: Its plugin_config key.
    key: str = ""
    #: Values that the server ignores or warns about.
    warnings: tuple[ParameterWarning, ...] = ()
    #: batch_size as a number or range; None if it is not set.
    batch: Dimension | None = None
    #: Whether batch_size is ``auto``.
    batch_auto: bool = False
    #: Shapes by tensor; ANONYMOUS for the one input.
    shapes: tuple[tuple[str, Shape], ...] = ()
    #: The layout of the one input; None if it is not set.
    layout: LayoutPair | None = None
    #: Layouts by tensor.
    layouts: tuple[tuple[str, LayoutPair], ...] = ()
    #: Inference requests; 0 for the plugin's optimum.
    nireq: int = 0
    #: The configuration for the plugin.
    plugin_config: PluginConfig = NO_PLUGIN_CONFIG
    #: The preprocessing steps, name and value, in order.
    steps: tuple[tuple[str, Any], ...] = ()
    #: Whether the model is stateful; None if it is not set.
    stateful: bool | None = None
    #: The name of the custom loader; None if it is not set.
    custom_loader: str | None = None
    #: Whether the model may be cached.
    allow_cache: bool = False
    #: Whether the server can compile for the device, once the server's devices are known.
    verdict: DeviceVerdict = UNJUDGED

    @property
    def anonymous_shape(self) -> Shape | None:
        """Returns the shape for the one input, if it is the only shape; else None."""
        if len(self.shapes) == 1 and self.shapes[0][0] == ANONYMOUS:
            return self.shapes[0][1]
        return None

    @property
    def dynamic(self) -> bool:
        """Whether shape or batch size follow the requests: then the model is not cached."""
        return self.batch_auto or any(shape.auto for _, shape in self.shapes)


#: Plugins that choose among devices.
VIRTUAL = frozenset({"AUTO", "MULTI", "HETERO", "BATCH"})


#: Devices that need hardware which a host may lack.
HARDWARE = frozenset({"GPU", "NPU"})


#: Names that OpenVINO registers in any of the known releases; older ones had a few more.
REGISTERED = frozenset({"CPU"}) | VIRTUAL | HARDWARE


#: Names that OpenVINO registered in some release, or that a third-party plugin has.
REGISTERED_ONCE = frozenset({"GNA", "VPUX", "MYRIAD", "HDDL", "NVIDIA", "CUDA"})
