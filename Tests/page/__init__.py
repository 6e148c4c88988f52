"""Tests of the page in a real browser, against a simulated server."""
