"""What the runner refuses, by name."""

import copy
import re
import unittest

from hollow.podspec import check
from hollow.refusal import Refusal

_POD = {
    "spec": {
        "nodeName": "node-1", "enableServiceLinks": False, "restartPolicy": "Always", "dnsPolicy": "ClusterFirst",
        "tolerations": [{"operator": "Exists"}], "hostNetwork": False,
        "securityContext": {"runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "v", "secret": {"secretName": "s"}}],
        "containers": [{
            "name": "c", "image": "ours:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            "livenessProbe": {"httpGet": {"port": 1}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}],
    },
}


def _changed(path: str, value) -> dict:
    pod = copy.deepcopy(_POD)
    at = pod["spec"]
    *parents, last = path.split(".")
    for name in parents:
        at = at[0][name] if isinstance(at, list) else at[name]
    (at[0] if isinstance(at, list) else at)[last] = value
    return pod


class RefusalTests(unittest.TestCase):
    def test_what_the_manifests_ask_for_is_known(self):
        check(_POD, {"ours:1"})

    def test_what_is_not_known_is_named(self):
        for path, value, said in (
            ("hostNetwork", True, "spec.hostNetwork"), ("initContainers", [{}], "spec.initContainers"),
            ("somethingNew", 1, "spec.somethingNew"), ("restartPolicy", "Never", "spec.restartPolicy 'Never'"),
            ("enableServiceLinks", True, "spec.enableServiceLinks"),
            ("securityContext.sysctls", [{}], "spec.securityContext.sysctls"),
            ("securityContext.seccompProfile", {"type": "Localhost"}, "seccompProfile"),
            ("volumes", [{"name": "h", "hostPath": {}}], "volume h: type hostPath"),
            ("volumes", [{"name": "p", "projected": {"sources": [{"clusterTrustBundle": {}}]}}], "projected.clusterTrustBundle"),
            ("containers.image", "theirs:1", "image 'theirs:1'"), ("containers.envFrom", [{}], "container c.envFrom"),
            ("containers.lifecycle", {"preStop": {}}, "container c.lifecycle"),
            ("containers.livenessProbe", {"exec": {"command": []}}, "livenessProbe.exec"),
            ("containers.volumeMounts", [{"name": "v", "mountPath": "/v", "subPath": "x"}], "volumeMount /v.subPath"),
            ("containers.securityContext.privileged", True, "privileged"),
            ("containers.securityContext.allowPrivilegeEscalation", True, "allowPrivilegeEscalation"),
            ("containers.securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_RAW"]}, "capabilities"),
        ):
            with self.subTest(said), self.assertRaisesRegex(Refusal, re.escape(said)):
                check(_changed(path, value), {"ours:1"})
