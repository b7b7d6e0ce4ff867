"""The replacement of one text, and the properties of any redacted set of facts."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovms_doctor.diagnosis.program_words import kept_words
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.pseudonyms import PseudonymMap, restore_facts
from ovms_doctor.model.pseudonyms.kinds import Content
from ovms_doctor.model.pseudonyms.replace import Replacer
from ovms_doctor.model.pseudonyms.restore import Restorer
from tests.model.fact_strategies import FACTS
from tests.redaction.redacted_facts import KEY, redacted


@pytest.fixture
def replacer() -> Replacer:
    return Replacer(PseudonymMap(KEY, kept_words().words), kept_words())


NAMES = {
    "host": ["gpu7.zebrafish.com", "zebrafish.svc.cluster.local"],
    "path": [
        "/srv/models/zebrafish-v2/1/model.xml",
        "/home/wolfgang/zebrafish",
        "s3://zebrafish-bucket/a",
        "../Zebrafish",
    ],
    "model": ["zebrafish-v2", "zebrafish", "ZEBRAFISH"],
}
MESSAGES = [
    "Error loading model: zebrafish-v2; version: 1; path /srv/models/zebrafish-v2/1: Permission denied",
    '{"model_config_list": [{"config": {"name": "z\\u0065brafish", "base_path": "s3://zebrafish-bucket/z%65brafish"}}]}',
    'node_options { models_path: "./zebrafish" }',
    "GET http://gpu7.zebrafish.com:8000/v2/models/zebrafish/ready",
    "z\0e\0b\0r\0a\0f\0i\0s\0h\0",
    "User: arn:aws:iam::481516234215:user/wolfgang is not authorized",
    'echo "\\172ebrafish" \\x7aebrafish',
]


def test_one_text_has_one_pseudonym_everywhere(replacer: Replacer) -> None:
    word = replacer.name("zebrafish", "model")
    assert len(word) == len("zebrafish")
    assert word.isalpha()
    assert word.islower()
    for content, names in NAMES.items():
        for name in names:
            new = replacer.name(name, content)  # type: ignore[arg-type]
            assert word in new.lower(), name
            assert "zebrafish" not in new.lower()
    assert replacer.name("ZEBRAFISH", "model") == word.upper()
    new = [replacer.text(text) for text in MESSAGES]
    assert new[0] == MESSAGES[0].replace("zebrafish", word)
    config = json.loads(new[1])["model_config_list"][0]["config"]
    assert config["name"] == word
    assert config["base_path"].startswith(f"s3://{word}-")
    assert word in new[2]
    assert word in new[3]
    assert word in new[4].replace("\0", "")
    assert "481516234215" not in new[5]
    assert "wolfgang" not in new[5]
    assert "172" not in new[6] or word.startswith("z")
    for old, text in zip(MESSAGES, new, strict=True):
        assert len(text) == len(old), old


@pytest.mark.parametrize(
    "name",
    [
        "/models/1", "1", "01", "v3", "version-2", "latest", "0", "2024-01-31", "model.xml",
        "saved_model.pb", "variables/variables.index", "config.json", "graph.pbtxt", "openvino_tokenizer.xml", ".git",
        "lost+found", "/", "/etc", "/opt", "/tmp", "/models", "localhost", "127.0.0.1", "0.0.0.0", "::1", "..", " ", "",
        "s3.eu-west-1.amazonaws.com", "openvino/model_server:2026.3-gpu", "/dev/dri/renderD128",
    ],
)  # fmt: skip
def test_names_with_a_meaning_stay(name: str, replacer: Replacer) -> None:
    assert replacer.name(name, "path") == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zebrafish", "zebrafush"),
        ("zebrafish", "zebrafishs"),
        ("zebrafish", "zebrfish"),
        ("zebrafish", "zebarfish"),
    ],
)
def test_texts_one_edit_apart_keep_their_distance(one: str, other: str, replacer: Replacer) -> None:
    first, second = replacer.name(one, "model"), replacer.name(other, "model")
    assert first != second
    same = [index for index, (a, b) in enumerate(zip(first, second, strict=False)) if a == b]
    before = [index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a == b]
    assert same == before or len(one) != len(other)
    assert len(second) == len(other)


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("10.4.3.2", "10.0.0.0/8"), ("172.20.4.5", "172.16.0.0/12"), ("192.168.3.4", "192.168.0.0/16"),
        ("169.254.3.4", "169.254.0.0/16"), ("100.70.3.4", "100.64.0.0/10"), ("8.8.4.4", "0.0.0.0/0"),
        ("fe80::12", "fe80::/10"), ("fd12:3456::1", "fd00::/8"), ("2001:db8:77::beef", "::/0"),
    ],
)  # fmt: skip
def test_an_address_stays_in_its_kind_of_network(address: str, prefix: str, replacer: Replacer) -> None:
    old = ipaddress.ip_address(address)
    new = ipaddress.ip_address(replacer.name(address, "host"))
    assert new != old
    assert new in ipaddress.ip_network(prefix)
    assert (new.is_private, new.is_link_local, new.is_loopback) == (
        old.is_private,
        old.is_link_local,
        old.is_loopback,
    ) or prefix == "::/0"
    assert replacer.text(f"connect to {address} failed") == f"connect to {new} failed"
    neighbour = ipaddress.ip_address(replacer.name(str(old + 1), "host"))
    assert neighbour != new
    bits = 24 if old.version == 4 else 112
    assert neighbour in ipaddress.ip_network(f"{new}/{bits}", strict=False)


CONTENTS: tuple[Content, ...] = ("host", "user", "bucket", "model", "name", "path")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("ab/.-_:%\\"), max_size=30)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=6), st.sampled_from([*CONTENTS, "text"]))
def test_any_text(texts: list[str], content: Content) -> None:
    replacer = Replacer(PseudonymMap(KEY, kept_words().words), kept_words())

    def change(text: str, one: Any) -> str:
        return str(one.text(text) if content == "text" else one.name(text, content))

    for text in texts:
        change(text, replacer)
    new = [change(text, replacer) for text in texts]
    assert new == [change(text, replacer) for text in texts]
    for old, text in zip(texts, new, strict=True):
        assert len(text.encode()) == len(old.encode())
    assert len(set(new)) == len(set(texts))
    restorer = Restorer({entry.pseudonym: entry.text for entry in replacer.names.entries()})
    assert [change(text, restorer) for text in new] == texts


@settings(deadline=None, max_examples=50)
@given(FACTS)
def test_any_facts(answers: dict[Any, Any]) -> None:
    facts = Facts(answers, complete=True)
    result, names = redacted(facts)
    assert [(type(question), type(answer)) for question, answer in result.facts] == [
        (type(question), type(answer)) for question, answer in facts
    ]
    again, _ = redacted(facts)
    assert dict(again.facts) == dict(result.facts)
    pseudonyms = {entry.pseudonym: entry.text for entry in names.entries()}
    assert len(set(pseudonyms.values())) == len(pseudonyms)
    back, options, _ = restore_facts(result.facts, result.options, "", pseudonyms)
    assert dict(back) == dict(facts)
    assert options == CheckOptions()


@pytest.mark.parametrize("turn", range(40))
def test_a_backslash_before_a_name_begins_no_escape(turn: int) -> None:
    replacer = Replacer(PseudonymMap(bytes([turn]) * 16, kept_words().words), kept_words())
    texts = [rf"a\{name}\more" for name in ("cs", "zebrafish", "zebrafisk", "qebrafish", "ezbrafish", "Zq")]
    new = [replacer.text(text) for text in texts]
    assert not set(new) & set(texts)
    restorer = Restorer({entry.pseudonym: entry.text for entry in replacer.names.entries()})
    assert [restorer.text(text) for text in new] == texts


def test_texts_with_the_same_key_have_the_same_pseudonyms() -> None:
    first, second = (Replacer(PseudonymMap(KEY, kept_words().words), kept_words()) for _ in range(2))
    other = Replacer(PseudonymMap(b"another key.....", kept_words().words), kept_words())
    assert first.name("zebrafish", "model") == second.name("zebrafish", "path")
    assert first.name("zebrafish", "model") != other.name("zebrafish", "model")
