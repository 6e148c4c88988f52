"""What `manifests/monitoring` renders: resources as the Prometheus operator knows them, which find the pods of `base`."""

import json
import os
import unittest

from cloudcoil.models.prometheus_operator import v1

from .rendering import KUBECTL, MANIFESTS, chart, differences, folder, overlay

WORKLOADS = ("DaemonSet/node-agent", "Deployment/cluster-agent", "Deployment/cluster-check-runner")


def lost(given, known, path="") -> list:
    """What a model does not give back as it was given: a field that it does not have, or a value of another type."""
    if isinstance(given, dict) and isinstance(known, dict):
        return [place for key in given for place in (
            lost(given[key], known[key], f"{path}.{key}") if key in known else [f"{path}.{key}"])]
    if isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        return [place for index, pair in enumerate(zip(given, known)) for place in lost(*pair, f"{path}[{index}]")]
    return [] if (type(given), given) == (type(known), known) else [path]


def unknown(o) -> list:
    model = getattr(v1, o["kind"])
    return lost(o["spec"], model.model_validate(o).model_dump(mode="json", by_alias=True, exclude_none=True)["spec"])


class MonitoringTests(unittest.TestCase):
    def test_the_operator_knows_every_field(self):
        for key in ("PodMonitor/cluster-agent", "PrometheusRule/cluster-agent"):
            self.assertEqual(unknown(folder("monitoring")[key]), [], key)
        everything = chart({"podMonitor": {"enabled": True, "interval": "15s"}, "serviceMonitor": {"enabled": True}})
        for key in ("PodMonitor/cluster-agent", "ServiceMonitor/cluster-agent"):
            self.assertEqual(unknown(everything[key]), [], key)

    def test_a_field_that_it_does_not_know_is_found(self):
        monitor = json.loads(json.dumps(folder("monitoring")["PodMonitor/cluster-agent"]))
        monitor["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["source_labels"] = ["x"]
        self.assertEqual(unknown(monitor), [".podMetricsEndpoints[0].relabelings[0].source_labels"])
        monitor["spec"]["podMetricsEndpoints"] = {}
        with self.assertRaises(ValueError):
            unknown(monitor)

    def test_the_monitor_finds_every_pod_and_names_its_job(self):
        monitor, jobs = folder("monitoring")["PodMonitor/cluster-agent"], {}
        self.assertEqual(monitor["metadata"]["namespace"], "cluster-agent")
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        for key, workload in (folder("base") | folder("overlays/runners")).items():
            if key not in WORKLOADS:
                continue
            pod = workload["spec"]["template"]
            self.assertLessEqual(wanted, pod["metadata"]["labels"].items(), key)
            ports = [port["name"] for container in pod["spec"]["containers"] for port in container["ports"]]
            self.assertEqual(ports.count(endpoint["port"]), 1, key)
            jobs[key] = pod["metadata"]["labels"][monitor["spec"]["jobLabel"]]
        self.assertEqual(jobs, dict(zip(WORKLOADS, ("node-agent", "cluster-agent", "node-agent"))))

    def test_the_chart_makes_the_same_monitor(self):
        self.assertEqual(
            chart({"podMonitor": {"enabled": True}})["PodMonitor/cluster-agent"]["spec"],
            folder("monitoring")["PodMonitor/cluster-agent"]["spec"])

    def test_the_dashboard_is_what_grafana_loads(self):
        dashboard = folder("monitoring")["ConfigMap/cluster-agent-dashboard"]
        self.assertEqual(dashboard["metadata"]["labels"]["grafana_dashboard"], "1")
        with open(os.path.join(MANIFESTS, "monitoring", "dashboard.json"), encoding="utf-8") as file:
            self.assertEqual(list(dashboard["data"].items()), [("cluster-agent.json", file.read())])
        self.assertEqual(json.loads(dashboard["data"]["cluster-agent.json"])["title"], "cluster-agent")

    def test_namespace_and_labels_are_one_setting_each(self):
        text = "bases: [MANIFESTS/monitoring]\nnamespace: x\ncommonLabels: {release: prometheus}\n"
        for version in KUBECTL:
            found = differences(folder("monitoring", version), overlay(version, {"kustomization.yaml": text}))
            self.assertEqual({place.partition(".")[2] for place in found}, {"metadata.namespace", "metadata.labels.release"})
            self.assertEqual(len(found), 6)
