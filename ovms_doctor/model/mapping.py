"""Other names of a model's inputs and outputs, as the server stores them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.config_positions import LineColumn

Side: TypeAlias = Literal["input", "output"]


Pairs: TypeAlias = tuple[tuple[str, str], ...]


class Mapping(Struct, frozen=True):
    """A mapping_config.json as the server uses it.

    ``path``: the file, as the server writes it.
    ``inputs`` and ``outputs``: the model's name → the name for clients.
    ``problem``: why there is no mapping, or none for one half.
    ``log``: the server's messages about it.
    ``real_inputs`` and ``real_outputs``: the name for clients → the model's name, with several entries for a repeated
        key.
    ``position``: the position of the fault in the file.
    ``hint``: a short description of the fault.
    """

    path: str
    inputs: Pairs = ()
    outputs: Pairs = ()
    problem: Literal["", "not_json", "schema", "half"] = ""
    log: tuple[str, ...] = ()
    real_inputs: Pairs = ()
    real_outputs: Pairs = ()
    position: LineColumn | None = None
    hint: str = ""

    def alias(self, side: Side, name: str) -> str:
        """Returns the name of a tensor for clients; empty if it keeps its name."""
        return dict(self.pairs(side)).get(name, "")

    def real_name(self, side: Side, alias: str) -> str:
        """Returns the tensor for a client's name, of several the last one in the file; empty for none."""
        return dict(self.real_inputs if side == "input" else self.real_outputs).get(alias, "")

    def pairs(self, side: Side) -> Pairs:
        return self.inputs if side == "input" else self.outputs


NO_MAPPING = Mapping("")


class MappingEffects(Struct, frozen=True):
    """The effect of a mapping on a model's inputs or outputs.

    ``side``: whether the inputs or the outputs.
    ``unknown``: names in it that are not tensors of the model, and so have no effect.
    ``lost``: client's name → the tensors that share it, of which clients reach only the last.
    """

    side: Side
    unknown: tuple[str, ...] = ()
    lost: tuple[tuple[str, tuple[str, ...]], ...] = ()
