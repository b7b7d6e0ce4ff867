"""Tests of the readers: arguments, run lines, compose files, manifests, inspect documents."""
