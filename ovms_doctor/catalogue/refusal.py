"""Entries on whole models that OVMS or OpenVINO refuse, or that end the process."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import (
    CANNOT_OPEN,
    LOAD_FAILS,
    NOT_A_SAVED_MODEL,
    NOT_CONVERTED,
    RUNTIME_TEXT,
)
from ovms_doctor.model import server_log as log

CODES: tuple[Code, ...] = (
    Code(
        "OVD331",
        "no-inputs",
        "error",
        "reading",
        "The model has no inputs, and the server serves none without",
        "OpenVINO reads the model, and the server refuses it afterwards. " + LOAD_FAILS,
        "Export the model with its inputs. An empty Paddle model or an IR without layers ends here too: "
        "copy it again.",
        "next_poll",
        (log.NO_INPUTS, log.INPUT_TENSORS),
        releases="Since 2024.4. Before, such a model becomes AVAILABLE.",
        see_also=("OVD332", "OVD317", "OVD305"),
    ),
    Code(
        "OVD332",
        "no-outputs",
        "error",
        "reading",
        "The model has no outputs, and the server serves none without",
        "OpenVINO reads the model, and the server refuses it afterwards. " + LOAD_FAILS,
        "Export the model with its outputs.",
        "next_poll",
        (log.NO_OUTPUTS, log.OUTPUT_TENSORS),
        releases="Since 2024.4. Before, such a model becomes AVAILABLE.",
        see_also=("OVD331", "OVD317"),
    ),
    Code(
        "OVD333",
        "unnamed-tensor",
        "error",
        "reading",
        "An input or output of the model has no name",
        "Clients name the tensors that they send and receive, so the server refuses an input "
        "without a name in every release, and an output without one until 2024.5. " + LOAD_FAILS,
        "Name the tensors before the model is saved: model.inputs[0].tensor.set_names({'x'}).",
        "next_poll",
        (log.INPUT_TENSORS, log.OUTPUT_TENSORS),
        ("Failed to get input name for model",),
        releases="Since 2025.0 outputs without a name are called out_0, out_1 … and only inputs matter.",
        see_also=("OVD331", "OVD332"),
    ),
    Code(
        "OVD341",
        "openvino-refuses",
        "error",
        "reading",
        "OpenVINO does not read the model, for a reason that only its own text gives",
        "The file is a model and nothing else was found wrong with it. OpenVINO's last line "
        "gives the reason; the lines before it only name its source files. " + LOAD_FAILS,
        "Read OpenVINO's last line. Often the model needs a newer OpenVINO than this release has, or an "
        "operation that OpenVINO does not convert: convert the model with ovc, on a machine where it tells "
        "more.",
        "next_poll",
        (log.READ_FAILED,),
        (
            NOT_CONVERTED,
            "Model wasn't fully converted",
            "FrontEnd API failed with OpConversionFailure",
            "Incorrect port name specified: {port}",
            NOT_A_SAVED_MODEL,
        ),
        releases="What OpenVINO reads differs from release to release. The text here is that of the "
        "OpenVINO at hand, which the finding names.",
        see_also=("OVD316", "OVD321", "OVD322"),
    ),
    Code(
        "OVD342",
        "compile-refused",
        "error",
        "reading",
        "OpenVINO reads the model, but the device's plugin does not compile it",
        "The device does not exist or has another name (names are case-sensitive), the plugin "
        "lacks an operation or refuses a dynamic rank, or memory ran out. " + LOAD_FAILS,
        "Read the end of the message. Compare the device with the line “Available devices for Open VINO” at "
        "start-up; for GPU and NPU use an image with their drivers and pass the device in. For memory, "
        "raise the limit.",
        None,
        (log.COMPILE_FAILED,),
        (
            'Device with "{name}" name is not registered in the OpenVINO Runtime',
            "CPU plug-in doesn't support {operation} operation with dynamic rank",
            "Cannot allocate memory for incompatible descriptors",
            "[GPU] Can't get {property} property as no supported devices found",
            "Exceeded max size of memory allocation",
            "std::bad_alloc",
            "Cannot compile model into target device; error:",
        ),
        releases="What a plugin compiles differs from release to release. Since 2026.3 a model without "
        "target_device goes to a GPU where one is found; before, to the CPU.",
        see_also=("OVD341", "OVD343"),
    ),
    Code(
        "OVD343",
        "runtime-crash",
        "error",
        "reading",
        "OpenVINO crashes while it reads or compiles the model",
        "The server loads models in its own process, so the crash ends it, in both modes: exit code 139 "
        "(segmentation fault), 136 (arithmetic) or 134 (abort). Nothing is logged about it, and every other "
        "model goes down with it. A container that is restarted by its supervisor crashes again.",
        "Take the model out of the configuration, and restart the server. Export it again, or use another "
        "release: most of these crashes come from one operation and one range of releases.",
        "restart",
        (),
        releases="Differs from release to release: the crash was seen with the OpenVINO at hand, which the "
        "finding names.",
        see_also=("OVD118", "OVD905"),
    ),
    Code(
        "OVD344",
        "saved-model-path-cut",
        "error",
        "reading",
        "The server cuts the model's path at the first “saved_model.pb” in it, and that is not where the "
        "model lies",
        "For a SavedModel the server hands its directory to OpenVINO. It finds it by cutting "
        "the path at the first place where saved_model.pb stands, wherever that is: "
        "my_saved_model.pb leaves 1/my_, and a directory saved_model.pb.d above leaves the "
        "path before it. " + LOAD_FAILS,
        "Name the file exactly saved_model.pb, and let no directory above it have that in its name. A "
        "frozen graph needs a name that does not end in saved_model.pb.",
        "next_poll",
        (log.READ_FAILED,),
        (CANNOT_OPEN,),
        releases="Since 2023.0. " + RUNTIME_TEXT,
        see_also=("OVD313",),
    ),
)
