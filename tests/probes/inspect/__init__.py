"""Reading models without OpenVINO, held against OpenVINO."""
