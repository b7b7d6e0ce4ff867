"""What the error text of a client says."""

from __future__ import annotations

import pytest

from ovms_doctor.prediction.requests.error_texts import recognise_error
from ovms_doctor.report.phrases import failure_cause

GRAPH = (
    "Mediapipe execution failed. MP status - INVALID_ARGUMENT: CalculatorGraph::Run() failed: \n"
    'Calculator::Process() for node "LLMExecutor" failed: Messages array cannot be empty'
)


@pytest.mark.parametrize(
    "text",
    [
        GRAPH,
        "Error code: 400 - {'error': '" + GRAPH.replace("\n", "\\n") + "'}",
        '{"error":"' + GRAPH.replace("\n", "\\n").replace('"', '\\"') + '"}',
    ],
)
def test_the_text_of_a_calculator_is_the_cause(text: str) -> None:
    found = recognise_error(text)
    assert found is not None
    assert (found.code, found.text) == ("MEDIAPIPE_EXECUTION_ERROR", "Messages array cannot be empty")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Model not found", "MODEL_NOT_LOADED"),
        ('{"error":"Model not found"}', "MODEL_NOT_LOADED"),
        ("openai.InternalServerError: Error code: 500 - {'error': 'Model not found'}", "MODEL_NOT_LOADED"),
        ("Model not found in my own registry", None),
    ],
)
def test_the_answer_for_a_model_that_is_not_listed(text: str, code: str | None) -> None:
    found = recognise_error(text)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (GRAPH, "Messages array cannot be empty"),
        ("Model with requested name is not found", "Model with requested name is not found"),
        ('Calculator::Process() for node "X" failed: ', 'Calculator::Process() for node "X" failed: '),
    ],
)
def test_the_cause_of_a_failed_request_in_a_log(reason: str, cause: str) -> None:
    assert failure_cause(reason) == cause
