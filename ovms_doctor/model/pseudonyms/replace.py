"""One text without its names: known words of this program stay, all others are replaced."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.pseudonyms import addresses, escapes
from ovms_doctor.model.pseudonyms.kept_words import (
    COMPOUND,
    NAME_CHARACTER,
    SPACES,
    KeptWords,
    capital_parts,
)
from ovms_doctor.model.pseudonyms.kinds import Content, Kind
from ovms_doctor.model.pseudonyms.mapping import PseudonymMap, small

#: Whether a word stays.
Keeps = Callable[[str], bool]

_RUN = rf"(?:[A-Za-z0-9]|[^\x00-\x7f{SPACES}])+"
ADDRESS_OR_RUN = lazy_pattern(rf"(?P<ipv4>{addresses.IPV4})|(?P<run>{_RUN})")
PIECE = lazy_pattern(rf"[0-9]+|(?:[A-Za-z]|[^\x00-\x7f{SPACES}])+")
_HEX = lazy_pattern(r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,}|(?=[A-F]*[0-9])(?=[0-9]*[A-F])[0-9A-F]{8,}")
#: A run of letters and digits that changes between them at least this often is an id, not a name with a number.
_CHANGES = 3
#: A number of at least so many digits in a name is the number of an account or a customer.
_LONG_NUMBER = 9
#: Parts of a model's name by which the server chooses its task (default_task_detector.cpp).
TASK_PART = lazy_pattern("(rerank|embed)", re.IGNORECASE)

#: Members of documents with a name, and those with a path.
_NAME_KEYS = "name|model_name|node_name|library_name|loader_name|servable_name|graph_name|_name_or_path"
_PATH_KEYS = "(?:[a-z_]+_)?path|subconfig|cache_dir|custom_loader_config_file"
#: The positions of names and paths in a text, independent of their words.
_PLACES = lazy_pattern(
    rf"""(?:(?<=["'])(?:{_NAME_KEYS})["']|\b(?:{_PATH_KEYS})["']?)\s*:\s*["'](?P<member>[^"'\n]*)"""
    r"""|[{,]name="(?P<label>[^"\n]*)\""""
    r"""|"(?P<status>[^"\n]+)"(?=\s*:\s*\{\s*"model_version_status")"""
    r"""|(?P<url>[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>|,;()\[\]{}]*)"""
    r"""|(?<![\w<.\-/:*])(?P<path>(?:~|\.{1,2})?/(?![/*])[^\s"'<>|,;()\[\]{}]*)"""
    r"""|\b(?P<before>(?:model|servable|pipeline|graph|bucket|host|container|user|definition|project|profile)s?"""
    r"""(?: name| definition)?(?: with name)?[:=]? ?["']?)"""
    rf"""(?P<after>{NAME_CHARACTER}+)"""
    # OpenVINO leaves out the space after the value in some releases.
    r"""|\bWrong value (?P<value>\S+?)(?= ?for property key)"""
    r"""|arn:[\w-]*:[^:\s]*:[^:\s]*:(?P<account>[0-9]{6,})"""
    rf"""|(?P<relative>{NAME_CHARACTER}+(?:/+{NAME_CHARACTER}*)+)"""
    rf"""|(?P<compound>{NAME_CHARACTER}+)""",
)
_URL = lazy_pattern(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_STORE_SCHEMES = frozenset("s3 gs az azfs abfs abfss wasbs".split())
_LAST_STOPS = lazy_pattern(r"[.\-+@]+$")
#: Option whose value is a name or a path.
_NAME_OPTION = lazy_pattern(
    r"--?[\w-]*(?:name|path|dir|directory|extension|model|repository|filename|adapters|file|config|endpoint|address|bucket)"
)
_NOT_NAMES = frozenset({"--plugin_config"})


class Replacer:
    """Replaces names in texts. The first run over all texts collects the names; the second returns the result."""

    def __init__(self, names: PseudonymMap, known: KeptWords) -> None:
        self.names = names
        self.known = known
        #: Names of files, models, hosts and the like in which a word is replaced.
        self.found: set[str] = set()
        #: The used pseudonyms.
        self.used: set[str] = set()
        #: The number of replacements, by kind.
        self.counts: dict[Kind, int] = {}

    # -- names ---------------------------------------------------------------------------------------------

    def name(self, text: str, content: Content) -> str:
        """Returns a name, path or address with pseudonyms."""
        return escapes.changed(text, partial(self._name, content=content), backslashes=False)

    def _name(self, text: str, content: Content) -> str:
        url = _URL.fullmatch(text) if "://" in text else None
        if url is not None:
            return self._url(url)
        if content == "path":
            parts = text.split("/")
            return "/".join(
                self._component(part, "user" if _is_user(parts, index) else "path")
                for index, part in enumerate(parts)
            )
        return self._component(text, content)

    def _url(self, match: re.Match[str]) -> str:
        scheme, host, rest = match["scheme"], match["host"], match["rest"]
        is_store = scheme.lower() in _STORE_SCHEMES and ":" not in host
        new_host = self._component(host, "bucket" if is_store else "host")
        new_scheme = self._replaced_words(scheme, "word", self._is_known)
        return f"{new_scheme}://{new_host}{self._name(rest, 'path')}"

    def _component(self, text: str, content: Content) -> str:
        if not text or text.isdigit():
            return text
        kind: Kind = "word" if content in ("text", "arguments") else content  # type: ignore[assignment]
        new = self._replaced_words(text, kind, self._is_known_name)
        if new != text:
            for compound in COMPOUND.findall(text):
                self.found.add(compound)
                stem, dot, _ = compound.rpartition(".")
                if dot and stem:
                    self.found.add(stem)
        return new

    # -- messages and documents ------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """Returns a message, a line of a log, or a document with pseudonyms."""
        if "\0" in text:
            text = escapes.with_wide_letters(text, self._text)
        return escapes.changed(text, self._text, backslashes=True)

    def _text(self, text: str) -> str:
        def replace_part(part: str) -> str:
            return _PLACES.sub(self._found, part)

        return addresses.between_addresses(text, replace_part, self._noted_address, self.names)

    def _found(self, match: re.Match[str]) -> str:
        group = match.lastgroup
        if group == "compound":
            return self._compound(match[0])
        if group == "relative":
            parts = match[0].split("/")
            if any(part in self.found for part in parts):
                return self._name(match[0], "path")
            return "/".join(map(self._compound, parts))
        if group == "after":
            before, after = match["before"], match["after"]
            stem = _LAST_STOPS.sub("", after)
            if stem in self.found:
                return before + self._component(stem, _named(before)) + after[len(stem) :]
            return self._replaced_words(before, "word", self._is_known) + self._compound(after)
        assert group is not None
        if group == "value":
            return match[0][: -len(match[group])] + self._replaced_words(match[group], "word", self._is_known)
        if group == "account":
            number = match[group]
            return match[0][: -len(number)] + self._noted(number, self.names.digits(number), "number")
        content: Content = "path" if group in ("url", "path") or "/" in match[group] else "model"
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        whole = match[0]
        return whole[:start] + self._name(match[group], content) + whole[end:]

    def _compound(self, text: str) -> str:
        stem = _LAST_STOPS.sub("", text)
        if stem in self.found and stem not in self.known.compounds and not self._all_known(stem):
            return self._component(stem, "path") + text[len(stem) :]
        return self._replaced_words(text, "word", self._is_known)

    def arguments(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """Returns a command line with pseudonyms."""
        result: list[str] = []
        before = ""
        for word in arguments:
            option, equals, value = word.partition("=")
            if word.startswith("-") and equals:
                new = self._value(option, value)
                result.append(f"{self._option(option)}={new}")
            elif word.startswith("-") and _is_option(word):
                result.append(self._option(word))
            else:
                result.append(self._value(before, word))
            before = word if word.startswith("-") and not equals else ""
        return tuple(new if new != old else old for new, old in zip(result, arguments, strict=True))

    def _option(self, text: str) -> str:
        return self.text(text)

    def _value(self, option: str, text: str) -> str:
        if option not in _NOT_NAMES and "{" not in text and _NAME_OPTION.fullmatch(option):
            return self.name(text, "path" if "/" in text or "path" in option or "dir" in option else "model")
        return self.text(text)

    # -- words -----------------------------------------------------------------------------------------------

    def _replaced_words(self, text: str, kind: Kind, keeps: Keeps) -> str:
        in_name = keeps == self._is_known_name or any(char.isalpha() for char in text)

        def replace_part(part: str) -> str:
            return ADDRESS_OR_RUN.sub(lambda match: self._run(match, kind, keeps, in_name), part)

        return addresses.between_addresses(text, replace_part, self._noted_address, self.names)

    def _run(self, match: re.Match[str], kind: Kind, keeps: Keeps, in_name: bool) -> str:
        if match["ipv4"]:
            new = addresses.ipv4(match["ipv4"], match["mark"], self.names)
            return match[0] if new is None else self._noted_address(match[0], new)
        run = match["run"]
        if keeps(run):
            return run
        if _HEX.fullmatch(run):
            return self._noted(run, self.names.hexadecimal(run), kind)
        pieces = PIECE.findall(run)
        if len(pieces) > _CHANGES:
            return self._noted(run, self.names.letters(run), kind)
        result = []
        for piece in pieces:
            if piece.isascii() and piece.isdigit():
                long = in_name and len(piece) >= _LONG_NUMBER
                result.append(self._noted(piece, self.names.digits(piece), "number") if long else piece)
            elif keeps(piece) or (len(piece) == 1 and piece.isascii()) or piece.isdigit():
                result.append(piece)
            else:
                result.append(self._letters(piece, kind, keeps))
        return "".join(result)

    def _letters(self, text: str, kind: Kind, keeps: Keeps) -> str:
        if keeps == self._is_known:
            before, text, after = self._class_name(text)
            if not text or keeps(text):
                return before + text + after
            return before + self._noted(text, self.names.letters(text), kind) + after
        # The server searches the name of a directory for these.
        parts = TASK_PART.split(text)
        return "".join(
            part if index % 2 or len(part) < 2 else self._noted(part, self.names.letters(part), kind)
            for index, part in enumerate(parts)
        )

    def _class_name(self, text: str) -> tuple[str, str, str]:
        """Returns the known beginning and the known end of a class name, and the part between: the server reads the
        beginning and the end of models' class names (``StableDiffusion…``, ``…ForCausalLM``)."""
        parts = capital_parts(text)
        if len(parts) == 1:
            return "", text, ""
        counts = range(1, len(parts))
        start = next((n for n in reversed(counts) if self._is_known("".join(parts[:n]))), 0)
        ends = (n for n in counts if n >= start and parts[n].startswith(("For", "Model", "Pipeline")))
        end = next((n for n in ends if self._is_known("".join(parts[n:]))), len(parts))
        return "".join(parts[:start]), "".join(parts[start:end]), "".join(parts[end:])

    def _is_known(self, word: str) -> bool:
        return small(word) in self.known.words

    def _is_known_name(self, word: str) -> bool:
        return small(word) in self.known.names

    def _all_known(self, text: str) -> bool:
        """Whether a name is one known word of this program, and so perhaps not a name."""
        return text.isalnum() and self._is_known(text)

    def _noted_address(self, text: str, pseudonym: str) -> str:
        return self._noted(text, pseudonym, "address")

    def _noted(self, text: str, pseudonym: str, kind: Kind) -> str:
        if pseudonym == text:
            return text
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.used.add(pseudonym)
        return self.names.note(text, pseudonym, kind)


def _is_user(parts: list[str], index: int) -> bool:
    """Whether a component of an absolute path is the name of a user: the one below /home."""
    return index == 2 and parts[0] == "" and parts[1] in ("home", "Users")


def _is_option(word: str) -> bool:
    return re.fullmatch(r"--?[A-Za-z][\w-]*", word) is not None


def _named(before: str) -> Content:
    """Returns the kind of name that follows these words."""
    for word in ("bucket", "host", "user"):
        if before.lower().startswith(word):
            return word
    return "name" if before.lower().startswith(("container", "project", "profile")) else "model"
