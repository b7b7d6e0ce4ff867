"""Loading models with OpenVINO in real child processes."""
