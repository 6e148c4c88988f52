"""Environment, command and user of a container."""

import unittest

from hollow.environment import Surroundings, command, environment, expand, field, quantity, resource_field, user
from hollow.refusal import NotYet, Refusal

_POD = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "labels": {"app": "web"}},
    "spec": {"nodeName": "node-1", "containers": []},
}


def _around(objects=None) -> Surroundings:
    return Surroundings("10.0.0.1", "10.0.1.2", {"cpu": "4", "memory": "8Gi"}, lambda *key: (objects or {}).get(key))


class ExpansionTests(unittest.TestCase):
    def test_references_are_replaced_as_the_kubernetes_documentation_says(self):
        variables = {"A": "1", "EMPTY": "", "B_2.c": "$(A)"}
        for text, expected in (
            ("$(A)", "1"), ("x$(A)y$(A)", "x1y1"), ("$(EMPTY)", ""), ("$(UNKNOWN)", "$(UNKNOWN)"), ("$$(A)", "$(A)"), ("$$$(A)", "$1"),
            ("$A", "$A"), ("$(A", "$(A"), ("$", "$"), ("$$", "$"), ("$()", "$()"), ("$(B_2.c)", "$(A)"), ("", ""),
        ):
            self.assertEqual(expand(text, variables), expected, text)

    def test_a_variable_sees_those_before_it_and_not_those_after(self):
        container = {"name": "c", "env": [
            {"name": "LATE", "value": "$(POD)"}, {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "BOTH", "value": "$(PATH) $(POD) $(HOST)"}]}
        variables = environment(_POD, container, {"Env": ["PATH=/bin"]}, {"HOST": "h"}, _around())
        self.assertEqual(variables, {"PATH": "/bin", "HOST": "h", "LATE": "$(POD)", "POD": "web-1", "BOTH": "/bin web-1 h"})

    def test_a_missing_key_is_waited_for_and_an_optional_one_is_left_out(self):
        reference = {"name": "s", "key": "k"}
        container = {"name": "c", "env": [{"name": "S", "valueFrom": {"secretKeyRef": reference}}]}
        with self.assertRaisesRegex(NotYet, 'secret "s" with key "k" not found'):
            environment(_POD, container, {}, {}, _around())
        self.assertEqual(environment(_POD, container, {}, {}, _around({("secret", "shop", "s", "k"): "v"})), {"S": "v"})
        reference["optional"] = True
        self.assertEqual(environment(_POD, container, {}, {}, _around()), {})

    def test_an_unknown_source_is_refused(self):
        with self.assertRaisesRegex(Refusal, "env S: cannot take a value from fileKeyRef"):
            environment(_POD, {"name": "c", "env": [{"name": "S", "valueFrom": {"fileKeyRef": {}}}]}, {}, {}, _around())


class FieldTests(unittest.TestCase):
    def test_fields_of_the_pod(self):
        for path, expected in (
            ("metadata.namespace", "shop"), ("metadata.uid", "u"), ("spec.nodeName", "node-1"), ("spec.serviceAccountName", "default"),
            ("status.hostIP", "10.0.0.1"), ("status.podIP", "10.0.1.2"), ("metadata.labels['app']", "web"),
            ("metadata.annotations['none']", ""),
        ):
            self.assertEqual(field(_POD, path, "10.0.0.1", "10.0.1.2"), expected)
        with self.assertRaisesRegex(Refusal, "spec.volumes"):
            field(_POD, "spec.volumes", "", "")

    def test_quantities(self):
        for text, expected in (("50m", "0.05"), ("1", "1"), ("64Mi", str(64 << 20)), ("1.5Gi", str(3 << 29)), ("2k", "2000")):
            self.assertEqual(str(quantity(text).normalize()), str(quantity(expected).normalize()))
        with self.assertRaises(Refusal):
            quantity("1x")

    def test_resources_are_rounded_up_and_a_missing_limit_is_the_nodes(self):
        container = {"resources": {"limits": {"memory": "100Mi"}, "requests": {"cpu": "50m"}}}
        node = {"cpu": "4", "memory": "8Gi"}
        for resource, divisor, expected in (
            ("limits.memory", "1Mi", "100"), ("limits.memory", "", str(100 << 20)), ("requests.cpu", "1", "1"), ("requests.cpu", "1m", "50"),
            ("limits.cpu", "0", "4"), ("requests.memory", "1", "0"),
        ):
            self.assertEqual(resource_field(container, {"resource": resource, "divisor": divisor}, node), expected)


class CommandTests(unittest.TestCase):
    def test_the_pod_comes_before_the_image(self):
        image = {"Entrypoint": ["entry"], "Cmd": ["cmd"]}
        for container, expected in (
            ({}, ["entry", "cmd"]), ({"args": ["a"]}, ["entry", "a"]), ({"command": ["c"]}, ["c"]),
            ({"command": ["c"], "args": ["$(X)"]}, ["c", "1"]),
        ):
            self.assertEqual(command(container, image, {"X": "1"}), expected)
        with self.assertRaises(Refusal):
            command({}, {}, {})

    def test_the_user(self):
        image = {"User": "10:20"}
        pod = {"spec": {"securityContext": {"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]}}}
        self.assertEqual(user(pod, {}, image), (1, 2, [4, 3]))
        self.assertEqual(user(pod, {"securityContext": {"runAsUser": 7}}, image), (7, 2, [4, 3]))
        self.assertEqual(user({"spec": {}}, {}, image), (10, 20, []))

    def test_root_and_names_are_refused_where_they_must_be(self):
        pod = {"spec": {"securityContext": {"runAsNonRoot": True}}}
        with self.assertRaisesRegex(Refusal, "runAsNonRoot"):
            user(pod, {}, {})
        with self.assertRaisesRegex(Refusal, "'agent' is not a number"):
            user(pod, {}, {"User": "agent"})
