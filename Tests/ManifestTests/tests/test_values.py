"""Each value changes the fields that it is for, and no other. Wrong ones are refused by name."""

import json
import os
import unittest

import helm_python as helm
import yaml

from .rendering import CHART, chart, differences, folder

AGENT, NODES, RUNNERS = "Deployment/cluster-agent", "DaemonSet/node-agent", "Deployment/cluster-check-runner"
POD, CONTAINER = "spec.template.spec", "spec.template.spec.containers[0]"
TOLERATION = {"key": "dedicated", "operator": "Equal", "value": "checks", "effect": "NoSchedule"}
AFFINITY = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}
VARIABLE = {"name": "HTTPS_PROXY", "value": "http://proxy:3128"}
CONFIG = "instances:\n  - name: partner\n    url: 'https://{{ .Release.Namespace }}.example.com/%%host%%'\n"
DIGEST = "sha256:" + "0123456789abcdef" * 4


def nested(path: str, value) -> dict:
    """`a.b` to {a: {b: value}}"""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def images(image: str) -> dict:
    return {f"{workload}.{CONTAINER}.image": image for workload in (AGENT, NODES)}


class ValueTests(unittest.TestCase):
    maxDiff = None

    def check(self, value: str, given, expected: dict, before=None):
        """Compares the rendering with that of the default values, or of those in `before`."""
        values = helm_merge(before or {}, nested(value, given))
        self.assertEqual(differences(chart(before), chart(values)), expected)

    def test_replicas(self):
        self.check("clusterAgent.replicas", 3, {f"{AGENT}.spec.replicas": 3})

    def test_image(self):
        self.check("registry", "registry.example.com/a/", images("registry.example.com/a/cluster-agent:0.1.0"))
        self.check("clusterAgent.image.name", "other", images("other:0.1.0"))
        self.check("clusterAgent.image.repository", "registry.example.com:5000/x", images("registry.example.com:5000/x:0.1.0"))
        self.check("clusterAgent.image.tag", "1.0", images("cluster-agent:1.0"))
        self.check("clusterAgent.image.digest", DIGEST, images(f"cluster-agent@{DIGEST}"))
        self.check(
            "clusterAgent.image", {"repository": "r/x", "tag": "2", "digest": DIGEST}, images(f"r/x@{DIGEST}"),
            before={"registry": "ignored"})
        self.check("clusterAgent.image.pullPolicy", "IfNotPresent", {
            f"{workload}.{CONTAINER}.imagePullPolicy": "IfNotPresent" for workload in (AGENT, NODES)})
        self.check("clusterAgent.image.pullSecrets", [{"name": "mine"}], {
            f"{workload}.{POD}.imagePullSecrets": [{"name": "mine"}] for workload in (AGENT, NODES)})

    def test_the_runners_have_the_same_image(self):
        runners = {"clusterChecksRunner": {"enabled": True}}
        self.check("registry", "r", {
            f"{workload}.{CONTAINER}.image": "r/cluster-agent:0.1.0" for workload in (AGENT, RUNNERS)}, before=runners)

    def test_existing_secret(self):
        self.check("clusterAgent.existingSecret", "mine", {
            f"{workload}.{POD}.volumes[0].secret.secretName": "mine" for workload in (AGENT, NODES)})

    def test_a_certificate_in_a_secret_of_its_own(self):
        """What node-agents trust is then the CA, and neither they nor anybody else gets what they do not use."""
        def volume(tokens: list, certificate: list) -> dict:
            sources = (("cluster-agent", tokens), ("issued", certificate))
            return {"defaultMode": 0o440, "sources": [
                {"secret": {"name": name, "items": [{"key": key, "path": key} for key in keys]}} for name, keys in sources]}

        nodes = volume(["token"], ["ca.crt"])
        expected = {
            f"{NODES}.{CONTAINER}.args[6]": "--cluster_agent.ca_file=/etc/cluster-agent/ca.crt",
            f"{NODES}.{POD}.volumes[0].secret": None, f"{NODES}.{POD}.volumes[0].projected": nodes,
            f"{AGENT}.{POD}.volumes[0].secret": None,
            f"{AGENT}.{POD}.volumes[0].projected": volume(["token", "operator-token"], ["tls.crt", "tls.key"]),
        }
        self.check("clusterAgent.tls.existingSecret", "issued", expected)
        runners = {path.replace(NODES, RUNNERS).replace("args[6]", "args[5]"): value for path, value in expected.items()}
        self.check("clusterAgent.tls.existingSecret", "issued", runners, before={"clusterChecksRunner": {"enabled": True}})

    def test_url(self):
        self.check("clusterAgent.url", "https://other:5005", {f"{NODES}.{CONTAINER}.env[4].value": "https://other:5005"})

    def test_config_files(self):
        labels = chart()[AGENT]["metadata"]["labels"]

        def expected(data: dict, paths=None) -> dict:
            source = {"name": "cluster-agent-confd"}
            if paths:
                source["items"] = [{"key": key, "path": path} for key, path in paths.items()]
            return {
                f"{AGENT}.{CONTAINER}.args[7]": "--confd_path=/conf.d", f"{AGENT}.{CONTAINER}.args[8]": "--log_format_json=true",
                f"{AGENT}.{CONTAINER}.volumeMounts[1]": {"name": "confd", "mountPath": "/conf.d", "readOnly": True},
                f"{AGENT}.{POD}.volumes[1]": {"name": "confd", "configMap": source},
                "ConfigMap/cluster-agent-confd": {
                    "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                    "metadata": {"name": "cluster-agent-confd", "namespace": "cluster-agent", "labels": labels}},
            }

        # Templates of Helm are evaluated in the one, as in Datadog's chart, and not in the other.
        files, text = {"http_check.yaml": CONFIG}, CONFIG.replace("{{ .Release.Namespace }}", "cluster-agent")
        self.check("clusterAgent.confd", files, expected({"http_check.yaml": text}))
        folders = {"http_check.d": {"a.yaml": CONFIG, "b.json": "{}"}}
        data = {"http_check.d--a.yaml": CONFIG, "http_check.d--b.json": "{}"}
        paths = {"http_check.d--a.yaml": "http_check.d/a.yaml", "http_check.d--b.json": "http_check.d/b.json"}
        self.check("clusterAgent.advancedConfd", folders, expected(data, paths))
        self.check("clusterAgent", {"confd": files, "advancedConfd": folders}, expected(
            {"http_check.yaml": text} | data, {"http_check.yaml": "http_check.yaml"} | paths))
        # With files there already, another one changes the ConfigMap alone.
        self.check("clusterAgent.confd", {"x.yaml": "{}"}, {"ConfigMap/cluster-agent-confd.data.x.yaml": "{}"}, {
            "clusterAgent": {"confd": files}})
        self.check("clusterAgent.advancedConfd", {"http_check.d": {}}, {})

    def test_options(self):
        args = f"{AGENT}.{CONTAINER}.args"
        given = {"cluster_name": "a b", "cluster_checks.warmup_duration": "10s", "cluster_checks.rebalance_budget_percent": 12.5}
        self.check("clusterAgent.options", given, {
            f"{args}[7]": "--cluster_checks.rebalance_budget_percent=12.5", f"{args}[8]": "--cluster_checks.warmup_duration=10s",
            f"{args}[9]": "--cluster_name=a b", f"{args}[10]": "--log_format_json=true"})
        # Numbers that Go would write with an exponent; lists; the default of the chart.
        self.check("clusterAgent.options", {"z": 12345678}, {f"{args}[8]": "--z=12345678"})
        self.check("clusterAgent.options", {"z": ["a", "b"]}, {f"{args}[8]": '--z=["a","b"]'})
        self.check("clusterAgent.options.log_format_json", False, {f"{args}[7]": "--log_format_json=false"})
        self.check("clusterAgent.options.log_format_json", None, {f"{args}[7]": None})
        self.check("nodeAgent.options.log_level", "debug", {f"{NODES}.{CONTAINER}.args[10]": "--log_level=debug"})

    def test_prometheus_annotations(self):
        env = f"{AGENT}.{CONTAINER}.env"

        def expected(endpoints: str, version: str, checks=None) -> dict:
            values = {"ENABLED": "true", "SERVICE_ENDPOINTS": endpoints, "VERSION": version} | ({"CHECKS": checks} if checks else {})
            return {f"{env}[{7 + index}]": {"name": f"DD_PROMETHEUS_SCRAPE_{name}", "value": value}
                    for index, (name, value) in enumerate(values.items())}

        # The version is the one of Datadog's chart.
        self.check("datadog.prometheusScrape", {"enabled": True}, expected("false", "2"))
        rule = {"autodiscovery": {"kubernetes_annotations": {"include": {"a/b": "true"}}}, "configurations": [{"timeout": 12345678}]}
        given = {"enabled": True, "serviceEndpoints": True, "version": 1, "additionalConfigs": [rule]}
        text = json.dumps([rule], separators=(",", ":"), sort_keys=True)
        self.check("datadog.prometheusScrape", given, expected("true", "1", text))
        self.check("datadog.prometheusScrape", given | {"enabled": False}, {})

    def test_http_service_discovery(self):
        template = {"name": "openmetrics", "instances": [{"openmetrics_endpoint": "http://%%host%%:%%port%%/metrics"}]}
        entries = [{"url": "http://inventory.example.com/targets", "check_template": template}]
        text = json.dumps(entries, separators=(",", ":"), sort_keys=True)
        self.check("clusterAgent.options", {"prometheus_http_sd.configs": entries}, {
            f"{AGENT}.{CONTAINER}.args[8]": f"--prometheus_http_sd.configs={text}"})
        variable = {"name": "DD_PROMETHEUS_HTTP_SD_CONFIGS", "value": text}
        self.check("clusterAgent.env", [variable], {f"{AGENT}.{CONTAINER}.env[7]": variable})

    def test_options_that_permissions_name(self):
        args, rules = f"{AGENT}.{CONTAINER}.args", "Role/cluster-agent.rules"
        self.check("clusterAgent.options.leader_lease_name", "x", {
            f"{args}[7]": "--leader_lease_name=x", f"{args}[8]": "--log_format_json=true", f"{rules}[1].resourceNames[0]": "x"})
        self.check("clusterAgent.options", {"cluster_agent.intent_config_map": "x"}, {
            f"{args}[7]": "--cluster_agent.intent_config_map=x", f"{args}[8]": "--log_format_json=true",
            f"{rules}[3].resourceNames[0]": "x"})

    def check_pods(self, value: str, workload: str, variables: int, tolerations: int, before=None):
        def changes(key: str, given, expected: dict):
            self.check(f"{value}.{key}", given, expected, before)

        changes("env", [VARIABLE], {f"{workload}.{CONTAINER}.env[{variables}]": VARIABLE})
        changes("resources.limits.memory", "1Gi", {f"{workload}.{CONTAINER}.resources.limits.memory": "1Gi"})
        changes("nodeSelector", {"disk": "ssd"}, {f"{workload}.{POD}.nodeSelector": {"disk": "ssd"}})
        path = f"{workload}.{POD}.affinity"
        changes("affinity", AFFINITY, {path: AFFINITY} if workload == NODES else {
            f"{path}.podAntiAffinity": None, f"{path}.nodeAffinity": AFFINITY["nodeAffinity"]})
        if tolerations:
            changes("tolerations", [TOLERATION], {f"{workload}.{POD}.tolerations[{tolerations}]": TOLERATION})
        else:
            changes("tolerations", [], {f"{workload}.{POD}.tolerations": None})

    def test_pods(self):
        self.check_pods("clusterAgent", AGENT, 7, 2)
        self.check_pods("nodeAgent", NODES, 5, 0)
        self.check_pods("clusterChecksRunner", RUNNERS, 5, 2, {"clusterChecksRunner": {"enabled": True}})

    def test_runners(self):
        runners = {"clusterChecksRunner": {"enabled": True}}
        self.check("clusterChecksRunner.replicas", 5, {f"{RUNNERS}.spec.replicas": 5}, before=runners)
        self.check("clusterChecksRunner.options.workers", 8, {f"{RUNNERS}.{CONTAINER}.args[9]": "--workers=8"}, before=runners)

    def test_network_policies(self):
        policies = ("NetworkPolicy/cluster-agent", "NetworkPolicy/node-agent")
        self.check("networkPolicy.enabled", False, dict.fromkeys(policies))
        self.check("networkPolicy.monitoringNamespace", "x", {
            f"{policy}.spec.ingress[1].from[0].namespaceSelector.matchLabels.kubernetes.io/metadata.name": "x" for policy in policies})
        self.check("networkPolicy.apiServerPorts", [443, 16443], {f"{policies[0]}.spec.egress[1].ports[1].port": 16443})

    def test_monitors(self):
        labels = chart()[AGENT]["metadata"]["labels"]

        def monitor(kind: str, **spec):
            return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "spec": spec, "metadata": {
                "name": "cluster-agent", "namespace": "cluster-agent", "labels": labels | {"release": "prometheus"}}}

        given = {"enabled": True, "labels": {"release": "prometheus"}}
        pods = folder("monitoring")["PodMonitor/cluster-agent"]["spec"]
        [endpoint] = pods["podMetricsEndpoints"]
        self.check("podMonitor", given | {"interval": "15s"}, {"PodMonitor/cluster-agent": monitor(
            "PodMonitor", **pods | {"podMetricsEndpoints": [endpoint | {"interval": "15s"}]})})
        self.check("serviceMonitor", given, {
            "Service/cluster-agent.spec.ports[1]": {"name": "metrics", "port": 5000, "targetPort": "metrics", "protocol": "TCP"},
            "ServiceMonitor/cluster-agent": monitor(
                "ServiceMonitor", selector=chart()[AGENT]["spec"]["selector"], endpoints=[{"port": "metrics"}])})


class SchemaTests(unittest.TestCase):
    def check(self, value: str, given, *named: str):
        with self.assertRaises(helm.HelmValuesError) as raised:
            chart(nested(value, given))
        for text in named:
            self.assertIn(text, str(raised.exception))

    def test_an_unknown_key_is_refused_by_name(self):
        for value, place in (
            ("image", "''"), ("clusterAgent.replica", "'/clusterAgent'"), ("clusterAgent.image.pull", "'/clusterAgent/image'"),
            ("nodeAgent.replicas", "'/nodeAgent'"), ("clusterChecksRunner.image", "'/clusterChecksRunner'"),
            ("datadog.prometheusScrape.checks", "'/datadog/prometheusScrape'"), ("datadog.site", "'/datadog'"),
            ("networkPolicy.create", "'/networkPolicy'"), ("podMonitor.namespace", "'/podMonitor'"),
            ("clusterAgent.resources.limit", "'/clusterAgent/resources'"), ("nodeAgent.affinity.x", "'/nodeAgent/affinity'"),
        ):
            self.check(value, 1, f"at {place}", f"'{value.split('.')[-1]}' not allowed")
        self.check("nodeAgent.tolerations", [{"keey": "x"}], "at '/nodeAgent/tolerations/0'", "'keey' not allowed")

    def test_a_wrong_value_is_refused_by_name(self):
        for value, given in (
            ("clusterAgent.replicas", "3"), ("clusterAgent.replicas", 0), ("clusterAgent.image.tag", 1.0), ("registry", 1),
            ("clusterAgent.image.digest", "sha256:abc"), ("clusterAgent.image.pullPolicy", "always"),
            ("clusterAgent.url", "http://cluster-agent:5005"), ("clusterAgent.existingSecret", ""),
            ("clusterChecksRunner.enabled", "true"), ("nodeAgent.enabled", "no"), ("clusterAgent.options.cluster_name", {}),
            ("datadog.prometheusScrape.version", 3), ("datadog.prometheusScrape.enabled", "true"),
            ("networkPolicy.apiServerPorts", []), ("podMonitor.interval", "30"), ("clusterAgent.nodeSelector.disk", True),
        ):
            self.check(value, given, f"at '/{value.replace('.', '/')}'")

    def test_what_no_config_file_is_called_is_refused_by_name(self):
        self.check("clusterAgent.confd", {"http_check": "x"}, "'/clusterAgent/confd'", "'http_check'")
        self.check("clusterAgent.confd", {"http_check.d/a.yaml": "x"}, "'/clusterAgent/confd'", "'http_check.d/a.yaml'")
        self.check("clusterAgent.advancedConfd", {"http_check": {}}, "'/clusterAgent/advancedConfd'", "'http_check'")
        self.check("clusterAgent.confd", {"http_check.yaml": {"instances": []}}, "'/clusterAgent/confd/http_check.yaml'")

    def test_an_option_that_other_objects_depend_on_is_refused_by_name(self):
        for workload in ("cluster-agent", "node-agent"):
            arguments = next(
                o["spec"]["template"]["spec"]["containers"][0]["args"] for key, o in chart().items() if key.endswith(f"/{workload}")
                and o["kind"] in ("Deployment", "DaemonSet"))
            keys = [argument[2:].partition("=")[0] for argument in arguments[1:]]
            self.assertGreater(len(keys), 5)
            value = {"cluster-agent": "clusterAgent", "node-agent": "nodeAgent"}[workload]
            for key in keys:
                if key != "log_format_json":
                    self.check(f"{value}.options", {key: "x"}, f"at '/{value}/options/{key}'")

    def test_global_is_not_refused(self):
        self.assertEqual(chart({"global": {"anything": 1}}), chart())

    def test_every_value_has_a_comment_and_a_place_in_the_schema(self):
        with open(os.path.join(CHART, "values.yaml"), encoding="utf-8") as file:
            text = file.read()
        with open(os.path.join(CHART, "values.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        lines, checked = text.split("\n"), []

        def check(properties: dict, values: yaml.MappingNode, path: str):
            self.assertEqual({key.value for key, _ in values.value}, set(properties) - {"global"}, path)
            for key, value in values.value:
                name = f"{path}{key.value}"
                self.assertEqual(lines[key.start_mark.line - 1][:key.start_mark.column + 2], " " * key.start_mark.column + "# ", name)
                checked.append(name)
                node = properties[key.value]
                node = schema["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
                # These are Kubernetes' own, or the cluster-agent's.
                if "properties" in node and key.value not in ("resources", "affinity", "options"):
                    check(node["properties"], value, f"{name}.")

        check(schema["properties"], yaml.compose(text), "")
        self.assertGreater(len(checked), 45)


def helm_merge(first: dict, second: dict) -> dict:
    """As Helm merges values: maps by key, everything else as a whole."""
    merged = dict(first)
    for key, value in second.items():
        merged[key] = helm_merge(merged[key], value) if isinstance(value, dict) and isinstance(merged.get(key), dict) else value
    return merged
