"""Models read and compiled by OpenVINO, in a child process."""
