"""Entries on the shape of a model's directory: base path, version directories, files."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import ALL, BASE_FAILS, LINK_LOOP, LOAD_FAILS
from ovms_doctor.model import server_log as log

CODES: tuple[Code, ...] = (
    Code(
        "OVD101",
        "no-version-directory",
        "error",
        "layout",
        "The model's directory has no sub-directory that is named with a number",
        "The server looks for versions in the sub-directories of the base path only; model files that lie "
        "in the base path itself are never served. It counts as a success: the server starts in both modes, "
        "/v2/health/ready answers 200, /v1/config shows the model with an empty list of versions, and "
        "nothing is served under this name. The warning is repeated at every poll.",
        "Make a directory 1 in the model's directory and move the model's files into it.",
        "next_poll",
        (log.NO_VERSION,),
        releases="The same in all releases. OVMS's troubleshooting page of 2026.3 says that a directory "
        "without version directories is served; no release does that. Since 2026.3 a single model file may "
        "be named instead.",
        see_also=("OVD102", "OVD104", "OVD131"),
    ),
    Code(
        "OVD102",
        "version-name-not-a-number",
        "error",
        "layout",
        "A sub-directory's name does not begin with a number, so it is no version",
        "A name such as v1 or latest is passed over with a warning at every poll. Where no other version is "
        "there, the server starts in both modes, /v2/health/ready answers 200, /v1/config shows an empty "
        "list of versions, and nothing is served under this name. Beside a good version the warning is all "
        "that happens.",
        "Rename the directory to a plain number greater than 0, for instance v1 to 1.",
        "next_poll",
        (log.VERSION_NOT_NUMBER, log.NO_VERSION),
        releases=ALL,
        see_also=("OVD101", "OVD103"),
    ),
    Code(
        "OVD103",
        "version-directory-misnamed",
        "error",
        "layout",
        "A directory such as 01, +1 or 1_backup is read as a version number, but is not what the server "
        "then opens",
        "The server takes the number at the beginning of the name (white space, a sign, "
        "digits; the rest is ignored) and then opens the directory that is called exactly by "
        "that number. 01 and 1_backup are both version 1, and only a directory 1 is opened; "
        "2024-01-01 is version 2024. " + LOAD_FAILS,
        "Rename the directory to the plain number if it is to be served. If it is a backup, move it out of "
        "the model's directory.",
        "next_poll",
        (log.VERSION_DIRECTORY_MISSING,),
        releases=ALL,
        see_also=("OVD105", "OVD115", "OVD117"),
    ),
    Code(
        "OVD104",
        "version-number-out-of-range",
        "warning",
        "layout",
        "A directory's name is the number 0, a negative number, or one greater than 9223372036854775807",
        "The directory is passed over, with a message at every poll that gives the number, not the name (a "
        "directory 0.5_backup appears as 0). Other versions are served. Where there is no other, the server "
        "starts in both modes, answers “ready”, and serves nothing under this name.",
        "Rename the directory to a number from 1 to 9223372036854775807.",
        "next_poll",
        (log.VERSION_NOT_POSITIVE, log.VERSION_OUT_OF_RANGE, log.NO_VERSION),
        releases=ALL,
        see_also=("OVD101",),
    ),
    Code(
        "OVD105",
        "duplicate-version-directories",
        "warning",
        "layout",
        "Several directories are read as the same version number",
        "Only the directory that is called by the plain number is opened: beside 1, a directory 01 or 1_old "
        "has no effect of its own. Under the policy latest 1 that is all. Under all, or latest with more "
        "than 1, the version is loaded again at every poll and the copy thrown away, which costs time and "
        "memory without end.",
        "Move every directory but the one with the plain number out of the model's directory.",
        None,
        (),
        releases=ALL,
        see_also=("OVD103", "OVD117"),
    ),
    Code(
        "OVD106",
        "base-path-missing",
        "error",
        "layout",
        "There is nothing at the model's base path, as the server sees it",
        "A path that does not exist, a link that leads nowhere, or a path through something that is no "
        "directory. " + BASE_FAILS + " A directory that is mounted later is then found.",
        "Mount the directory where the server looks for it, or correct base_path or --model_path. In a "
        "container the path inside counts, not this host's.",
        "next_poll",
        (log.DIRECTORY_MISSING,),
        releases=ALL,
        see_also=("OVD107", "OVD124"),
    ),
    Code(
        "OVD107",
        "base-path-not-a-directory",
        "error",
        "layout",
        "The model's base path is a file (before 2026.3), or something that is neither file nor directory",
        "The server says that the directory does not exist. " + BASE_FAILS,
        "Put the model's files into a version directory and name the directory above it, or use release "
        "2026.3, which serves a single model file as version 1.",
        None,
        (log.DIRECTORY_MISSING,),
        releases="Until 2026.2 for every file. Since 2026.3 a regular file is served if its suffix fits "
        "(OVD108).",
        see_also=("OVD106", "OVD108"),
    ),
    Code(
        "OVD108",
        "model-file-not-servable",
        "error",
        "layout",
        "The base path is a file whose suffix is none of those served as a single file",
        "A single file is served if its name ends in .xml, .onnx, .pdmodel, .pdiparams, .pb or "
        ".tflite, in lower case (in a version directory case does not matter). " + BASE_FAILS,
        "Rename the file to the suffix of its format in lower case, or put it into a version directory.",
        None,
        (log.INVALID_MODEL_FILE,),
        releases="Since 2026.3. Before, no file is served as a base path (OVD107).",
        see_also=("OVD107", "OVD112"),
    ),
    Code(
        "OVD109",
        "path-escapes",
        "error",
        "layout",
        "The path goes up with “..”, which the server forbids wherever it leads",
        "A relative base_path is put behind the directory of the configuration file as it was "
        "typed, and the sum is refused if it begins with ../, contains /../, or its first /.. "
        "is at its end. So --config_path ../c.json makes every relative base_path in it fail. " + BASE_FAILS,
        "Write the path without “..”, best as an absolute one.",
        "config_change",
        (log.PATH_ESCAPES,),
        releases="The same in all releases; since 2025.2 also with backslashes, on Linux too.",
        see_also=("OVD106",),
    ),
    Code(
        "OVD110",
        "directory-listing-fails",
        "error",
        "layout",
        "The model's directory holds a link in a loop, or one into a place that cannot be looked into",
        "One "
        "such "
        "link, "
        "even "
        "one "
        "that "
        "is "
        "no "
        "version, "
        "makes "
        "the "
        "look "
        "at "
        "the "
        "whole "
        "directory "
        "fail; "
        "good "
        "versions "
        "beside "
        "it "
        "are "
        "not "
        "served "
        "either. "
        "A "
        "link "
        "that "
        "leads "
        "to "
        "nothing "
        "does "
        "no "
        "harm. "
        "" + BASE_FAILS + " In a "
        "version directory the same link ends the load with an exception since 2025.1: the version stays "
        "LOADING with the error code OK.",
        "Remove the link, or make it lead to something that the server's user can reach.",
        "next_poll",
        (log.CANNOT_LIST, log.CANNOT_CHECK_DIRECTORY, log.LOAD_THREW),
        (LINK_LOOP,),
        releases="In the model's directory the same in all releases. In a version directory since 2025.1; "
        "before, the link matters only if its name is that of a model file.",
        see_also=("OVD201", "OVD202"),
    ),
    Code(
        "OVD111",
        "no-model-files",
        "error",
        "layout",
        "A version directory holds no complete model",
        "The server looks for .xml with .bin, then .onnx, .pdmodel with .pdiparams, .pb, and "
        ".tflite, by the end of the name in any case, and not in sub-directories. An .xml "
        "without any .bin beside it is not found even if it needs no weights. " + LOAD_FAILS,
        "Put the model's files directly into the version directory; for an IR both the .xml and the .bin.",
        "next_poll",
        (log.NO_MODEL_FILE, log.NO_MODEL_FILE_OLD),
        releases="“no valid model file found” since 2026.3, “Could not find file” before. Paddle since "
        "2022.2, .pb since 2022.3, .tflite since 2023.1; earlier releases do not look for them.",
        see_also=("OVD112", "OVD307"),
    ),
    Code(
        "OVD112",
        "model-file-pair-incomplete",
        "error",
        "layout",
        "A single .xml, .pdmodel or .pdiparams is named as base path, and its other half is not beside it",
        "For an .xml the server wants a regular file of the same name with .bin, even if the "
        "model has no weights; for a Paddle model both .pdmodel and .pdiparams. " + LOAD_FAILS,
        "Put the other file beside it, with the same name up to the suffix.",
        "next_poll",
        (log.MISSING_BIN, log.MISSING_PADDLE),
        releases="Since 2026.3, which serves single files.",
        see_also=("OVD108", "OVD111"),
    ),
    Code(
        "OVD113",
        "ambiguous-model-files",
        "warning",
        "layout",
        "A version directory holds several files that could be the model",
        "The server takes the first match in the order in which the file system lists the directory. That "
        "order is not sorted, and a copy on another host may have another. If the file it takes does not "
        "load, it tries no other. Metadata files of macOS (._model.xml) and TensorFlow's fingerprint.pb and "
        "keras_metadata.pb count as matches.",
        "Leave only one model in each version directory.",
        None,
        (),
        releases="The same in all releases; until 2025.0 a directory named like a model file counts too.",
        see_also=("OVD301", "OVD315"),
    ),
    Code(
        "OVD121",
        "graph-not-followed",
        "info",
        "layout",
        "A graph.pbtxt makes this a MediaPipe graph, which is not looked into",
        "The server finds graph.pbtxt in the base path, or in its directory 1, and loads the graph in place "
        "of the model versions. What the graph needs is not part of this prediction.",
        "Nothing, if it is meant as a graph. If it is not, move graph.pbtxt away.",
        None,
        (),
        releases="Since 2025.1; before, graph.pbtxt beside model versions is ignored.",
        see_also=("OVD122",),
    ),
    Code(
        "OVD122",
        "generative-not-followed",
        "info",
        "layout",
        "--task, or a config.json or model_index.json, makes this a generative model, which is not looked into",
        "Started with --model_path, the server takes the task from --task or infers it from these files, and builds "
        "a graph in memory. What that graph needs, and so what becomes of it, is not part of this prediction.",
        "Nothing, if it is meant as a generative model. If it is not, leave out --task, or move config.json and "
        "model_index.json away.",
        None,
        (),
        releases="In single-model mode only: from these files since 2026.3, with --task since 2026.2; before, --task "
        "goes with models that are downloaded.",
        see_also=("OVD121", "OVD408"),
    ),
    Code(
        "OVD123",
        "empty-repository",
        "error",
        "layout",
        "The target holds no model: nothing in it looks like a version directory or a model file",
        "A server that is told to serve this repository starts, answers “ready”, and serves nothing.",
        "Name the directory that holds the models; each model is a directory with version directories in it.",
        None,
        (),
        releases=ALL,
        see_also=("OVD101",),
    ),
    Code(
        "OVD124",
        "link-leaves-target",
        "warning",
        "layout",
        "A symbolic link leads out of the directory that is mounted into the container",
        "Inside the container the link leads to the same path there. Unless that path is mounted too, the "
        "link is dead: a version directory behind it is passed over without a message, a model file behind "
        "it is found and then cannot be read.",
        "Copy the files in place of the link, make it a relative link within the mounted directory, or "
        "mount the link's destination at the same path.",
        None,
        (),
        releases=ALL,
        see_also=("OVD106", "OVD313"),
    ),
    Code(
        "OVD131",
        "version-directory-named",
        "info",
        "layout",
        "The target is a version directory; the directory above it was taken as the model",
        "The server wants the directory above the version directories. Given the version directory itself, "
        "it would find no version in it and serve nothing.",
        "Give the server the directory above.",
        None,
        (),
        releases=ALL,
        see_also=("OVD101",),
    ),
    Code(
        "OVD133",
        "unused-config-json",
        "info",
        "layout",
        "A config.json lies in the target and was not used",
        "The server reads a configuration file only if --config_path names it, so it was not taken as one "
        "here. Each model was taken with the server's defaults.",
        "If the server is started with it, name the file itself as the target.",
        None,
        (),
        releases="The same in all releases. Since 2026.3, in single-model mode, a config.json in the "
        "model's own directory makes it a generative model (OVD122, OVD408).",
        see_also=("OVD408",),
    ),
)
