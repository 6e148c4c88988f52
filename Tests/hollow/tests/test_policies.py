"""NetworkPolicies as rules."""

import unittest

from hollow.policies import ruleset, selects


def _pod(name: str, address: str, namespace: str = "a", **labels) -> dict:
    containers = [{"ports": [{"name": "https", "containerPort": 5005}]}]
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {"containers": containers}, "status": {"podIP": address}}


_PODS = {
    "a/web": _pod("web", "10.0.0.1", app="web"), "a/client": _pod("client", "10.0.0.2", app="client"),
    "b/other": _pod("other", "10.0.0.3", "b", app="client"), "a/new": {"metadata": {"name": "new", "namespace": "a"}, "spec": {}},
}
_NAMESPACES = {"/a": {"metadata": {"name": "a"}}, "/b": {"metadata": {"name": "b", "labels": {"name": "b"}}}}


def _chains(**spec) -> dict:
    """{chain: rules} for one policy in namespace a."""
    text = ruleset({"a/p": {"metadata": {"name": "p", "namespace": "a"}, "spec": spec}}, _PODS, _NAMESPACES)
    chains, current = {}, None
    for line in text.split("\n"):
        words = line.split()
        if words[:1] == ["chain"]:
            current = chains.setdefault(words[1], [])
        elif line.startswith("    "):
            current.append(line.strip())
    return chains


class SelectorTests(unittest.TestCase):
    def test_labels_and_expressions(self):
        labels = {"app": "web", "tier": "front"}
        for selector, expected in (
            ({}, True), ({"matchLabels": {"app": "web"}}, True), ({"matchLabels": {"app": "db"}}, False), ({"matchLabels": {"no": ""}}, False),
            ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["db", "web"]}]}, True),
            ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
            ({"matchExpressions": [{"key": "no", "operator": "NotIn", "values": ["web"]}]}, True),
            ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
            ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ):
            self.assertEqual(selects(selector, labels), expected, selector)


class PolicyTests(unittest.TestCase):
    _web = {"matchLabels": {"app": "web"}}

    def test_a_selected_pod_is_closed_and_the_others_are_open(self):
        chains = _chains(podSelector=self._web)
        self.assertEqual(chains["ingress-10-0-0-1"], ["counter drop"])
        self.assertEqual(chains["forward"][-1], "ip daddr vmap { 10.0.0.1 : jump ingress-10-0-0-1 }")
        self.assertEqual(set(chains), {"ingress-10-0-0-1", "forward", "input"})

    def test_an_empty_selector_is_all_pods_of_the_namespace_that_have_an_address(self):
        self.assertEqual(
            {name for name in _chains(podSelector={}) if name.startswith("ingress")}, {"ingress-10-0-0-1", "ingress-10-0-0-2"})

    def test_ingress_is_by_peer_and_the_ports_of_the_pod(self):
        rule = {"from": [{"podSelector": {"matchLabels": {"app": "client"}}}], "ports": [{"port": "https"}, {"port": 53, "protocol": "UDP"}]}
        self.assertEqual(_chains(podSelector=self._web, ingress=[rule])["ingress-10-0-0-1"], [
            "ip saddr 10.0.0.2 tcp dport 5005 return", "ip saddr 10.0.0.2 udp dport 53 return", "counter drop"])

    def test_peers_in_other_namespaces_and_blocks(self):
        for peer, expected in (
            ({"namespaceSelector": {"matchLabels": {"name": "b"}}}, ["ip saddr 10.0.0.3 return"]),
            ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "client"}}}, ["ip saddr 10.0.0.2 return", "ip saddr 10.0.0.3 return"]),
            ({"namespaceSelector": {"matchLabels": {"name": "none"}}}, []),
            ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, ["ip saddr 10.0.0.0/8 ip saddr != 10.1.0.0/16 return"]),
        ):
            self.assertEqual(_chains(podSelector=self._web, ingress=[{"from": [peer]}])["ingress-10-0-0-1"], expected + ["counter drop"])

    def test_a_rule_without_anything_allows_everything(self):
        self.assertEqual(_chains(podSelector=self._web, ingress=[{}])["ingress-10-0-0-1"], ["return", "counter drop"])

    def test_egress_is_asked_of_pods_and_of_the_machine(self):
        rules = [{"ports": [{"port": 53, "protocol": "UDP"}]}, {"to": [{"podSelector": {"matchLabels": {"app": "client"}}}], "ports": [{"port": "https"}]}]
        chains = _chains(podSelector=self._web, policyTypes=["Egress"], egress=rules)
        self.assertEqual(chains["egress-10-0-0-1"], ["ip daddr 10.0.0.2 tcp dport 5005 return", "udp dport 53 return", "counter drop"])
        self.assertEqual([chains[name][-1] for name in ("forward", "input")], ["ip saddr vmap { 10.0.0.1 : jump egress-10-0-0-1 }"] * 2)
        self.assertNotIn("ingress-10-0-0-1", chains)
