#!/usr/bin/env python3
"""live.py CLUSTER_AGENT NODE_AGENT [--keep=DIR]

Runs two replicas with a Lease on a real API server, two node-agents with checks that pass and that fail, and a real
Prometheus that scrapes them as the PodMonitor says and evaluates the rules. Then it must be that

- dashboard.py finds series for every query;
- each rule can be evaluated, and the alerts that are active or about to be are those for what was broken on purpose;
- `promtool check metrics` finds nothing in the pages of both programs but what is listed here.

All of it listens on loopback, on free ports, and every process that was started is ended. About 60 s, for which the
programs of a release build are best."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))
MONITORING = os.path.join(ROOT, "manifests", "monitoring")
# What `promtool check metrics` may say: names of upstream's, which stay as they are.
KNOWN_FINDINGS = {
    'cluster_checks_rebalancing_decisions counter metrics should have "_total" suffix',
    'cluster_checks_successful_rebalancing_moves counter metrics should have "_total" suffix',
    'cluster_checks_failed_stats_collection counter metrics should have "_total" suffix',
}
# The alerts that must be active or about to be, and why. `for` is longer than all of this takes.
EXPECTED_ALERTS = {
    "ClusterCheckFailing": "three checks have a target that does not listen",
    "ClusterChecksManyFailing": "they are more than a quarter of all",
    "ClusterChecksDangling": "one check is of a kind that no agent runs",
    "ClusterChecksProblems": "one Service has an annotation that is not JSON",
}
OBJECTS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Service
metadata:
  name: front
  namespace: shop
  annotations:
    ad.datadoghq.com/service.checks: '{"http_check": {"instances": [{"name": "front", "url": "http://%%host%%:%%port%%/", "min_collection_interval": 2}]}}'
spec:
  clusterIP: 127.96.0.77
  ports: [{port: 81, protocol: TCP}]
---
apiVersion: v1
kind: Service
metadata:
  name: broken
  namespace: shop
  annotations: {ad.datadoghq.com/service.checks: "{http_check"}
spec:
  ports: [{port: 82, protocol: TCP}]
"""
TARGET = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"orders_total 42\\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Failure(Exception):
    """What did not hold."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url):
    # No proxy: everything is on loopback.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        return answer.read().decode()


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while True:
        try:
            found = condition()
        except OSError:
            found = None
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"in vain for {seconds} s: {what}")
        time.sleep(0.2)


def setup(*words):
    return subprocess.run(
        [os.path.join(ROOT, "Tests", "setup", words[0]), *words[1:]], check=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True).stdout.strip().split("\n")[-1]


class Processes:
    """What was started, with a log each in `work`. The kernel ends it with this program."""

    def __init__(self, work):
        self.work, self.started = work, []

    def start(self, name, *words, **environment):
        with open(f"{self.work}/{name}.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": self.work, "LANG": "C.UTF-8", "POD_NAME": name} | environment)
        self.started.append((name, process))

    def check(self):
        for name, process in self.started:
            if process.poll() is not None:
                raise Failure(f"{name} has ended with {process.returncode}: {self.tail(name)}")

    def tail(self, name):
        with open(f"{self.work}/{name}.log", encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def end(self, only=None):
        """Ends all, or the one with this name."""
        for name, process in reversed(self.started):
            if only not in (None, name):
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.started = [] if only is None else [(name, process) for name, process in self.started if name != only]


class Live:
    def __init__(self, cluster_agent, node_agent, work):
        self.cluster_agent, self.node_agent, self.work = cluster_agent, node_agent, work
        self.processes = Processes(work)
        # [(name, job, port of the metrics)]
        self.targets, self.ports = [], []

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def start_control_plane(self):
        self.processes.start("control-plane", os.path.join(ROOT, "Tests/setup/control-plane"), self.path("plane"))
        until(lambda: self.processes.check() or os.path.exists(self.path("plane/ready")), 1800, "the control plane")
        subprocess.run(
            ["kubectl", f"--kubeconfig={self.path('plane/kubeconfig.json')}", "apply", "--filename=-"], check=True,
            input=OBJECTS, text=True, stdout=subprocess.DEVNULL)

    def write_checks(self):
        port, closing = free_port(), free_port()
        self.processes.start("target", sys.executable, "-c", TARGET, str(port))
        self.processes.start("target that ends", sys.executable, "-c", TARGET, str(closing))
        often = {"min_collection_interval": 2, "timeout": 1}
        checks = {
            "http_check": [{"name": f"web-{index}", "url": f"http://127.0.0.1:{port}/"} for index in range(3)],
            "tcp_check": [
                {"name": name, "host": "127.0.0.1", "port": number} for name, number in (("open", port), ("closed", 1), ("closing", closing))],
            "openmetrics": [{"openmetrics_endpoint": f"http://127.0.0.1:{port}/", "namespace": "shop", "metrics": [".*"]}],
            "no_such_check": [{"name": "nowhere"}],
        }
        for check, instances in checks.items():
            for index, instance in enumerate(instances):
                config = {"cluster_check": True, "init_config": {}, "instances": [instance | often]}
                self.write(f"conf.d/{check}.d/{index}.json", json.dumps(config))

    def start_replicas(self):
        for name in ("token", "operator-token", "replica-token"):
            os.chmod(self.write(name, os.urandom(32).hex()), 0o600)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "30", "-subj", "/CN=cluster-agent", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
             self.path("tls.key"), "-out", self.path("tls.crt")], check=True, stderr=subprocess.DEVNULL)
        self.runners_port = free_port()
        for name in ("replica-1", "replica-2"):
            port, metrics = free_port(), free_port()
            self.ports.append(port)
            self.targets.append((name, "cluster-agent", f"127.0.0.1:{metrics}"))
            self.processes.start(name, self.cluster_agent, "run", *self.connection(port), *(f"--{key}={value}" for key, value in {
                "kubeconfig": self.path("plane/kubeconfig-cluster-agent.json"), "leader_election": "true",
                "kube_resources_namespace": "cluster-agent", "cluster_agent.advertise_address": f"127.0.0.1:{port}",
                "cluster_agent.auth_token_file": self.path("token"), "cluster_agent.tls_key_file": self.path("tls.key"),
                "cluster_agent.replica_token_file": self.path("replica-token"), "confd_path": self.path("conf.d"),
                "cluster_checks.warmup_duration": 4, "cluster_checks.results_interval": 5,
                "cluster_checks.clc_runners_port": self.runners_port,
                # No pod is known here by which an address could be verified.
                "cluster_checks.send_token_to_unknown_runners": "true",
                "health_port": 0, "metrics_port": metrics, "shutdown_delay": 0,
            }.items()))

    def connection(self, port):
        return [
            "--cluster_agent.listen_host=127.0.0.1", f"--cluster_agent.cmd_port={port}",
            f"--cluster_agent.operator_token_file={self.path('operator-token')}",
            f"--cluster_agent.tls_certificate_file={self.path('tls.crt')}",
        ]

    def start_node_agents(self):
        for index in (1, 2):
            # Each at an address of its own: they are asked for their statistics at one port.
            name, host, metrics = f"node-agent-{index}", f"127.0.0.{index + 1}", free_port()
            self.targets.append((name, "node-agent", f"{host}:{metrics}"))
            self.processes.start(name, self.node_agent, "run", *(f"--{key}={value}" for key, value in {
                "hostname": f"node-{index}", "cluster_agent.url": f"https://127.0.0.1:{self.ports[index - 1]}",
                "cluster_agent.auth_token_file": self.path("token"), "cluster_agent.ca_file": self.path("tls.crt"),
                "ad_config_poll_interval": 1, "listen_host": host, "clc_runner_host": host,
                "cmd_port": self.runners_port, "metrics_port": metrics,
            }.items()))

    def start_prometheus(self):
        with open(os.path.join(MONITORING, "pod-monitor.yaml"), encoding="utf-8") as file:
            spec = yaml.safe_load(file)["spec"]
        with open(os.path.join(MONITORING, "rules.yaml"), encoding="utf-8") as file:
            self.write("rules.yaml", yaml.safe_dump({"groups": yaml.safe_load(file)["spec"]["groups"]}))
        configuration = {
            "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
            "rule_files": [self.path("rules.yaml")],
            "scrape_configs": [{
                "job_name": "monitoring", "static_configs": [discovered(*target) for target in self.targets],
                "relabel_configs": as_the_operator_does(spec),
            }],
        }
        port = free_port()
        self.processes.start(
            "prometheus", setup("prometheus"), f"--config.file={self.write('prometheus.yaml', yaml.safe_dump(configuration))}",
            f"--storage.tsdb.path={self.path('data')}", f"--web.listen-address=127.0.0.1:{port}")
        self.prometheus = f"http://127.0.0.1:{port}"
        until(lambda: get(f"{self.prometheus}/-/ready"), 30, "Prometheus")

    def query(self, expression):
        url = f"{self.prometheus}/api/v1/query?query={urllib.parse.quote(expression)}"
        return json.loads(get(url))["data"]["result"]

    def settle(self):
        def holds(what, expression):
            until(lambda: self.processes.check() or self.query(expression), 90, f"{what}: {expression}")

        holds("every target is scraped", f"count(up == 1) == {len(self.targets)}")
        holds("every check is placed", "sum(cluster_checks_configs_dispatched) == 8")
        holds("every check has run", "count(max by (check_id) (node_agent_check_up)) == 8")
        holds("two fail", "count(max by (check_id) (node_agent_check_up) == 0) == 2")
        self.processes.end("target that ends")
        holds("a third one fails", "count(max by (check_id) (node_agent_check_up) == 0) == 3")
        holds("the leader knows", "sum(cluster_checks_failing) == 3")
        holds("the follower mirrors", "sum(mirror_named) == 1")
        holds("the broken Service is known", "max(autoconf_object_problems) == 1")
        # As the PodMonitor relabels.
        holds("node-agents have the name of their node", 'count(node_agent_configs{job="node-agent", node=~"node-[12]"}) == 2')
        holds("metrics keep their own node", 'count(cluster_checks_configs_dispatched{job="cluster-agent", node=~"node-[12]"}) == 2')
        done = subprocess.run(
            [self.cluster_agent, "clusterchecks", "rebalance", "--force", *self.connection(self.ports[0])],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30, env={"LANG": "C.UTF-8"})
        if done.returncode not in (0, 1):
            raise Failure(f"rebalance: {done.stdout}{done.stderr}")
        holds("it has been rebalanced", "max(cluster_checks_rebalancing_decisions) > 0")
        # Long enough for each rate to have its two samples.
        time.sleep(15)

    def check_metrics(self):
        """What promtool finds in the pages, beside what is known."""
        promtool, found = setup("prometheus", "promtool"), []
        for name, _, address in self.targets:
            page = get(f"http://{address}/metrics")
            self.write(f"{name}.metrics", page)
            done = subprocess.run([promtool, "check", "metrics"], input=page, text=True, capture_output=True, check=False)
            said = (done.stdout + done.stderr).strip().split("\n")
            # 3: findings of the linter alone. Anything else is a page that cannot be read.
            if done.returncode not in (0, 3):
                found.append(f"{name}: promtool ended with {done.returncode}: {said[-1]}")
            found += [f"{name}: {line}" for line in said if line and line not in KNOWN_FINDINGS]
        return found

    def check_rules(self):
        """Rules that cannot be evaluated, and alerts that are active though nothing is wrong."""
        found = []
        for group in json.loads(get(f"{self.prometheus}/api/v1/rules"))["data"]["groups"]:
            for rule in group["rules"]:
                if rule["health"] != "ok":
                    found.append(f"{rule['name']}: {rule['health']}: {rule.get('lastError')}")
                if rule["state"] != "inactive" and rule["name"] not in EXPECTED_ALERTS:
                    found.append(f"{rule['name']} is {rule['state']}, though all is well: {rule['alerts'][0]['annotations']['summary']}")
                if rule["state"] == "inactive" and rule["name"] in EXPECTED_ALERTS:
                    found.append(f"{rule['name']} is inactive, though {EXPECTED_ALERTS[rule['name']]}")
        return found

    def check_dashboard(self):
        done = subprocess.run(
            [sys.executable, "-B", os.path.join(HERE, "dashboard.py"), self.prometheus], text=True, capture_output=True, check=False)
        return [] if done.returncode == 0 else (done.stdout + done.stderr).strip().split("\n")

    def run(self):
        self.start_control_plane()
        self.write_checks()
        self.start_replicas()
        self.start_node_agents()
        self.start_prometheus()
        self.settle()
        found = {
            "promtool check metrics": self.check_metrics(), "rules": self.check_rules(), "dashboard.py": self.check_dashboard()}
        for what, lines in found.items():
            print(f"{what}: {len(lines) or 'no'} findings")
            for line in lines:
                print(f"  {line}")
        return not any(found.values())


def discovered(name, job, address):
    """A target as the discovery of pods tells it."""
    node = name.replace("-agent", "")
    return {"targets": [address], "labels": {
        "__meta_kubernetes_namespace": "cluster-agent", "__meta_kubernetes_pod_name": name,
        "__meta_kubernetes_pod_node_name": node, "__meta_kubernetes_pod_label_app_kubernetes_io_name": job}}


def as_the_operator_does(spec):
    """The relabelling that the Prometheus operator makes of a PodMonitor with one endpoint."""
    [endpoint] = spec["podMetricsEndpoints"]
    label = "".join(c if c.isalnum() else "_" for c in spec["jobLabel"])
    rules = [
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
        {"source_labels": [f"__meta_kubernetes_pod_label_{label}"], "regex": "(.+)", "target_label": "job", "replacement": "${1}"},
        {"target_label": "endpoint", "replacement": endpoint["port"]},
    ]
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    return rules + [{names.get(key, key): value for key, value in rule.items()} for rule in endpoint["relabelings"]]


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--keep=")]
    if len(words) != 2:
        sys.exit(__doc__)
    keep = next((word.partition("=")[2] for word in sys.argv[1:] if word.startswith("--keep=")), None)
    with tempfile.TemporaryDirectory(prefix="monitoring-") as work:
        if keep:
            os.makedirs(keep)
            work = keep
        live = Live(*(os.path.abspath(word) for word in words), os.path.abspath(work))
        # A signal ends what was started, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            sys.exit(0 if live.run() else 1)
        except Failure as failure:
            sys.exit(f"live.py: {failure}")
        finally:
            live.processes.end()


if __name__ == "__main__":
    main()
