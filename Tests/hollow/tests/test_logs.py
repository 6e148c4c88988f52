"""Logs of containers."""

import os
import tempfile
import unittest

from hollow.logs import last_lines, log_file


class LogTests(unittest.TestCase):
    def test_the_last_lines(self):
        for count, expected in ((0, b""), (1, b"c"), (2, b"b\nc"), (9, b"a\nb\nc")):
            self.assertEqual(last_lines(b"a\nb\nc", count), expected)

    def test_the_last_start_by_number_and_the_one_before(self):
        with tempfile.TemporaryDirectory() as folder:
            for start in ("2", "10", "9"):
                os.mkdir(f"{folder}/{start}")
                with open(f"{folder}/{start}/log", "w", encoding="ascii"):
                    pass
            self.assertEqual(log_file(folder, {}), f"{folder}/10/log")
            self.assertEqual(log_file(folder, {"previous": "true"}), f"{folder}/9/log")
        self.assertIsNone(log_file(None, {}))
        self.assertIsNone(log_file("/nonexistent", {}))
