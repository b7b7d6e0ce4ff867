"""Model repositories for measurements, created here: every model is a small IR."""

from __future__ import annotations

import json
import os

_IR = """<?xml version="1.0"?>
<net name="{name}" version="11">
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
#: 1.0, 2.0, 3.0 as 32-bit floats.
_WEIGHTS = bytes.fromhex("0000803f 00000040 00004040")


def repository(location: str, models: int, versions: int = 1) -> str:
    """Creates a repository at ``directory``: ``models`` directories with the versions 1, 2, … each. Every user can read
    them."""
    for number in range(models):
        name = f"model-{number:05}"
        for version in range(1, versions + 1):
            directory = f"{location}/{name}/{version}"
            os.makedirs(directory)
            _write(f"{directory}/model.xml", _IR.format(name=name).encode("ascii"))
            _write(f"{directory}/model.bin", _WEIGHTS)
    return location


def configuration(directory: str, models: int) -> str:
    """Creates a directory with a config.json that lists this number of models with one version each."""
    repository(f"{directory}/models", models)
    entries = [
        {
            "config": {
                "name": f"model-{number:05}",
                "base_path": f"{directory}/models/model-{number:05}",
                "target_device": "CPU",
                "nireq": 2,
                "plugin_config": {"NUM_STREAMS": "1"},
            }
        }
        for number in range(models)
    ]
    path = f"{directory}/config.json"
    _write(path, json.dumps({"model_config_list": entries}, indent=2).encode("ascii"))
    return path


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
