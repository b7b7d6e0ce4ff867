"""Requests with values that are known only when the snippet runs: a refusal at such a value is no finding."""

from __future__ import annotations

import pytest

from tests.inputs.requests.snippets import entry, judge, openai, post


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (openai("model=name, messages=[]"), "$.model"),
        (openai("model='llama', messages=load()"), "$.messages"),
        (openai("model='llama', messages=[load()]"), "$.messages[0]"),
        (
            openai("model='llama', messages=[{'role': 'user', 'content': 'a'}], temperature=t"),
            "$.temperature",
        ),
        (openai("model='llama', messages=[{'role': 'user', 'content': f'{a}'}], tools=tools"), "$.tools"),
        (openai("model='gte', input=load()[0]", "embeddings.create").replace("load()[0]", "[load()]"), ""),
        (post("{'inputs': load()}"), "$.inputs"),
        (post(entry(shape="").replace("''", "load()")), "$.inputs[0].shape"),
    ],
)
def test_a_refused_value_that_is_not_known(text: str, path: str) -> None:
    verdict = judge(text)
    if not path:
        assert verdict.answer.succeeds
        return
    assert verdict.unjudged == f"the value at {path} is known only when the snippet runs"
    assert verdict.corrected is None


def test_a_refused_value_that_is_known() -> None:
    """Other values of the request are not known."""
    verdict = judge(openai("model='llama', messages=[{'role': 'user', 'content': load()}], temperature=9"))
    assert "temperature out of range" in verdict.answer.message
    assert verdict.answer.doubts
