"""Tests of the proxies that the server's clients take."""
