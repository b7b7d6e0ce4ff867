"""The options of a script that argparse reads: a snippet is checked as if it is run without any."""

from __future__ import annotations

from typing import Any

from ovms_doctor.inputs.requests.python_values import Instance, Unknown, text_of

PARSER = "argparse.ArgumentParser"
#: What parse_args returns.
OPTIONS = "argparse.Namespace"
#: The value of an option that is not given, by its action.
_UNSET = {"store_true": False, "store_false": True, "count": None, "append": None}


def argument_parser(arguments: list[Any], keywords: dict[str, Any], sent: Any) -> Any:
    """Returns a parser, whose options are its attributes."""
    return Instance(PARSER, {})


def parser_call(holder: Instance, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """Returns the result of a method of a parser."""
    if name == "add_argument":
        _add(holder, [text_of(item) for item in arguments], keywords)
        return Unknown("an option")
    if name == "set_defaults":
        holder.attributes.update(keywords)
        return None
    if name in ("add_argument_group", "add_mutually_exclusive_group"):
        return Instance(PARSER, holder.attributes)
    if name == "parse_args":
        return Instance(OPTIONS, dict(holder.attributes))
    if name == "parse_known_args":
        return (Instance(OPTIONS, dict(holder.attributes)), [])
    return Unknown("a result of argparse")


def _add(parser: Instance, names: list[str], keywords: dict[str, Any]) -> None:
    flags = [name for name in names if name.startswith("-")]
    long = next((name for name in flags if name.startswith("--")), flags[0] if flags else "")
    target = text_of(keywords.get("dest")) or (long or (names[0] if names else "")).lstrip("-").replace(
        "-", "_"
    )
    default = keywords.get("default", _UNSET.get(text_of(keywords.get("action"))))
    is_given = (bool(flags) and not keywords.get("required")) or keywords.get("nargs") in ("?", "*")
    if "default" not in keywords and not is_given:
        default = Unknown(f"the argument {target}")
    # A default that is a text is converted as an argument is.
    kind = keywords.get("type")
    if isinstance(default, str) and isinstance(kind, Instance) and kind.kind in ("int", "float"):
        try:
            default = int(default) if kind.kind == "int" else float(default)
        except ValueError:
            default = Unknown(f"the argument {target}")
    if target:
        parser.attributes[target] = default
