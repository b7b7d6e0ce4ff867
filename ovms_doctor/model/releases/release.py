"""A release of OpenVINO Model Server, and the behaviours that began or ended with one."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern


class ReleaseError(ValueError):
    """The text does not name a release for which this program has rules."""


class Release(Struct, frozen=True, order=True):
    """A release, compared number by number: 2022.3 < 2022.3.0.1 < 2023.0."""

    #: Its numbers, from the year on.
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(str(number) for number in self.numbers)

    @property
    def known(self) -> bool:
        """Whether the rules were read from this exact release's source, or from a release that it only patches."""
        return self.numbers[:2] in {release.numbers[:2] for release in KNOWN_RELEASES}

    @property
    def recorded(self) -> bool:
        """Whether the server's own code of this release was run and recorded; the rules of other releases come from
        reading the source."""
        return self.numbers[:2] in ((2025, 4), (2026, 3))

    def at_least(self, *numbers: int) -> bool:
        return self.numbers >= numbers

    # -- messages ----------------------------------------------------------------------------------
    @property
    def has_old_schema_message(self) -> bool:
        """Whether a violation of a schema is logged as “Given config is invalid” (schema.cpp, until v2023.3)."""
        return not self.at_least(2024, 0)

    # -- the model directory -----------------------------------------------------------------------
    @property
    def serves_single_file(self) -> bool:
        """Whether a model path may name a file, served as version 1 (modelmanager.cpp, v2026.3)."""
        return self.at_least(2026, 3)

    @property
    def uses_std_filesystem(self) -> bool:
        """Whether reading a version directory throws if access is denied (v2025.1); before, opendir and readdir only
        reported "missing", and a directory named ``x.xml`` counted as a file."""
        return self.at_least(2025, 1)

    @property
    def distinguishes_dotted_names(self) -> bool:
        """Whether ``/a../m`` and ``/..m`` are not read as the directory above (filesystem.hpp, v2023.0)."""
        return self.at_least(2023, 0)

    @property
    def backslash_escapes(self) -> bool:
        r"""Whether ``..\`` in a path is forbidden too, on Linux as well (filesystem.hpp, v2025.2)."""
        return self.at_least(2025, 2)

    @property
    def reads_paddle(self) -> bool:
        return self.at_least(2022, 2)

    @property
    def reads_tensorflow(self) -> bool:
        return self.at_least(2022, 3)

    @property
    def reads_saved_model(self) -> bool:
        """Whether a path ending in ``saved_model.pb`` is cut to its directory (v2023.0)."""
        return self.at_least(2023, 0)

    @property
    def reads_tflite(self) -> bool:
        return self.at_least(2023, 1)

    @property
    def names_missing_file_new(self) -> bool:
        """Whether the text is "no valid model file found" (v2026.3)."""
        return self.at_least(2026, 3)

    # -- a model that was read ---------------------------------------------------------------------
    @property
    def refuses_no_inputs(self) -> bool:
        """Whether a model without inputs or outputs is refused: OV_NO_INPUTS and OV_NO_OUTPUTS (v2024.4); before, it
        was served."""
        return self.at_least(2024, 4)

    @property
    def names_outputs(self) -> bool:
        """Whether outputs without a name are called ``out_N`` (v2025.0); before, the load failed."""
        return self.at_least(2025, 0)

    # -- start-up ----------------------------------------------------------------------------------
    @property
    def needs_a_port(self) -> bool:
        """Whether no port at all is a usage error (v2025.1); before, gRPC listened on 9178."""
        return self.at_least(2025, 1)

    @property
    def looks_for_generative_model(self) -> bool:
        """Whether, in single-model mode, ``config.json`` or ``model_index.json`` in the model path makes it a
        generative model (cli_parser.cpp, v2026.3)."""
        return self.at_least(2026, 3)

    @property
    def finds_graphs(self) -> bool:
        """Whether ``graph.pbtxt`` below a base path makes it a MediaPipe graph (modelmanager.cpp, v2025.1)."""
        return self.at_least(2025, 1)

    # -- config.json -------------------------------------------------------------------------------
    @property
    def base_path_optional(self) -> bool:
        return self.at_least(2025, 1)

    @property
    def strict_policy(self) -> bool:
        """Whether the schema describes ``model_version_policy`` (v2022.3.0.1); before, any object passed."""
        return self.at_least(2022, 3, 0, 1)

    @property
    def config_has_one_key(self) -> bool:
        """Whether keys next to ``config`` are refused (v2024.0)."""
        return self.at_least(2024, 0)


KNOWN_RELEASES: tuple[Release, ...] = tuple(
    Release(tuple(int(number) for number in text.split(".")))
    for text in (
        "2022.1 2022.2 2022.3 2022.3.0.1 2023.0 2023.1 2023.2 2023.3 2024.0 2024.1 2024.2 2024.3 2024.4 2024.5 "
        "2025.0 2025.1 2025.2 2025.2.1 2025.3 2025.4 2025.4.1 2026.0 2026.1 2026.2 2026.2.1 2026.3"
    ).split()
)
OLDEST = KNOWN_RELEASES[0]
NEWEST = KNOWN_RELEASES[-1]

_PATTERN = lazy_pattern(r"v?(\d{4}(?:\.\d{1,4}){1,3})")


def parse_release(text: str) -> Release:
    """Returns the Release of ``2025.4``, ``v2026.3``, ``2022.3.0.1``. Raises ReleaseError for any other text, or one
    older than 2022.1."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise ReleaseError(f"{text!r} is not a release of OVMS; write it like 2025.4")
    release = Release(tuple(int(number) for number in match.group(1).split(".")))
    if release < OLDEST:
        raise ReleaseError(f"OVMS {release} is older than {OLDEST}, the oldest release known here")
    return release
