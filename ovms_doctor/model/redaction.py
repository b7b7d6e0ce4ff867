"""Command lines and messages of other programs without the secrets in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.property_values import (
    SECRET_PART,
    hide_in_document,
    hide_property_values,
    is_shown,
    names_no_secret,
)
from ovms_doctor.model.text import HIDDEN, redact, short_mask

#: Options of this program whose value may contain secrets in any part.
_HOLD_SECRETS = ("--env", "--docker-run")
#: Options of one letter whose value is known not to be a secret: this program's, the server's, those of shells and
#: Python.
_SHORT_OPTIONS = "-f -o -q -v -j -h -c -m -x -i -d".split()
#: A value that is not a secret: a number, a port, a path, an option, an assignment to a name that is checked
#: separately.
_PLAIN_VALUE = lazy_pattern(r"[\d.:,]+(?:/(?:tcp|udp))?|\.{0,2}/.*|-.*|true|false|[A-Za-z_]\w*=.*", re.DOTALL)
_ASSIGNED = lazy_pattern(
    r"""(?P<name>(?:[\w-]*(?:key|token|secret|passw(?:or)?d|passphrase|credential)[\w-]*|[\w-]*auth(?:orization)?)"""
    r"""["']?\s{0,3}[=:]\s{0,3}["']?(?:(?:bearer|basic|token)\s+)?|\b(?:bearer|basic)\s+)"""
    r"""(?P<value>[^\s"',;&)}\]]+)""",
    re.IGNORECASE,
)
#: Names of secrets in a text of any kind: not a part of a name of the server, and not a word of a sentence.
_STRICT = (
    r"""(?:[\w-]*(?:api|access|account|private|encryption)[_-]?key(?:[_-]id)?|[\w-]*secret[_-](?:access[_-])?key"""
    r"""|[\w-]*client[_-]secret|[\w-]*(?:hf|hub|access|auth|api|bearer|session|refresh|security)[_-]?token"""
    r"""|[\w-]*passw(?:or)?d|passphrase|[\w-]*authorization)"""
)
#: Words of sentences that follow the name of a secret.
_SENTENCE = (
    r"""(?!(?:and|are|as|at|auth\w*|be|by|can|cannot|could|count|did|does|empty|environment|expected|expired|failed|file"""
    r"""|files|for|from|has|have|id|ids|in|incorrect|invalid|is|limit|may|mismatch|missing|must|name|not|of|on|option"""
    r"""|or|provided|refused|rejected|required|revoked|scheme|server|set|should|store|stores|that|the|to|token|tokens"""
    r"""|type|types|unknown|usage|used|variable|via|was|were|which|will|with|wrong)\b)"""
)
#: A secret after its name in a log, also as the value of an option; after the words of a header; a user's of curl.
_LOGGED = lazy_pattern(
    rf"""(?P<name>(?:\b{_STRICT}["']?\s{{0,3}}[=:]\s{{0,3}}["']?(?:(?:bearer|basic|token)\s+)?"""
    r"""|["']token["']\s{0,3}:\s{0,3}["']"""
    rf"""|--{_STRICT}["']?[\s,=]{{1,3}}["']?|\b(?:api key|bearer):?\s+(?=\S{{6}}){_SENTENCE}"""
    r"""|\bcurl\b[^\n]{0,200}?\s(?:-u|--user)\s+[^\s:]+:|\blogin\b[^\n]{0,200}?\s(?:-p|--password)\s+"""
    rf"""|\b(?:AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|HF_TOKEN|API_KEY)\s+{_SENTENCE}))"""
    r"""(?P<value>[^\s"',;&)}\]]+)""",
    re.IGNORECASE,
)
#: A secret after its name and a blank, in a message: ``invalid token VALUE``.
_NAMED = lazy_pattern(
    r"""(?P<name>\b(?:token|passw(?:or)?d|passphrase|credentials?|(?:x-)?api[_ -]?key)["']?,?\s+"""
    rf"""(?:(?:is|was)\s+)?["']?){_SENTENCE}(?P<value>[^\s"',;:&(){{}}\[\]]{{4,}})""",
    re.IGNORECASE,
)
#: A word after ``token`` or ``secret`` that may be a secret by its form: letters of both cases and digits, or
#: hexadecimal.
_BEHIND = lazy_pattern(
    r"""(?P<name>\b(?:token|secret)["']?:?\s{1,3}["']?)(?P<value>(?!/)[A-Za-z0-9+/]{20,200}={0,2})(?![\w:/-]|\.\w)""",
    re.IGNORECASE,
)
_HEXADECIMAL = lazy_pattern(r"[0-9a-f]{32,}|[0-9A-F]{32,}")
#: A word after which a secret follows as a separate word: ``Bearer``, ``HF_TOKEN:``.
_ANNOUNCES = lazy_pattern(
    r"(?:bearer|basic|(?:[\w-]*(?:token|secret|passw(?:or)?d|passphrase)|[\w-]*api[_-]?key|authorization):)",
    re.IGNORECASE,
)
#: The quoted value in OpenVINO's message on a value that a plugin refuses (it leaves out the space before ``for`` in
#: some releases).
_WRONG_VALUE = lazy_pattern(
    r"(?P<before>Wrong value )(?P<value>\S+?)(?P<after> ?for property key (?P<key>\w+))"
)
#: Values that are never secrets, for any option (``--allow_credentials``).
_TRUTH = ("true", "false")
#: The beginning of a word in a name like ``apiKey``.
_CAPITAL = lazy_pattern(r"(?<=[a-z])(?=[A-Z])")
#: Words to which a misspelled option's name can be similar.
_SECRET_WORDS = ("credentials", "passphrase", "password", "secret", "token")
#: A word with fewer letters and digits does not count as a random one.
_LEAST_RANDOM = 20
#: A shorter value is too common to be searched for in a message.
_SHORT = 4
#: A user with a password before a host, at the beginning of a word.
_USER_AND_HOST = lazy_pattern(r"^[^/@\s:]+:[^/@\s]*@(?!sha256:)")


def redact_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Returns a command line without secrets: URLs' passwords, values of options that name or contain a secret, and
    values of plugin_config that can be secrets."""
    redacted = []
    before = ""
    #: Whether the words until the next option are the rest of an object that the shell has split.
    split = False
    for word in arguments:
        name, equals, value = word.partition("=")
        split = split and not word.startswith("--")
        if split:
            redacted.append(HIDDEN)
        elif before in _HOLD_SECRETS:
            redacted.append(_name_only(word))
        elif before == "--plugin_config":
            redacted.append(redact(hide_property_values(word)))
            split = redacted[-1] == HIDDEN
        elif _announces(before, word):
            redacted.append(HIDDEN)
        elif equals and name in _HOLD_SECRETS:
            redacted.append(f"{name}={_name_only(value)}")
        elif equals and name == "--plugin_config":
            redacted.append(f"{name}={redact(hide_property_values(value))}")
            split = redacted[-1].endswith(f"={HIDDEN}")
        elif equals and before == "-e" and name.isidentifier():
            redacted.append(_name_only(word))
        elif equals and _names_secret(name) and value not in _TRUTH:
            redacted.append(f"{name}={HIDDEN}")
        elif not before.startswith("-") and "/" not in word and looks_random(word):
            redacted.append(HIDDEN)
        else:
            redacted.append(redact(without_user(_without_values(word))))
        before = "" if equals else word
    return tuple(redacted)


def without_user(word: str) -> str:
    """Returns ``user:password@host`` without a scheme as ``***@host``; an image with a digest unchanged."""
    return _USER_AND_HOST.sub(f"{HIDDEN}@", word)


def redact_message(text: str, known: Iterable[str] = ()) -> str:
    """Returns a message of an engine or a cluster without URLs' passwords, values assigned to names of secrets, and
    the ``known`` values."""
    for value in sorted({value for value in known if len(value) >= _SHORT}, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    text = _ASSIGNED.sub(rf"\g<name>{HIDDEN}", redact(text))
    return _without_random(_NAMED.sub(rf"\g<name>{HIDDEN}", _LOGGED.sub(rf"\g<name>{HIDDEN}", text)))


def redact_log_text(text: str) -> str:
    """Returns a message of a server's log without secrets: URLs' passwords, values of plugin_config, values after
    the names of secrets, and a refused value of a property that OpenVINO does not have."""
    text = _without_random(_LOGGED.sub(rf"\g<name>{HIDDEN}", hide_in_document(redact(text), short_mask)))
    return _WRONG_VALUE.sub(
        lambda match: match[0] if is_shown(match["key"]) else f"{match['before']}{HIDDEN}{match['after']}",
        text,
    )


def looks_random(word: str) -> bool:
    """Whether a word has the form of a key: 20 characters or more in which small letters, capitals and digits
    alternate as in a random text, and not as in a name of several words; or 32 hexadecimal digits or more."""
    if _HEXADECIMAL.fullmatch(word):
        return True
    kinds = ["0" if char.isdigit() else "a" if char.islower() else "A" for char in word if char.isalnum()]
    if len(kinds) < _LEAST_RANDOM or len(set(kinds)) < 3 or len(kinds) < len(word) - 4:
        return False
    transitions = sum(first != second for first, second in pairwise(kinds))
    return transitions * 2 >= len(kinds) - 1


def _without_random(text: str) -> str:
    return _BEHIND.sub(
        lambda match: f"{match['name']}{HIDDEN}" if looks_random(match["value"]) else match[0], text
    )


def _without_values(word: str) -> str:
    """Returns a word of a command line, an object or a text with a plugin_config, without the values that can be
    secrets.

    A text that is not JSON is hidden whole if it assigns a value to the name of a secret.
    """
    if "{" not in word:
        # Two paths with a colon between them are a mount.
        assigns = not word.startswith("--") and "/" not in word
        word = _ASSIGNED.sub(rf"\g<name>{HIDDEN}", word) if assigns else word
        return _NAMED.sub(rf"\g<name>{HIDDEN}", word) if " " in word else word
    if not word.lstrip().startswith("{"):
        return hide_in_document(word, short_mask)
    hidden = hide_property_values(word, shows=names_no_secret)
    if hidden != HIDDEN:
        return hidden
    # Often an object without its quotes, which a shell has removed.
    return HIDDEN if _ASSIGNED.search(word) else word


def _announces(before: str, word: str) -> bool:
    """Whether the word before ``word`` shows that ``word`` is a secret, or its meaning is unknown."""
    if before.startswith("-") and not word.startswith("--") and _names_secret(before):
        return word not in _TRUTH
    return _takes_unknown(before, word) or _ANNOUNCES.fullmatch(before) is not None


def _takes_unknown(option: str, value: str) -> bool:
    """Whether ``value`` follows an unknown option of one letter, and may be a secret."""
    is_short = len(option) == 2 and option[0] == "-" and option[1].isalpha()
    if option == "-u" and ":" not in value:
        # Python's option, without a value, or a user's name; curl has a password after the name.
        return False
    return is_short and option not in _SHORT_OPTIONS and _PLAIN_VALUE.fullmatch(value) is None


def _names_secret(name: str) -> bool:
    """Whether an option (``--hf_token``) or a variable (``API_KEY``) contains a secret, by its name."""
    is_option = name.startswith("--") or (name.startswith("-") and len(name) > 2)
    if not (is_option or name.isidentifier()) or name.lower().endswith("_file"):
        return False
    name = _CAPITAL.sub("_", name)
    return SECRET_PART.search(name) is not None or (name.startswith("--") and _is_misspelt_secret(name))


def _is_misspelt_secret(name: str) -> bool:
    """Whether a part of an option's name is one letter away from a word for secrets: ``--hf_tokn``."""
    from difflib import get_close_matches

    parts = re.split(r"[_-]+", name.lower())
    return any(
        get_close_matches(part, _SECRET_WORDS, 1, 0.85)
        for part in parts
        if len(part) > 3 and not part.startswith("token")
    )


def _name_only(value: str) -> str:
    """Returns ``NAME=VALUE`` with the value hidden; a whole command line is hidden."""
    name, equals, _ = value.partition("=")
    return f"{name}={HIDDEN}" if equals and name.isidentifier() else HIDDEN
