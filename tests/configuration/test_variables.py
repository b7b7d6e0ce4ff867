"""Variables of the server's environment that change how the models are served."""

from __future__ import annotations

import pytest

from ovms_doctor.checks.configuration import environment
from ovms_doctor.checks.context import Context
from ovms_doctor.model.environment import Variable
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.plan import Plan
from tests.prediction.memory import MemoryFiles, deployment, model_of, settle


def findings(variable: Variable, release: str = "2026.3", files: MemoryFiles | None = None) -> list[Finding]:
    server = deployment(release, environment=(variable,))
    plan: Plan = settle(server, files or model_of("1"))
    return list(environment.check(Context(server, plan, Facts(complete=True))))


@pytest.mark.parametrize(("number", "text"), [(8, "GRPC_SERVERS=8"), (None, "GRPC_SERVERS=")])
def test_the_number_of_servers(number: int | None, text: str) -> None:
    """grpcservermodule.cpp: the variable is not compared with the number of cores, as --grpc_workers is."""
    (found,) = findings(Variable("GRPC_SERVERS", number=number))
    assert (found.code, found.severity, found.recovers) == ("OVD411", "info", "restart")
    assert found.message == "GRPC_SERVERS sets the number of gRPC servers and overrides --grpc_workers"
    assert [item.observation for item in found.evidence] == [text]


GRAPH = MemoryFiles({"/m/graph.pbtxt": 'input_stream: "in"'})


@pytest.mark.parametrize(
    ("variable", "release", "files", "found"),
    [
        (Variable("API_KEY"), "2025.4", GRAPH, True),
        (Variable("API_KEY"), "2026.3", GRAPH, True),
        (Variable("API_KEY"), "2025.3", GRAPH, False),
        (Variable("API_KEY", empty=True), "2026.3", GRAPH, False),
        # The endpoints of other models need no key.
        (Variable("API_KEY"), "2026.3", model_of("1"), False),
        (Variable("HOME"), "2026.3", GRAPH, False),
    ],
)
def test_a_key_for_the_generative_endpoints(
    variable: Variable, release: str, files: MemoryFiles, found: bool
) -> None:
    """cli_parser.cpp, since 2025.4: any variable of this name; its status is not in the map of HTTP codes, so 500."""
    made = findings(variable, release, files)
    assert [item.code for item in made] == (["OVD411"] if found else [])
    for finding in made:
        assert "status 500" in finding.detail
        assert [item.observation for item in finding.evidence] == ["API_KEY=***"]
