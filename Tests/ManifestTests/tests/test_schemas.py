"""Every object has only fields that Kubernetes knows, of the right types, from the oldest release that its folder is for to
the newest. The schemas begin with 1.25; a real API server of 1.20 is asked elsewhere."""

import unittest

import kubernetes_validate

from .rendering import chart, folder
from .test_chart import EVERYTHING

OLDEST, NEWEST = "1.25", "1.37"
# Kubernetes before 1.25 alone has these.
GONE = {("overlays/kubernetes-1.20", "PodDisruptionBudget/cluster-agent")}
FOLDERS = {
    "base": ("1.26", NEWEST), "overlays/runners": ("1.26", NEWEST), "overlays/kubernetes-1.21": (OLDEST, NEWEST),
    "overlays/kubernetes-1.20": (OLDEST, NEWEST), "flow-schema/v1": ("1.29", NEWEST), "flow-schema/v1beta3": ("1.26", "1.31"),
    "flow-schema/v1beta1": (OLDEST, OLDEST),
}


def findings(objects: dict, version: str) -> list:
    found = []
    for key, o in objects.items():
        try:
            kubernetes_validate.validate(o, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            found.append(f"{key}: {getattr(error, 'message', error)}")
    return found


class SchemaTests(unittest.TestCase):
    def test_every_folder_keeps_the_schemas(self):
        for name, versions in FOLDERS.items():
            objects = {key: o for key, o in folder(name).items() if (name, key) not in GONE}
            for version in sorted(set(versions)):
                self.assertEqual(findings(objects, version), [], f"{name} in {version}")

    def test_the_chart_keeps_the_schemas(self):
        everything = chart(EVERYTHING)
        del everything["PodMonitor/cluster-agent"], everything["ServiceMonitor/cluster-agent"]
        for version in ("1.29", NEWEST):
            self.assertEqual(findings(everything, version), [], version)

    def test_the_newest_is_the_newest(self):
        self.assertEqual(kubernetes_validate.latest_version().rpartition(".")[0], NEWEST)

    def test_the_schemas_find_mistakes(self):
        for path, value, version in (
            (("spec", "replica"), 2, NEWEST), (("spec", "replicas"), "2", NEWEST), (("apiVersion",), "apps/v1beta1", NEWEST),
            (("spec", "template", "spec", "containers", 0, "livenessProbe", "httpGet", "prot"), 1, OLDEST),
        ):
            deployment = folder("base")["Deployment/cluster-agent"]
            place = deployment
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            self.assertEqual(len(findings({"x": deployment}, version)), 1, path)
        budget = {"x": folder("base")["PodDisruptionBudget/cluster-agent"]}
        self.assertEqual(len(findings(budget, OLDEST)), 1)
