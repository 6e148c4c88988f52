"""Probes and the status that follows from them."""

import unittest

from hollow.podstatus import ContainerRecord, is_ready, pod_status
from hollow.probes import ContainerProbes, port_of


def _feed(probes: ContainerProbes, name: str, results: str, now: float = 0):
    for result in results:
        probes.take(name, result == "+", now)


class ProbeTests(unittest.TestCase):
    def test_without_probes_a_container_is_started_and_ready_at_once(self):
        probes = ContainerProbes({}, 0)
        self.assertTrue(probes.is_started and probes.is_ready)
        self.assertEqual(probes.due(100), [])

    def test_the_others_wait_for_the_startup_probe(self):
        container = {
            "startupProbe": {"periodSeconds": 1, "failureThreshold": 3}, "livenessProbe": {"periodSeconds": 20},
            "readinessProbe": {"periodSeconds": 5, "initialDelaySeconds": 2}}
        probes = ContainerProbes(container, 0)
        self.assertEqual([name for name, _ in probes.due(0)], ["startupProbe"])
        self.assertEqual(probes.due(0.9), [])
        _feed(probes, "startupProbe", "--+", 10)
        self.assertTrue(probes.is_started)
        self.assertFalse(probes.is_ready)
        self.assertEqual([name for name, _ in probes.due(10)], ["livenessProbe"])
        self.assertEqual([name for name, _ in probes.due(12)], ["readinessProbe"])

    def test_as_many_failures_in_a_row_as_the_threshold_restart(self):
        for results, restarts in (("--+--", None), ("---", "livenessProbe"), ("+--+---", "livenessProbe")):
            probes = ContainerProbes({"livenessProbe": {"failureThreshold": 3}}, 0)
            _feed(probes, "livenessProbe", results)
            self.assertEqual(probes.must_restart, restarts, results)
        probes = ContainerProbes({"startupProbe": {"failureThreshold": 2}}, 0)
        _feed(probes, "startupProbe", "--")
        self.assertEqual(probes.must_restart, "startupProbe")

    def test_readiness_comes_and_goes_by_its_thresholds(self):
        probes = ContainerProbes({"readinessProbe": {"failureThreshold": 2, "successThreshold": 2}}, 0)
        for result, ready in (("+", False), ("+", True), ("-", True), ("+", True), ("-", True), ("-", False), ("+", False), ("+", True)):
            _feed(probes, "readinessProbe", result)
            self.assertEqual(probes.is_ready, ready)
        self.assertIsNone(probes.must_restart)

    def test_a_late_result_of_a_probe_that_is_over_changes_nothing(self):
        probes = ContainerProbes({"startupProbe": {"failureThreshold": 1}}, 0)
        _feed(probes, "startupProbe", "+-")
        self.assertIsNone(probes.must_restart)

    def test_ports_by_number_and_name(self):
        container = {"ports": [{"name": "health", "containerPort": 5555}]}
        self.assertEqual([port_of(container, port) for port in (80, "health", "81")], [80, 5555, 81])
        with self.assertRaises(ValueError):
            port_of(container, "nobody")


class StatusTests(unittest.TestCase):
    def test_a_pod_is_pending_until_each_container_has_run_and_ready_when_all_are(self):
        records = [ContainerRecord("a", "i"), ContainerRecord("b", "i")]
        status = pod_status(records, {}, "h", "", "t")
        self.assertEqual((status["phase"], is_ready(status), "podIP" in status), ("Pending", False, False))
        for record in records:
            record.run("id")
        records[0].take(True, True)
        status = pod_status(records, {}, "h", "p", "t")
        self.assertEqual((status["phase"], is_ready(status), status["podIPs"]), ("Running", False, [{"ip": "p"}]))
        self.assertIn("containers with unready status: [b]", status["conditions"][1]["message"])
        records[1].take(True, True)
        self.assertTrue(is_ready(pod_status(records, {}, "h", "p", "t")))

    def test_an_end_makes_it_unready_and_is_remembered(self):
        record = ContainerRecord("a", "i")
        record.run("id")
        record.take(True, True)
        record.end(137)
        record.remember()
        record.wait("CrashLoopBackOff", "m")
        status = record.status()
        self.assertFalse(status["ready"] or status["started"])
        self.assertEqual(status["lastState"]["terminated"]["exitCode"], 137)
        self.assertEqual(pod_status([record], {}, "h", "p", "t")["phase"], "Running")

    def test_a_condition_keeps_its_time_while_it_stays(self):
        record = ContainerRecord("a", "i")
        before = {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "then"}]}
        self.assertEqual(pod_status([record], before, "h", "p", "t")["conditions"][1]["lastTransitionTime"], "then")
        record.run("id")
        record.take(True, True)
        self.assertNotEqual(pod_status([record], before, "h", "p", "t")["conditions"][1]["lastTransitionTime"], "then")
