"""Secret values of plugin_config that OpenVINO quotes are removed from the findings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.secrets import hider
from ovms_doctor.model.deployment import ModelEntry, ModelParameters
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import Evidence, Finding, Subject
from ovms_doctor.model.plan import Detection, ModelPlan, Plan
from tests.prediction.memory import deployment


def finding_without_secrets(plugin_config: Any, text: str) -> Finding:
    entry = ModelEntry("m", "/m", parameters=ModelParameters((("plugin_config", json.dumps(plugin_config)),)))
    plan = Plan("config", "serves", models=(ModelPlan(entry, Detection("OK")),))
    finding = Finding(
        "OVD433", "x", "error", Subject(), text, text, server_log=(text,), evidence=(Evidence(text, "seen"),)
    )
    (result,) = hider(Context(deployment("2026.3", entry=entry), plan, Facts(complete=True)))((finding,))
    return result


@pytest.mark.parametrize(
    ("plugin_config", "text", "expected"),
    [
        ({"MY_TOKEN": "hunter2"}, "Wrong value hunter2 for MY_TOKEN", "Wrong value *** for MY_TOKEN"),
        ({"DEVICE_PROPERTIES": {"CPU": {"PASSWORD": "p w"}}}, "got 'p w'", "got '***'"),
        ('{"SECRET": "quoted\\"one"}', 'value quoted"one', "value ***"),
        ({"API_KEY": "ab"}, "ab table ab", "*** table ***"),
        ({"NUM_STREAMS": "hunter2"}, "Wrong value hunter2", "Wrong value hunter2"),
        ({"KEY_CACHE_PRECISION": "u8"}, "Wrong value u8", "Wrong value u8"),
        ({"TOKEN": ""}, "nothing", "nothing"),
        ("{", "nothing", "nothing"),
        (5, "nothing 5", "nothing 5"),
    ],
)
def test_hidden_values(plugin_config: Any, text: str, expected: str) -> None:
    result = finding_without_secrets(plugin_config, text)
    assert (result.message, result.detail) == (expected, expected)
    assert result.server_log == (expected,)
    assert [item.observation for item in result.evidence] == [expected]
