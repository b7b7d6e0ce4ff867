"""Entries on the model's files: are they what their names say, whole, and together?"""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import (
    ALL,
    APPLE_DOUBLE,
    BAD_INDEX,
    CANNOT_OPEN,
    LOAD_FAILS,
    NO_WEIGHTS,
    NOT_A_SAVED_MODEL,
    NOT_A_TFLITE,
    NOT_PARSED,
    RUNTIME_TEXT,
    UNREADABLE,
    WRONG_WEIGHTS,
)
from ovms_doctor.model import server_log as log

_READ = (log.READ_FAILED,)

CODES: tuple[Code, ...] = (
    Code(
        "OVD301",
        "not-a-model",
        "error",
        "reading",
        "The file is no model of any format that OpenVINO reads",
        "The server picks files by their suffix; OpenVINO then looks at the content and "
        "recognises nothing. It says the same for an empty file, a web page, a Git LFS "
        "pointer, an IR of another version, and a file that it may not open. " + LOAD_FAILS,
        "Look at what the file really is, and put the model in its place.",
        "next_poll",
        _READ,
        (*UNREADABLE, NOT_PARSED, NOT_A_SAVED_MODEL, NOT_A_TFLITE, BAD_INDEX),
        releases=RUNTIME_TEXT,
        see_also=("OVD203", "OVD302", "OVD303", "OVD311"),
    ),
    Code(
        "OVD302",
        "git-lfs-pointer",
        "error",
        "reading",
        "A Git LFS pointer (a text of some 130 bytes) lies in place of the model or its weights",
        "The "
        "repository "
        "was "
        "copied "
        "or "
        "cloned "
        "without "
        "its "
        "large "
        "files. "
        "" + LOAD_FAILS + " A pointer in place "
        "of the .bin of a very small model is worse: it is long enough, so the model is served with garbage "
        "for weights.",
        "Run git lfs pull where the repository was cloned, and copy the files again.",
        "next_poll",
        _READ,
        (*UNREADABLE, WRONG_WEIGHTS, NOT_PARSED),
        releases=RUNTIME_TEXT,
        see_also=("OVD301", "OVD308"),
    ),
    Code(
        "OVD303",
        "html-page",
        "error",
        "reading",
        "A web page was saved in place of the model or its weights",
        "A "
        "download "
        "that "
        "was "
        "answered "
        "by "
        "a "
        "login "
        "page "
        "or "
        "“not "
        "found”. "
        "" + LOAD_FAILS + " A page in place of "
        "the .bin of a small model can be long enough; then the model is served with garbage for weights.",
        "Download the file again, with what the site asks for (a token, a cookie), and compare its size.",
        "next_poll",
        _READ,
        (*UNREADABLE, WRONG_WEIGHTS, NOT_PARSED),
        releases=RUNTIME_TEXT,
        see_also=("OVD301", "OVD302"),
    ),
    Code(
        "OVD304",
        "archive",
        "error",
        "reading",
        "A packed file (zip, gzip, tar, xz, 7z, zstd, bzip2) lies in place of the model",
        "Neither the server nor OpenVINO unpacks anything. " + LOAD_FAILS,
        "Unpack it, and put the files into the version directory.",
        "next_poll",
        _READ,
        (*UNREADABLE, WRONG_WEIGHTS, NOT_PARSED),
        releases=RUNTIME_TEXT,
        see_also=("OVD301",),
    ),
    Code(
        "OVD305",
        "empty-file",
        "error",
        "reading",
        "The model's file has no content",
        "Often "
        "a "
        "copy "
        "that "
        "was "
        "interrupted, "
        "or "
        "a "
        "full "
        "disk. "
        "" + LOAD_FAILS + " An empty Paddle model is "
        "read without an error, as a model without inputs.",
        "Copy the file again from where it is whole.",
        "next_poll",
        _READ,
        (*UNREADABLE, WRONG_WEIGHTS),
        releases="The same in all releases. An empty Paddle model was AVAILABLE until 2024.3; since 2024.4 "
        "it is refused for having no inputs (OVD331).",
        see_also=("OVD301", "OVD306", "OVD331"),
    ),
    Code(
        "OVD306",
        "truncated-model",
        "error",
        "reading",
        "The model's file ends too early, or is nothing but zero bytes",
        "An interrupted copy, or one that is still going on: the server does not wait for a "
        "copy to be finished, and tries a version directory as soon as it is there. " + LOAD_FAILS,
        "Copy the file again from where it is whole. Copy new versions under another name and rename them "
        "at the end.",
        "next_poll",
        _READ,
        (
            NOT_PARSED,
            NOT_A_TFLITE,
            "TFLite model has no subgraphs in file: {path}",
            NOT_A_SAVED_MODEL,
            BAD_INDEX,
            *UNREADABLE,
        ),
        releases=RUNTIME_TEXT,
        see_also=("OVD312", "OVD308"),
    ),
    Code(
        "OVD307",
        "weights-missing",
        "error",
        "reading",
        "The IR's weights are not where OpenVINO looks: same directory, same name, .bin in lower case",
        "The server is content with any .bin in the directory and hands only the .xml to OpenVINO. That "
        "looks for the .bin with exactly the .xml's name; if the .xml is a link, with the link's name, not "
        "its destination's. " + LOAD_FAILS,
        "Put the .bin beside the .xml, with the same name up to the suffix.",
        "next_poll",
        _READ,
        (NO_WEIGHTS,),
        releases=RUNTIME_TEXT,
        see_also=("OVD315", "OVD313", "OVD111"),
    ),
    Code(
        "OVD308",
        "weights-too-small",
        "error",
        "reading",
        "The .bin is shorter than the .xml says it must be",
        "An "
        "interrupted "
        "copy, "
        "or "
        "a "
        ".bin "
        "that "
        "belongs "
        "to "
        "another "
        ".xml. "
        "" + LOAD_FAILS + " If the .bin is cut "
        "short while the model is served, the process dies (SIGBUS), for the weights are mapped into memory.",
        "Copy .xml and .bin again, both from the same export, and compare their sizes.",
        "next_poll",
        _READ,
        (WRONG_WEIGHTS,),
        releases=RUNTIME_TEXT,
        see_also=("OVD302", "OVD307"),
    ),
    Code(
        "OVD309",
        "weights-zero-filled",
        "warning",
        "reading",
        "The .bin has the right length, but large parts of it are zero bytes or were never written",
        "A download that reserved its space and was interrupted looks like this. OpenVINO does not notice: "
        "the version becomes AVAILABLE and answers with wrong results.",
        "Copy the .bin again from where it is whole, and compare checksums. The files of a version that is "
        "served are not read again: put them into a new version directory, or restart the server.",
        None,
        (),
        releases=ALL,
        see_also=("OVD308", "OVD310"),
    ),
    Code(
        "OVD310",
        "weights-trailing-bytes",
        "warning",
        "reading",
        "The .bin is longer than the .xml needs",
        "OpenVINO ignores what is too much, and the version becomes AVAILABLE. Often the .bin belongs to "
        "another export of the model, and then the results are wrong.",
        "Make sure that .xml and .bin come from the same export.",
        None,
        (),
        releases=ALL,
        see_also=("OVD308",),
    ),
    Code(
        "OVD311",
        "ir-version-unsupported",
        "error",
        "reading",
        "The IR is of a version that this OpenVINO does not read: only 10 and 11 are",
        "The version stands in the first element, <net version=…>. An IR of version 2 to 9 was "
        "written by a Model Optimizer from before 2020.1. OpenVINO says only that it is unable "
        "to read the model. " + LOAD_FAILS,
        "Convert the original model again with a current OpenVINO (ovc or openvino.convert_model).",
        "next_poll",
        _READ,
        (
            *UNREADABLE,
            'node <net> has attribute "version" = {version} which is not an unsigned 64 bit integer',
        ),
        releases=RUNTIME_TEXT,
        see_also=("OVD301",),
    ),
    Code(
        "OVD312",
        "xml-malformed",
        "error",
        "reading",
        "The .xml breaks off or is damaged: OpenVINO's XML parser gives up",
        "Most often the file was cut short by an interrupted copy. " + LOAD_FAILS,
        "Copy the .xml again from where it is whole.",
        "next_poll",
        _READ,
        (
            "Start-end tags mismatch at offset {offset}",
            "Error parsing element attribute at offset {offset}",
            "Error parsing start element tag at offset {offset}",
            "Error parsing end element tag at offset {offset}",
            "Could not determine tag type at offset {offset}",
            "Check 'res.status == pugi::status_ok' failed",
        ),
        releases=RUNTIME_TEXT,
        see_also=("OVD306", "OVD319"),
    ),
    Code(
        "OVD313",
        "dangling-link",
        "error",
        "reading",
        "The model's file or its weights are a symbolic link that leads to nothing",
        "The server takes the name for a file, and OpenVINO then finds nothing behind it. In a "
        "container this is the usual fate of absolute links. " + LOAD_FAILS,
        "Copy the file in place of the link, or mount the link's destination at the path to which it leads.",
        "next_poll",
        _READ,
        ("ir: Could not open the file: {path}", CANNOT_OPEN, NO_WEIGHTS),
        releases=RUNTIME_TEXT,
        see_also=("OVD124", "OVD307"),
    ),
    Code(
        "OVD314",
        "special-file",
        "error",
        "reading",
        "The model's file is a FIFO or a device, which is never read to its end",
        "The load hangs for ever. Models are loaded one after the other during start-up, so start-up never "
        "comes to an end in either mode, and no later model is tried; at a later poll, the watcher hangs "
        "and nothing new is noticed any more. No message is logged.",
        "Remove it, put the model's file in its place, and restart the server.",
        "restart",
        (),
        releases=ALL,
        see_also=("OVD118", "OVD904"),
    ),
    Code(
        "OVD315",
        "weights-name-mismatch",
        "error",
        "reading",
        "Weights are there, but not under the name that belongs to the .xml the server takes",
        "a.xml beside b.bin, model.xml beside model.BIN, or ._model.xml from a copy made by "
        "macOS: the server's search is satisfied (any .bin will do, in any case), OpenVINO's "
        "is not. " + LOAD_FAILS,
        "Give the .bin the .xml's name with .bin in lower case; delete files that begin with ._ .",
        "next_poll",
        _READ,
        (NO_WEIGHTS, APPLE_DOUBLE, *UNREADABLE),
        releases=RUNTIME_TEXT,
        see_also=("OVD307", "OVD113"),
    ),
    Code(
        "OVD316",
        "graph-inconsistent",
        "error",
        "reading",
        "The .xml is well-formed, but its layers, edges or constants contradict each other",
        "Typical of files that were edited by hand, merged, or written by a foreign tool. " + LOAD_FAILS,
        "Export the model again. If it was edited by hand, the evidence names the layer.",
        "next_poll",
        _READ,
        (
            "Cannot create  layer  id:{id} from unsupported opset:",
            "Can not find output port with id {port} in layer {layer}",
            "Can not find input port with id {port} in layer {layer}",
            "has incorrect input with index {port}",
            "Attempt to access node {node} that not in graph.",
            "is missing mandatory attribute: {attribute} at offset {offset}",
            "which is not an unsigned 64 bit integer at offset {offset}",
            "Attribute and shape size are inconsistent for Const op!{sizes}",
            "While validating node {node}",
            "is inconsistent!",
        ),
        releases=RUNTIME_TEXT,
        see_also=("OVD312", "OVD341"),
    ),
    Code(
        "OVD317",
        "empty-model",
        "warning",
        "reading",
        "The IR has no layers, or neither inputs nor outputs: OpenVINO reads it as an empty model",
        "OpenVINO reads it without an error. Until 2024.3 the version becomes AVAILABLE and can answer "
        "nothing; since 2024.4 it is refused for having no inputs (OVD331).",
        "Export the model again.",
        None,
        (),
        releases="AVAILABLE until 2024.3; refused as OVD331 since 2024.4.",
        see_also=("OVD331", "OVD332"),
    ),
    Code(
        "OVD318",
        "external-data-missing",
        "error",
        "reading",
        "Files that belong to the model are not beside it: an ONNX model's external data, a SavedModel's "
        "variables",
        "A large ONNX model keeps its weights in files of their own; a TensorFlow SavedModel "
        "keeps them in variables/. The server looks for neither, OpenVINO needs them. " + LOAD_FAILS,
        "Copy those files too, under the names and in the sub-directory that the model expects.",
        "next_poll",
        _READ,
        (
            "Invalid usage of method for externally stored data in file ({file}, offset: {offset}",
            "[TensorFlow Frontend] Saved Model doesn't contain any applicable MetaGraph",
            BAD_INDEX,
        ),
        releases=RUNTIME_TEXT,
        see_also=("OVD307",),
    ),
    Code(
        "OVD319",
        "xml-tolerated",
        "info",
        "reading",
        "The .xml is not well-formed, but OpenVINO's XML parser accepts it",
        "For instance white space before the XML declaration, an undefined entity, a second root element, "
        "or bytes that are not UTF-8. The model is served; other tools may refuse the file.",
        "Nothing for the server's sake. Export the model again if other tools are to read it.",
        None,
        (),
        releases=ALL,
        see_also=("OVD312",),
    ),
)
