"""Loading models with OpenVINO, for real and in children."""
