"""Reading models without OpenVINO, compared with OpenVINO."""
