"""What manifests/MIGRATING.md has people write into files fits the chart and its pods."""

import os
import re
import unittest

import yaml

from .rendering import MANIFESTS, chart, documents


def files() -> dict:
    """{name of a file: the texts that are shown for it}"""
    with open(os.path.join(MANIFESTS, "MIGRATING.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```yaml\n# ([\w.-]+\.yaml)\b[^\n]*\n(.*?)^```$", file.read(), re.M | re.S)
    found = {}
    for name, text in blocks:
        found.setdefault(name, []).append(text)
    return found


class MigratingTests(unittest.TestCase):
    def test_the_values_of_the_chart_leave_node_agents_out(self):
        first, beside = files()["cluster-agent-values.yaml"]
        objects = chart(yaml.safe_load(first), namespace="datadog")
        self.assertFalse([key for key in objects if key.startswith("DaemonSet/")])
        arguments = objects["Deployment/cluster-agent"]["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertIn("--node_agents.selector=app=datadog", arguments)
        objects = chart(yaml.safe_load(beside))
        arguments = objects["Deployment/cluster-agent"]["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertIn('--cluster_checks.exclude_checks=["postgres","redisdb"]', arguments)

    def test_the_network_policy_is_for_the_cluster_agent_alone(self):
        (text,) = files()["datadog-agents.yaml"]
        (policy,) = documents(text)
        objects = chart({"clusterChecksRunner": {"enabled": True}, "nodeAgent": {"enabled": True}}, namespace="datadog")
        wanted = policy["spec"]["podSelector"]["matchLabels"].items()
        pods = {key: o["spec"]["template"] for key, o in objects.items() if o["kind"] in ("Deployment", "DaemonSet")}
        self.assertEqual([key for key, pod in pods.items() if wanted <= pod["metadata"]["labels"].items()], ["Deployment/cluster-agent"])
        self.assertEqual(policy["metadata"]["namespace"], objects["Deployment/cluster-agent"]["metadata"]["namespace"])
        container = pods["Deployment/cluster-agent"]["spec"]["containers"][0]
        ports = {p["containerPort"] for p in container["ports"] if p["name"] == "https"}
        self.assertEqual({p["port"] for rule in policy["spec"]["ingress"] for p in rule["ports"]}, ports)

    def test_agents_find_the_service_and_the_token(self):
        joined = yaml.safe_load(files()["datadog-values.yaml"][0])["existingClusterAgent"]
        objects = chart()
        self.assertIn(f"Service/{joined['serviceName']}", objects)
        secrets = [v["secret"] for v in objects["Deployment/cluster-agent"]["spec"]["template"]["spec"]["volumes"] if "secret" in v]
        self.assertEqual([s["secretName"] for s in secrets], [joined["tokenSecretName"]])
        self.assertIn("token", [item["key"] for item in secrets[0]["items"]])
