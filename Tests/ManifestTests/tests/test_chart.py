"""The chart renders the objects of the kustomizations, and never a Secret."""

import base64
import os
import re
import shutil
import tempfile
import unittest

import helm_python as helm
import rules
from manifests import Manifests

from .rendering import CHART, chart, differences, documents, folder, managed_by, texts

EVERYTHING = {
    "nodeAgent": {"enabled": True}, "clusterChecksRunner": {"enabled": True}, "flowSchema": {"enabled": True},
    "podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True},
    "clusterAgent": {"tls": {"existingSecret": "issued"}, "confd": {"http_check.yaml": "instances: []"}, "advancedConfd": {"tcp_check.d": {"a.yaml": "x"}}},
}


class ChartTests(unittest.TestCase):
    maxDiff = None

    def check_equal(self, values: dict, folders: list):
        """A Namespace is not in the chart: Helm needs it before anything is rendered, to keep the release there, and
        makes it itself with --create-namespace."""
        rendered, wanted = chart(values), {}
        for name in folders:
            wanted |= folder(name)
        wanted.pop("Namespace/cluster-agent", None)
        self.assertEqual(managed_by(rendered), {"Helm"})
        self.assertEqual(managed_by(wanted, "Helm"), {"Helm"})
        self.assertEqual(differences(wanted, rendered), {})
        return rendered

    def test_the_default_is_the_base(self):
        self.assertEqual(len(self.check_equal({}, ["base"])), 13)

    def test_with_runners_it_is_the_overlay_with_runners(self):
        self.check_equal({"clusterChecksRunner": {"enabled": True}}, ["overlays/runners"])

    def test_with_both_it_is_both(self):
        values = {"clusterChecksRunner": {"enabled": True}, "nodeAgent": {"enabled": True}}
        self.check_equal(values, ["base", "overlays/runners"])

    def test_without_node_agents_it_is_the_cluster_agent_alone(self):
        self.check_equal({"nodeAgent": {"enabled": False}}, ["base/cluster-agent"])

    def test_the_flow_schema_is_that_of_its_folder(self):
        self.check_equal({"flowSchema": {"enabled": True}}, ["base", "flow-schema/v1"])

    def test_the_namespace_is_that_of_the_release(self):
        renamed = chart(EVERYTHING, namespace="monitoring-2")
        found = differences(chart(EVERYTHING), renamed)
        self.assertEqual(set(found.values()), {"monitoring-2"})
        without = [key for key, o in renamed.items() if o["metadata"].get("namespace") != "monitoring-2"]
        self.assertEqual(set(without), {
            "ClusterRole/cluster-agent", "ClusterRoleBinding/cluster-agent", "FlowSchema/cluster-agent-leases",
            "CustomResourceDefinition/clusterchecks.cluster-agent.dev"})
        self.assertNotIn("cluster-agent.cluster-agent", str(renamed))
        # A name that YAML would take for a number.
        self.assertEqual(chart(namespace="123")["Service/cluster-agent"]["metadata"]["namespace"], "123")

    def test_no_rendering_holds_a_secret(self):
        for options in ({"is_install": True}, {"is_upgrade": True, "revision": 2}):
            for values in ({}, EVERYTHING):
                self.assertFalse([key for key in chart(values, **options) if key.startswith("Secret/")])
        # Nor is anything made up, or read from the cluster: the same values give the same objects.
        self.assertEqual(texts(EVERYTHING), texts(EVERYTHING, is_upgrade=True, revision=7))
        for name in os.listdir(os.path.join(CHART, "templates")):
            with open(os.path.join(CHART, "templates", name), encoding="utf-8") as file:
                self.assertIsNone(re.search(r"\b(lookup|rand[A-Z]\w+|gen[A-Z]\w+|uuidv4|now|derivePassword)\b", file.read()), name)

    def test_everything_keeps_the_rules(self):
        self.assertEqual(rules.check(Manifests(list(chart(EVERYTHING).values())), "chart"), [])

    def test_the_linter_finds_nothing(self):
        for version in ("v1.20.0", "v1.22.0", "v1.25.3", "v1.28.0", "v1.37.0"):
            for values in ({}, EVERYTHING):
                report = helm.lint(CHART, values, strict=True, namespace="n", kube_version=version)
                said = [m["error"] for m in report["messages"] if m["error"] != "icon is recommended"]
                self.assertEqual((said, report["errors"], report["total_charts_linted"]), ([], [], 1), version)

    def test_objects_fit_the_version_of_the_cluster(self):
        for version, budget, has_policy, schema in (
            ("v1.20.2", "v1beta1", False, "v1beta1"), ("v1.21.0", "v1", False, "v1beta1"), ("v1.22.17-eks-1", "v1", False, "v1beta1"),
            ("v1.23.0", "v1", False, "v1beta2"), ("v1.25.16", "v1", False, "v1beta2"), ("v1.26.0", "v1", True, "v1beta3"),
            ("v1.28.9+k3s1", "v1", True, "v1beta3"), ("v1.29.0", "v1", True, "v1"), ("v1.37.1", "v1", True, "v1"),
        ):
            found = documents(on_version(version, "pod-disruption-budget.yaml"))
            self.assertEqual([o["apiVersion"] for o in found], [f"policy/{budget}"] * 2, version)
            self.assertEqual(["unhealthyPodEvictionPolicy" in o["spec"] for o in found], [has_policy] * 2, version)
            found = documents(on_version(version, "flow-schema.yaml"))
            self.assertEqual([o["apiVersion"] for o in found], [f"flowcontrol.apiserver.k8s.io/{schema}"], version)

    def test_the_notes_say_what_is_missing_and_how_to_see_it_work(self):
        def notes(values):
            return next(text for path, text in texts(values, namespace="n").items() if path.endswith("NOTES.txt"))

        self.assertIn("  docker run --rm cluster-agent:0.1.0 secret --namespace n | kubectl create --filename -\n", notes({}))
        self.assertIn("kubectl --namespace n get pods", notes({}))
        given = {"registry": "r.example.com", "clusterAgent": {"existingSecret": "other"}}
        self.assertNotIn("ca.crt", notes({}))
        self.assertIn("wait for the Secret issued, which is to have", notes({"clusterAgent": {"tls": {"existingSecret": "issued"}}}))
        self.assertIn("  docker run --rm r.example.com/cluster-agent:0.1.0 secret --namespace n --name other |", notes(given))


def on_version(version: str, template: str) -> str:
    """What a template renders on a version of Kubernetes, with everything enabled. Only the linter can be told a version, and it
    shows nothing but findings: so the text becomes a name that it finds fault with."""
    with tempfile.TemporaryDirectory() as directory:
        copy = shutil.copytree(CHART, os.path.join(directory, "chart"))
        with open(os.path.join(copy, "templates", "name.yaml"), "w", encoding="utf-8") as file:
            text = f'{{{{ include (print .Template.BasePath "/{template}") . | b64enc | quote }}}}'
            file.write(f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {text}\n")
        report = helm.lint(copy, EVERYTHING, strict=True, namespace="n", kube_version=version)
    name = re.search(r'naming requirements: "([A-Za-z0-9+/=]+)"', str(report["errors"]))
    return base64.b64decode(name[1]).decode()
