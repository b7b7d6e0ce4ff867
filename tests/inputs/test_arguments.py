"""The server's arguments: each refusal with the server's own text, for every generation of its parser."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovms_doctor.inputs.arguments import read_arguments, unknown_reason
from ovms_doctor.inputs.arguments.options import OPTIONS, known_options
from ovms_doctor.inputs.arguments.validation import hint_for
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.releases import KNOWN_RELEASES, Release, parse_release

MODEL = ["--model_path", "/m", "--model_name", "m"]
CONFIG = ["--config_path", "/c.json"]
REST = ["--rest_port", "8000"]
OLD, AGED, MIDDLE, NEW = "2022.1", "2023.3", "2025.0", "2026.3"


def error(arguments: list[str], release: str, **limits: int) -> str | None:
    return read_arguments(arguments, parse_release(release), HostLimits(**limits)).usage_error


@pytest.mark.parametrize(
    ("arguments", "release", "text"),
    [
        (MODEL + REST, NEW, None),
        (MODEL, "2025.0", None),
        (MODEL, "2025.1", "port and rest_port cannot both be unset"),
        ([*MODEL, "--port", "0"], MIDDLE, "port and rest_port cannot have the same values"),
        ([*MODEL, "--port", "0", *REST], NEW, None),
        ([*MODEL, "--port", "8000", *REST], NEW, "port and rest_port cannot have the same values"),
        ([*MODEL, "--rest_port=70000"], NEW, "rest_port number out of range from 0 to 65535"),
        ([*MODEL, "--port", "70000"], OLD, "port number out of range from 0 to 65535"),
        ([*MODEL, "--port", "-1"], NEW, "error parsing options: Argument ‘-1’ failed to parse"),
        ([*MODEL, "--port", "0x2328"], NEW, None),
        ([*MODEL, "--port", "9000 "], NEW, "error parsing options: Argument ‘9000 ’ failed to parse"),
        ([*MODEL, "--port", ""], NEW, "error parsing options: Argument ‘’ failed to parse"),
        (["--port"], NEW, "error parsing options: Option ‘port’ is missing an argument"),
        (MODEL[:2] + REST, NEW, "Use config_path or model_path with model_name"),
        (CONFIG + MODEL + REST, NEW, "Use either config_path or model_path with model_name"),
        (
            [*CONFIG, *REST, "--shape", "auto"],
            NEW,
            "Model parameters in CLI are exclusive with the config file",
        ),
        ([*CONFIG, *REST, "--nireq", "0"], NEW, None),
        ([*CONFIG, "--nireq", "0"], OLD, "Model parameters in CLI are exclusive with the config file"),
        ([*CONFIG, *REST, "--layout", "NHWC:NCHW"], NEW, None),
        (
            [*MODEL, *REST, "--file_system_poll_wait_seconds", "-1"],
            NEW,
            "error parsing options: Argument ‘-1’ failed to parse",
        ),
        (
            [*MODEL, *REST, "--log_level", "debug"],
            NEW,
            "log_level should be one of: TRACE, DEBUG, INFO, WARNING, ERROR",
        ),
        ([*MODEL, "--log_level", "TRACE"], OLD, "log_level should be one of: DEBUG, INFO, WARNING, ERROR"),
        ([*MODEL, *REST, "--foo", "x"], NEW, "error parsing options - unmatched arguments: --foo, x,"),
        ([*MODEL, "--foo", "x"], MIDDLE, "error parsing options: Option ‘foo’ does not exist"),
        ([*MODEL, "x"], "2024.0", "error parsing options - unmatched arguments: x,"),
        ([*MODEL, "x"], AGED, None),
        ([*MODEL, *REST, "--stateful"], NEW, "error parsing options - unmatched arguments: --stateful,"),
        ([*MODEL, *REST, "--stateful"], "2026.2", None),
        (
            [*MODEL, *REST, "--metrics_enable", "true"],
            NEW,
            "error parsing options - unmatched arguments: true,",
        ),
        ([*MODEL, *REST, "--metrics_enable=true"], NEW, None),
        (
            [*MODEL, *REST, "--metrics_enable=yes"],
            NEW,
            "error parsing options: Argument ‘yes’ failed to parse",
        ),
        (
            [*MODEL, "--port", "1", "--metrics_enable"],
            NEW,
            "rest_port setting is missing, metrics are enabled on rest port",
        ),
        (
            [*MODEL, *REST, "--metrics_list", "ovms_streams"],
            NEW,
            "metrics_enable setting is missing, required when metrics_list is provided",
        ),
        (
            [*CONFIG, *REST, "--metrics_enable"],
            "2022.3",
            "metrics_enable or metrics_list and config_path cant be used together. Use json config file to "
            "enable metrics when using config_path.",
        ),
        ([*CONFIG, *REST, "--metrics_enable"], "2023.0", None),
        (
            [*MODEL, *REST, "--rest_bind_address", "a_b"],
            NEW,
            "rest_bind_address has invalid format: proper hostname or IP address expected.",
        ),
        ([*MODEL, *REST, "--rest_bind_address", "::1"], NEW, None),
        (
            [*MODEL, *REST, "--grpc_bind_address", "::1"],
            MIDDLE,
            "grpc_bind_address has invalid format: proper hostname or IP address expected.",
        ),
        ([*MODEL, *REST, "--rest_bind_address", "127.0.0.1,host-1"], "2025.4", None),
        *(
            (
                [*MODEL, *REST, "--rest_bind_address", text],
                "2025.4",
                "rest_bind_address has invalid format: proper hostname or IP address expected.",
            )
            for text in ("127.0.0.1,,host-1", ",127.0.0.1", "127.0.0.1,", "127.0.0.1,,", ",")
        ),
        ([*MODEL, *REST, "--rest_bind_address", "127.0.0.1,host-1,"], "2025.4", None),
        (
            [*MODEL, *REST, "--mean", "1"],
            NEW,
            "error parsing options - --mean parameter requires --layout to be set",
        ),
        (
            [*MODEL, *REST, "--grpc_workers", "0"],
            NEW,
            "grpc_workers count should be from 1 to CPU core count : the number of cores",
        ),
        ([*MODEL, *REST, "--rest_workers", "1"], "2026.1", "rest_workers count should be from 2 to 10000"),
        ([*MODEL, *REST, "--rest_workers", "1"], "2026.2", None),
        ([*MODEL, *REST, "--rest_workers", "10001"], NEW, "rest_workers count should be from 2 to 10000"),
        (
            [*MODEL, "--port", "1", "--rest_workers", "4"],
            NEW,
            "rest_workers is set but rest_port is not set. rest_port is required to start rest servers",
        ),
        (
            [*MODEL, "--max_sequence_number", "3"],
            AGED,
            "Setting low_latency_transformation, max_sequence_number and idle_sequence_cleanup require setting "
            "stateful flag for the model.",
        ),
        (
            [*MODEL, *REST, "--list_models", "--pull"],
            NEW,
            "error parsing options - --list_models cannot be used with --pull or --task",
        ),
    ],
)
def test_refused_arguments(arguments: list[str], release: str, text: str | None) -> None:
    assert error(arguments, release) == text


@pytest.mark.parametrize(
    ("release", "cores", "open_files", "text"),
    [
        ("2024.5", 1, 1024, None),
        ("2025.0", 1, 1024, "rest_workers count should be from 2 to 10000"),
        ("2026.1", 1, 1024, "rest_workers count should be from 2 to 10000"),
        ("2026.2", 1, 1024, None),
        (
            "2026.2",
            8,
            20,
            "rest_workers count cannot be larger than 0 due to open files limit. Current open files limit: 20",
        ),
    ],
)
def test_the_default_of_rest_workers_on_small_hosts(
    release: str, cores: int, open_files: int, text: str | None
) -> None:
    assert error(MODEL + REST, release, cores=cores, open_files=open_files) == text


def test_unknown_host_has_no_host_dependent_refusal() -> None:
    arguments = [*MODEL, *REST, "--grpc_workers", "8"]
    assert error(arguments, NEW) is None
    assert "--grpc_workers" in read_arguments(arguments, parse_release(NEW)).not_predicted
    assert error(arguments, NEW, cores=4) == "grpc_workers count should be from 1 to CPU core count : 4"


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"], ["--version"]])
def test_help_ends_with_nothing_served(args: list[str]) -> None:
    arguments = read_arguments(args, parse_release(NEW))
    assert arguments.prints_help
    assert arguments.refusals == ()


def test_the_last_of_repeated_options_counts() -> None:
    arguments = read_arguments([*MODEL, "--port", "1", "--port=2"], parse_release(NEW))
    assert (arguments.port, arguments.value("port")) == (2, "2")


def test_parameters_are_handed_on_as_they_were_written() -> None:
    arguments = [*MODEL, *REST, "--shape", "(1,3)", "--nireq", "2", "--layout", ""]
    parameters = read_arguments(arguments, parse_release(NEW)).parameters
    assert parameters.source == "arguments"
    assert dict(parameters.values) == {"shape": '"(1,3)"', "nireq": '"2"'}


def test_options_without_effect_with_a_configuration() -> None:
    arguments = [*CONFIG, *REST, "--layout", "NCHW", "--mean", "1"]
    assert read_arguments(arguments, parse_release(NEW)).without_effect == ("--layout", "--mean")


def test_files_are_demanded_in_the_servers_order() -> None:
    arguments = [*MODEL, *REST, "--log_level", "x", "--cpu_extension", "/e.so", "--api_key_file", "/k"]
    refusals = read_arguments(arguments, parse_release(NEW)).refusals
    assert [(item.option, item.unless_file is not None) for item in refusals] == [
        ("--api_key_file", True),
        ("--cpu_extension", True),
        ("--log_level", False),
    ]


@pytest.mark.parametrize(
    ("word", "release", "suggestion", "history"),
    [
        ("--model-path", NEW, "--model_path", None),
        ("--rest_prot", NEW, "--rest_port", None),
        ("--stateful", NEW, None, "--stateful was removed in OVMS 2026.3"),
        ("--api_key_file", "2025.3", None, "--api_key_file exists since OVMS 2025.4"),
    ],
)
def test_unknown_options_are_explained(
    word: str, release: str, suggestion: str | None, history: str | None
) -> None:
    refusal = read_arguments([word, "x"], parse_release(release)).refusals[0]
    assert refusal.suggestion == suggestion
    assert unknown_reason(refusal, parse_release(release)) == history


ARGUMENTS = st.one_of(
    st.sampled_from([f"--{option.name}" for option in OPTIONS]),
    st.sampled_from(["-h", "-x", "--", "-", "=", "--=", "1", "0x", "true", "{}", "--port=", "\udcff"]),
    st.text(max_size=8),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ARGUMENTS, max_size=8), st.sampled_from(KNOWN_RELEASES))
def test_any_arguments_can_be_parsed(args: list[str], release: Release) -> None:
    arguments = read_arguments(args, release)
    assert (
        arguments.prints_help
        or arguments.refusals
        or arguments.config_path
        or arguments.model_path
        or arguments.mode != "serve"
    )
    assert {name for name, _ in arguments.options} <= set(known_options(release))


SERVES = ["--model_name", "m", "--model_path", "/m", "--port", "9000"]


@pytest.mark.parametrize("release", ["2024.0", "2025.1", "2025.2", "2026.3"])
@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (
            ["/ovms/bin/ovms", *SERVES],
            "Remove /ovms/bin/ovms: the image's entrypoint already runs the server",
        ),
        (["ovms", *SERVES], "Remove ovms: the image's entrypoint"),
        ([*SERVES, "-p", "9000:9000"], "Move -p before the image"),
        ([*SERVES, "--gpus", "all"], "Move --gpus before the image"),
        ([*SERVES, "--name=x"], "Move --name before the image"),
        ([*SERVES, "b", "c"], "Remove b, or put the whole value"),
        (["--", *SERVES], "Remove the word --:"),
        ([*SERVES[:4], "--", *SERVES[4:]], "Remove the word --:"),
        ([*SERVES, "--modle_name", "x"], ""),
        ([*SERVES, "--nothing"], ""),
        ([*SERVES, "--log_level", "debug"], ""),
    ],
)
def test_hints_on_arguments_that_no_option_accepts(release: str, arguments: list[str], remedy: str) -> None:
    (refusal, *_) = read_arguments(arguments, parse_release(release)).refusals
    assert refusal.remedy.startswith(remedy)
    assert bool(refusal.remedy) is bool(remedy)


@pytest.mark.parametrize("release", ["2024.0", "2025.1", "2025.2", "2026.3"])
@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--model_path /m", "--model_name m", "--port 9000"], "Split “--model_path /m” at each blank"),
        (
            ["--model_path /m --model_name m --port 9000"],
            "Split “--model_path /m --model_name m --port 9000” at",
        ),
        ([*SERVES, "--unknown x"], ""),
        (["--model_path", "/m", "--port", "9000"], "Add --model_name"),
        (["--model_name", "m", "--port", "9000"], "Add --model_path"),
        (["--port", "9000"], "Add --config_path, or --model_path and --model_name."),
        (
            ["--config_path", "/c", "--model_name", "m", "--port", "9000"],
            "Remove --model_name: the configuration",
        ),
        (["--config_path", "/c", *SERVES], "Remove --model_name and --model_path: the configuration"),
        (["--config_path", "/c", "--port", "9000", "--nireq", "4"], "Move --nireq into the model's entry"),
        (
            [*SERVES, "--rest_port", "9000"],
            "Give --port (gRPC) and --rest_port (REST) two different numbers.",
        ),
        ([*SERVES, "--metrics_enable"], "Add --rest_port: metrics are served there."),
        ([*SERVES, "--rest_port", "8000", "--metrics_list", "ovms_streams"], "Add --metrics_enable."),
    ],
)
def test_remedies_for_options_that_do_not_fit(release: str, arguments: list[str], remedy: str) -> None:
    refusals = read_arguments(arguments, parse_release(release)).refusals
    refusal = next(item for item in refusals if item.unless_file is None)
    assert refusal.remedy.startswith(remedy)
    assert bool(refusal.remedy) is bool(remedy)
    assert refusal.suggestion is None


def test_the_remedy_for_a_missing_port() -> None:
    (refusal,) = read_arguments(SERVES[:4], parse_release("2025.1")).refusals
    assert refusal.remedy.startswith("Add --rest_port for REST, --port for gRPC, or both")
    assert not read_arguments(SERVES[:4], parse_release("2025.0")).refusals


@pytest.mark.parametrize("dash", ["\u2014", "\u2013", "\u2013-"])
def test_an_option_with_a_typographic_dash(dash: str) -> None:
    (refusal, *_) = read_arguments([f"{dash}{SERVES[0][2:]}", *SERVES[1:]], parse_release("2026.3")).refusals
    assert refusal.suggestion == "--model_name"


@pytest.mark.parametrize("release", ["2022.1", "2023.3"])
def test_arguments_that_old_releases_accept(release: str) -> None:
    arguments = read_arguments(["/ovms/bin/ovms", *SERVES, "stray"], parse_release(release))
    assert arguments.refusals == ()
    assert arguments.without_effect == ("/ovms/bin/ovms", "stray")


PULL = ["--source_model", "a/b", "--model_repository_path", "/m"]
GENERATES = "task: text_generation - error parsing options - unmatched arguments : "
UNMATCHED = "error parsing options - unmatched arguments: "
WITH_PULL = "error parsing options - --list_models cannot be used with --pull or --task"
NO_REST = "rest_workers is set but rest_port is not set. rest_port is required to start rest servers"


@pytest.mark.parametrize(
    ("arguments", "before", "old", "since", "new"),
    [
        (["--pull", *PULL, "--list_models"], "2025.2", None, "2025.2.1", WITH_PULL),
        ([*PULL, "--list_models"], "2026.2", None, "2026.3", WITH_PULL),
        (
            [*REST, "--add_to_config", "/c.json", "--list_models", "--model_repository_path", "/m"],
            "2025.2.1",
            None,
            "2025.3",
            "error parsing options - --list_models cannot be used with --add_to_config",
        ),
        (
            ["--remove_from_config", "/c.json", *MODEL],
            "2025.2.1",
            None,
            "2025.3",
            "error parsing options - --model_path cannot be used with --remove_from_config",
        ),
        ([*REST, *PULL, "--foo", "1"], "2025.3", f"{GENERATES}--foo, 1,", "2025.4", f"{UNMATCHED}--foo, 1,"),
        ([*REST, *PULL, "--foo", "1"], "2026.2", f"{UNMATCHED}--foo, 1,", "2026.3", None),
        (
            [*MODEL, *REST, "--task", "nonsense", "--list_models"],
            "2026.2",
            "error parsing options - --task parameter unsupported value: nonsense",
            "2026.3",
            WITH_PULL,
        ),
        (
            ["--task", "rerank", "--config_path", "/c.json", "--remove_from_config", "left"],
            "2026.2",
            "task: rerank - error parsing options - unmatched arguments : left,",
            "2026.3",
            f"{UNMATCHED}left,",
        ),
        ([*MODEL, "--configure"], "2026.2", f"{UNMATCHED}--configure,", "2026.3",
         "error parsing options - --model_name cannot be used with --configure"),
        (["--configure", "--pull", *MODEL], "2026.2", None, "2026.3",
         "error parsing options - --configure cannot be used with --pull"),
        ([*MODEL, "--rest_workers", "8"], "2022.2", None, "2022.3", NO_REST),
        ([*MODEL, *REST, "--metrics_enable"], "2022.1", "error parsing options: Option ‘metrics_enable’ does not exist",
         "2022.2", None),
        ([*CONFIG, "--shape", ""], "2022.2", "Model parameters in CLI are exclusive with the config file",
         "2022.3", None),
        ([*MODEL, *REST, "--rest_workers", "8"], "2026.1", None, "2026.2",
         "rest_workers count cannot be larger than 4 due to open files limit. Current open files limit: 40"),
        ([*MODEL, *REST, "--log_level", "TRACE"], "2022.1", "log_level should be one of: DEBUG, INFO, WARNING, ERROR",
         "2022.2", None),
    ],
)  # fmt: skip
def test_the_release_in_which_a_refusal_changes(
    arguments: list[str], before: str, old: str | None, since: str, new: str | None
) -> None:
    """A release that is taken for its neighbour gives a wrong verdict."""
    limits = {"cores": 2, "open_files": 40}
    assert (error(arguments, before, **limits), error(arguments, since, **limits)) == (old, new)


@pytest.mark.parametrize("release", ["2025.2", "2025.4", "2026.2", "2026.3"])
def test_arguments_that_the_parser_of_a_task_refuses(release: str) -> None:
    start = [*REST, *PULL, "--task", "text_generation"]
    assert error([*start, "--max_num_seqs", "1"], release) is None
    assert error([*start, "--max_num_seqs=1"], release) is None
    assert error([*start, "--max_num_seqs", "1", "x"], release) == f"{GENERATES}x,"
    assert error([*start, "--max_num_seqs=1", "x"], release) == f"{GENERATES}x,"
    assert error([*start, "--foo", "1"], release) == f"{GENERATES}--foo, 1,"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--file_system_poll_wait_seconds", "-1"],
         "The server accepts no negative number, although its help allows it. 0 turns the polls off."),
        (["--log_level", "debug"], "Write the level in capital letters."),
        (["--grpc_workers", "0"], ""),
    ],
)  # fmt: skip
def test_hints(arguments: list[str], hint: str) -> None:
    release = parse_release(NEW)
    (refusal,) = read_arguments([*MODEL, *REST, *arguments], release, HostLimits()).refusals
    assert hint_for(refusal, release) == hint
