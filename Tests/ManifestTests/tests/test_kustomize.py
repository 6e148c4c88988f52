"""Namespace, image and the cluster-agent's URL are one setting each, with the oldest kubectl and with the newest."""

import os
import re
import unittest

from .rendering import KUBECTL, MANIFESTS, differences, folder, overlay

BASES = ("base", "overlays/runners", "overlays/kubernetes-1.20", "overlays/kubernetes-1.21")
FOLDERS = (*BASES, "base/cluster-agent", "flow-schema/v1", "flow-schema/v1beta3", "flow-schema/v1beta1", "monitoring")


def example(name: str) -> str:
    """A file that manifests/README.md shows: a block of YAML that begins with its name in a comment."""
    with open(os.path.join(MANIFESTS, "README.md"), encoding="utf-8") as file:
        blocks = re.findall(r"```yaml\n# ([\w.-]+)[^\n]*\n(.*?)```", file.read(), re.DOTALL)
    return dict(blocks)[name]


class KustomizeTests(unittest.TestCase):
    maxDiff = None

    def test_both_versions_render_the_same(self):
        for name in FOLDERS:
            self.assertEqual(differences(folder(name, "1.20"), folder(name, "1.37")), {}, name)

    def check_namespace(self, version: str, base: str, files: dict):
        before, after = folder(base, version), overlay(version, files)
        self.assertEqual(differences(before.pop("Namespace/cluster-agent"), after.pop("Namespace/x")), {"metadata.name": "x"})
        found = differences(before, after)
        self.assertEqual(set(found.values()), {"x"}, found)
        # What is left of the old one: names of other things.
        elsewhere = [key for key, o in after.items() if o["metadata"].get("namespace", "x") != "x"]
        subjects = [s["namespace"] for o in after.values() for s in o.get("subjects", [])]
        self.assertEqual((elsewhere, set(subjects)), ([], {"x"}))
        self.assertIsNone(re.search(r"cluster-agent\.cluster-agent|namespaces?: cluster-agent|/namespaces/", str(after)))

    def test_the_namespace_is_one_setting(self):
        for base in BASES:
            text = f"resources: [MANIFESTS/{base}]\nnamespace: x\n"
            self.check_namespace("1.37", base, {"kustomization.yaml": text})

    def test_the_namespace_is_one_setting_and_a_patch_for_the_old_one(self):
        patch = re.sub(r"monitoring", "x", example("namespace.yaml"))
        for version in KUBECTL:
            for base in BASES:
                text = f"bases: [MANIFESTS/{base}]\nnamespace: x\n" + patch_of_namespace()
                self.check_namespace(version, base, {"kustomization.yaml": text, "namespace.yaml": patch})

    def test_node_agents_follow_the_namespace(self):
        for name, workload in (("base", "DaemonSet/node-agent"), ("overlays/runners", "Deployment/cluster-check-runner")):
            container = folder(name)[workload]["spec"]["template"]["spec"]["containers"][0]
            names = [variable["name"] for variable in container["env"]]
            url = container["env"][names.index("DD_CLUSTER_AGENT_URL")]["value"]
            self.assertEqual(url, "https://cluster-agent.$(POD_NAMESPACE).svc:5005")
            # A variable can name those before it.
            self.assertLess(names.index("POD_NAMESPACE"), names.index("DD_CLUSTER_AGENT_URL"))
            self.assertFalse([argument for argument in container["args"] if "url" in argument])

    def test_the_image_is_one_setting(self):
        for version in KUBECTL:
            for base, count in (("base", 2), ("overlays/runners", 2), ("overlays/kubernetes-1.20", 2)):
                digest = "sha256:" + "ab" * 32
                text = f"bases: [MANIFESTS/{base}]\nimages: [{{name: cluster-agent, newName: r.example.com/x, digest: '{digest}'}}]\n"
                found = differences(folder(base, version), overlay(version, {"kustomization.yaml": text}))
                self.assertEqual(list(found.values()), [f"r.example.com/x@{digest}"] * count)
                self.assertTrue(all(path.endswith("containers[0].image") for path in found), found)

    def test_the_url_is_one_setting(self):
        runners = example("url.yaml").replace("kind: DaemonSet", "kind: Deployment").replace("{name: node-agent,", "{name: cluster-check-runner,")
        for version in KUBECTL:
            for base, patch in (("base", example("url.yaml")), ("overlays/runners", runners)):
                text = f"bases: [MANIFESTS/{base}]\npatchesStrategicMerge: [url.yaml]\n"
                after = overlay(version, {"kustomization.yaml": text, "url.yaml": patch})
                found = differences(variables(folder(base, version)), variables(after))
                self.assertEqual(list(found.values()), ["https://checks.example.com:5005"], found)

    def test_the_overlay_of_the_readme_renders(self):
        text = example("kustomization.yaml").replace("../cluster-agent/manifests", "MANIFESTS").replace("…", "ab" * 32)
        for version in KUBECTL:
            found = overlay(version, {
                "kustomization.yaml": text + patch_of_namespace(), "namespace.yaml": example("namespace.yaml")})
            self.assertEqual({o["metadata"].get("namespace") for o in found.values()}, {None, "monitoring"})
            self.assertEqual(len(found), len(folder("base")))

    def test_the_flow_schema_follows_by_a_patch(self):
        for version in KUBECTL:
            text = """
bases: [MANIFESTS/flow-schema/v1]
patchesJson6902:
  - target: {group: flowcontrol.apiserver.k8s.io, version: v1, kind: FlowSchema, name: cluster-agent-leases}
    path: flow-schema.yaml
"""
            after = overlay(version, {"kustomization.yaml": text, "flow-schema.yaml": example("flow-schema.yaml")})
            self.assertEqual(set(differences(folder("flow-schema/v1", version), after).values()), {"monitoring"})
            self.assertNotIn("'namespace': 'cluster-agent'", str(after))


def patch_of_namespace() -> str:
    """How a kustomization names the patch for kubectl 1.20, as the README shows it."""
    with open(os.path.join(MANIFESTS, "README.md"), encoding="utf-8") as file:
        return re.search(r"```yaml\n(patchesJson6902:\n.*?)```", file.read(), re.DOTALL)[1]


def variables(objects: dict) -> dict:
    """The variables of each container, by name: a patch may bring them into another order."""
    return {
        f"{key} {container['name']}": {variable["name"]: variable.get("value") for variable in container["env"]}
        for key, o in objects.items() if "template" in o.get("spec", {}) for container in o["spec"]["template"]["spec"]["containers"]}
