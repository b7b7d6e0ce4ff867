"""Tests of the model cache: its rules, its collector, its findings, and OpenVINO itself on the same directories."""
