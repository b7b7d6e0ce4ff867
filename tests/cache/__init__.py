"""Tests of the model cache: rules, probe, findings, and a comparison with OpenVINO on the same directories."""
