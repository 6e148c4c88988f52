"""Pauses of checks."""

import unittest

from hollow.pauses import Pauses


class PauseTests(unittest.TestCase):
    def test_the_longest_time_between_two_runs_wherever_they_were(self):
        pauses = Pauses()
        for place, runs, now in (("a", 1, 0), ("a", 1, 3), ("a", 2, 5), ("b", 0, 9), ("b", 1, 17), ("b", 2, 22), ("a", 2, 23)):
            pauses.take(place, {"check": runs}, now)
        self.assertEqual(pauses.longest({"check", "other"}, 24), (12, "check"))
        self.assertEqual(pauses.longest({"other"}, 24), (0, ""))

    def test_a_pause_that_lasts_counts_from_its_begin(self):
        pauses = Pauses()
        pauses.take("a", {"x": 1, "y": 1}, 0)
        pauses.take("a", {"x": 2, "y": 2}, 20)
        pauses.begin()
        pauses.take("a", {"x": 3}, 25)
        self.assertEqual(pauses.longest({"x"}, 26), (5, "x"))
        self.assertEqual(pauses.longest({"x", "y"}, 50), (30, "y"))

    def test_a_check_is_lost_that_was_held_when_it_began_and_then_by_nobody(self):
        pauses = Pauses()
        pauses.hold({"x", "y"})
        pauses.begin()
        for held in ({"x", "y", "z"}, {"x", "z"}, {"x", "y"}):
            pauses.hold(held)
        self.assertEqual((pauses.lost({"x", "y", "z"}), pauses.lost({"x"})), (["y"], []))
        pauses.begin()
        self.assertEqual(pauses.lost({"x", "y", "z"}), [])
