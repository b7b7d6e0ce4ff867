"""A model that OpenVINO loads: it adds three numbers to its input; and a version that is copied from a store."""

from __future__ import annotations

import struct

from ovms_doctor.model.facts import CopiedFile, StoreAccess, VersionCopy

XML = b"""<?xml version="1.0"?>
<net name="m" version="11">
  <layers>
    <layer id="0" name="x" type="Parameter" version="opset1">
      <data shape="1,3" element_type="f32"/>
      <output><port id="0" precision="FP32" names="x"><dim>1</dim><dim>3</dim></port></output>
    </layer>
    <layer id="1" name="w" type="Const" version="opset1">
      <data element_type="f32" shape="1,3" offset="0" size="12"/>
      <output><port id="0" precision="FP32"><dim>1</dim><dim>3</dim></port></output>
    </layer>
    <layer id="2" name="sum" type="Add" version="opset1">
      <data auto_broadcast="numpy"/>
      <input>
        <port id="0" precision="FP32"><dim>1</dim><dim>3</dim></port>
        <port id="1" precision="FP32"><dim>1</dim><dim>3</dim></port>
      </input>
      <output><port id="2" precision="FP32" names="y"><dim>1</dim><dim>3</dim></port></output>
    </layer>
    <layer id="3" name="y" type="Result" version="opset1">
      <input><port id="0" precision="FP32"><dim>1</dim><dim>3</dim></port></input>
    </layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
    <edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>
  </edges>
</net>
"""
BIN = struct.pack("<3f", 1, 2, 3)


def copy_of(at: StoreAccess, prefix: str, tree: dict[str, bytes], limit: int = 1 << 30) -> VersionCopy:
    """The version with these files."""
    files = tuple(CopiedFile(name, len(content)) for name, content in sorted(tree.items()))
    return VersionCopy(at, prefix, files, limit=limit)
