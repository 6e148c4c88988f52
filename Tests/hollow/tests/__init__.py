"""Tests of the parts of the hollow cluster that decide."""
