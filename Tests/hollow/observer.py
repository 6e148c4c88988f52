"""Observes a hollow cluster from inside its network: kubectl, the leader's state, what node-agents have run."""

import base64
import http.client
import json
import os
import re
import ssl
import subprocess
import threading
import time

from . import linux
from .api import Client
from .pauses import PauseWatch


class Failure(Exception):
    """An expected condition did not occur."""


def within(seconds: float, what: str, test):
    """The first true value of `test()`. On timeout, raises a failure that names `what` and the last error."""
    deadline = time.monotonic() + seconds
    while True:
        last = None
        try:
            value = test()
            if value:
                return value
        except (Failure, OSError, http.client.HTTPException, ValueError, KeyError, subprocess.CalledProcessError) as error:
            last = error
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds:.0f} s: {what}" + (f" ({last})" if last else ""))
        time.sleep(0.2)


def times(seconds: float, tests: dict) -> dict:
    """{what: seconds until its test was first true}. Tests are polled in turn; none waits for another."""
    begun = time.monotonic()
    found = {}
    while len(found) < len(tests):
        for what, test in tests.items():
            if what not in found:
                try:
                    within(0, what, test)
                    found[what] = time.monotonic() - begun
                except Failure as failure:
                    if time.monotonic() - begun > seconds:
                        raise Failure(f"not within {seconds:.0f} s: {failure}") from None
        time.sleep(0.2)
    return found


class Observer:
    """Enters the network of a cluster, for the rest of this process's life."""

    def __init__(self, folder: str, namespace: str, helm: list):
        """`namespace` is the cluster-agent's; `helm` is how `helm` is run, but for its kubeconfig."""
        self._folder, self._namespace = folder, namespace
        self._helm = [*helm, f"--kubeconfig={folder}/plane/kubeconfig.json"]
        self._kubectl = ["kubectl", f"--kubeconfig={folder}/plane/kubeconfig.json", f"--cache-dir={folder}/kubectl-cache"]
        self._expected = set()
        self._runs = {}
        with open(os.path.join(folder, "pid"), encoding="ascii") as file:
            self._process = file.read()
        linux.join(f"/proc/{self._process}/ns/net", linux.CLONE_NEWNET)
        self._pauses = PauseWatch(Client(f"{folder}/plane/kubeconfig.json"), namespace, self._runs_at)
        self._pauses.start()

    # kubectl

    def kubectl(self, *words: str) -> str:
        return self.kubectl_with(None, *words)

    def kubectl_with(self, text, *words: str) -> str:
        done = subprocess.run([*self._kubectl, *words], input=text, text=True, capture_output=True, check=False)
        if done.returncode:
            raise Failure(f"kubectl {' '.join(words)}: {done.stderr}")
        return done.stdout

    def shell(self, command: str, manifests: str) -> str:
        """Runs a command line with this cluster's `kubectl`, `helm` and image, and the given `manifests/` folder; returns its output."""
        script = re.sub(r"\bmanifests/", manifests + "/", command)
        for program, words in (
            ("helm", self._helm), ("kubectl", self._kubectl), ("docker run --rm cluster-agent:0.1.0", [f"{self._folder}/image"]),
        ):
            script = re.sub(rf"(^|\| ){program}\b", rf"\1{' '.join(words)}", script)
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {script}"], text=True, capture_output=True, check=False)
        if done.returncode:
            raise Failure(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def _get(self, *words: str) -> list:
        return json.loads(self.kubectl("get", *words, "-o", "json"))["items"]

    def pods(self, namespace: str = "") -> dict:
        """By name. Without a namespace, those in the cluster-agent's."""
        return {pod["metadata"]["name"]: pod for pod in self._get("pods", "-n", namespace or self._namespace)}

    def ready_pods(self, part: str, namespace: str = "", but_not_on: str = "") -> dict:
        """Pods of a workload that are ready and not terminating, by name."""
        found = {}
        for name, pod in self.pods(namespace).items():
            conditions = {known["type"]: known["status"] for known in pod["status"].get("conditions") or []}
            labels = pod["metadata"]["labels"]
            component = labels.get("app.kubernetes.io/component", labels.get("app.kubernetes.io/name"))
            is_going = "deletionTimestamp" in pod["metadata"]
            if component == part and conditions.get("Ready") == "True" and not is_going and pod["spec"]["nodeName"] != but_not_on:
                found[name] = pod
        return found

    def waiting(self, name: str, namespace: str = "") -> dict:
        """{reason: message} of waiting containers."""
        statuses = self.pods(namespace)[name]["status"].get("containerStatuses") or []
        waits = [status["state"]["waiting"] for status in statuses if "waiting" in status["state"]]
        return {wait["reason"]: wait.get("message", "") for wait in waits}

    def restarts(self) -> dict:
        """The restart counts of the containers of existing pods."""
        return {
            name: status["restartCount"] for name, pod in sorted(self.pods().items())
            for status in pod["status"].get("containerStatuses") or []}

    def nodes(self) -> list:
        return sorted(node["metadata"]["name"] for node in self._get("nodes"))

    def ready_nodes(self) -> set:
        return {
            node["metadata"]["name"] for node in self._get("nodes")
            for known in node["status"].get("conditions") or [] if known["type"] == "Ready" and known["status"] == "True"}

    def leader(self) -> str:
        """The pod that the Lease names."""
        holder = self.kubectl("-n", self._namespace, "get", "lease", "cluster-agent", "-o", "jsonpath={.spec.holderIdentity}")
        return holder.partition("_")[0]

    def other_leader(self, before: str):
        """The name of the leader, if it differs from the given one and its own state confirms that it leads."""
        name = self.leader()
        return name if name and name != before and self._state_of(name, self.token()) else None

    def node_of(self, pod: str) -> str:
        return self.pods()[pod]["spec"]["nodeName"]

    # The node's machine

    def silence(self, node: str):
        self._node("silence", node)

    def wake(self, node: str):
        self._node("wake", node)

    def _node(self, what: str, node: str):
        done = subprocess.run([os.path.join(self._folder, "node"), what, node], check=True, capture_output=True, text=True)
        if re.search(r"\b0 (processes|links)", done.stdout):
            raise Failure(f"nothing was changed: {done.stdout}")

    def run_in_pod(self, pod: str, *command: str) -> str:
        done = subprocess.run([os.path.join(self._folder, "exec"), pod, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"{pod}: {' '.join(command)}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    # The state of agents

    def token(self, key: str = "operator-token") -> str:
        """A token from the Secret: `operator-token` opens the state, `token` is presented by node-agents."""
        text = self.kubectl("-n", self._namespace, "get", "secret", "cluster-agent", "-o", f"jsonpath={{.data.{key}}}")
        return base64.b64decode(text).decode().strip()

    def accepts(self, token: str) -> bool:
        """Whether every ready replica accepts a node-agent with this token."""
        return all(_ask(pod["status"]["podIP"], "/version", token, 3)[0] == 200 for pod in self.ready_pods("cluster-agent").values())

    def _state_of(self, pod: str, token: str):
        """A replica's state of nodes and configs, if it leads."""
        return self._state_at(self.pods()[pod]["status"]["podIP"], token, 3)

    @staticmethod
    def _state_at(address: str, token: str, timeout: float):
        status, answer = _ask(address, "/api/v1/clusterchecks", token, timeout)
        if status != 200:
            raise ValueError(f"{address} answered {status}")
        state = json.loads(answer)
        return None if state.get("not_running") else state

    def never_leads(self, pod: str, seconds: float) -> threading.Thread:
        """Asks a replica continuously, from now on, whether it leads. The thread's `answers` counts its
        answers, `seen` how often it said that it leads."""
        address, token = self.pods()[pod]["status"]["podIP"], self.token()

        def ask():
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                try:
                    leads = self._state_at(address, token, 1) is not None
                    thread.answers, thread.seen = thread.answers + 1, thread.seen + leads
                except (OSError, http.client.HTTPException, ValueError):
                    time.sleep(0.01)

        thread = threading.Thread(target=ask, daemon=True)
        thread.seen, thread.answers = 0, 0
        thread.start()
        return thread

    def _state(self) -> dict:
        state = self._state_of(self.leader(), self.token())
        if state is None:
            raise Failure("the holder of the Lease does not lead")
        return state

    def conditions(self, node: str) -> list:
        state = self._state()
        return [text for known in state["nodes"] if known["name"] == node for text in known.get("conditions") or []]

    def expect_checks_of(self, namespace: str, others: set):
        """Each annotated Service defines one check with the name of the Service; others are in files."""
        services = {
            service["metadata"]["name"] for service in self._get("services", "-n", namespace)
            if any(key.startswith("ad.datadoghq.com/") for key in service["metadata"].get("annotations") or {})}
        if not services:
            raise Failure(f"there is no annotated Service in {namespace}")
        self._expected = services | others

    def all_placed_on(self, nodes: list):
        """Lines with each node's checks, if each check is on exactly one of these nodes and each has its share."""
        state = self._state()
        if state.get("warmup") or state.get("dangling"):
            return None
        held = {known["name"]: check_names(known) for known in state["nodes"] or []}
        everything = sorted(name for names in held.values() for name in names)
        used = {node for node, names in held.items() if names}
        if everything != sorted(self._expected) or not used <= set(nodes):
            return None
        return [f"{node}: {', '.join(names) or '–'}" for node, names in sorted(held.items())]

    def begin_pauses(self):
        self._pauses.begin()

    def longest_pause(self) -> tuple:
        """(seconds, check) of the longest interval between two runs of a check since `begin_pauses`."""
        return self._pauses.longest(self._expected)

    def lost_checks(self) -> list:
        """Checks that no node-agent had at some time since `begin_pauses`, though one had it before."""
        return self._pauses.lost(self._expected)

    @classmethod
    def _runs_at(cls, address: str) -> dict:
        return {check_name(check): runs for check, (runs, _) in cls._results(address, 1).items()}

    def placements(self) -> dict:
        """{check: node}"""
        nodes = self._state()["nodes"] or []
        return {check: known["name"] for known in nodes for check in check_names(known)}

    def all_run_on(self, nodes: list) -> bool:
        """Whether each check has run successfully where the leader placed it, on one of these nodes and nowhere else, since
        the first call after this was last true."""
        results, holders = {}, {}
        for pod in self.ready_pods("node-agent").values():
            if pod["spec"]["nodeName"] in nodes:
                for check, result in self._results(pod["status"]["podIP"]).items():
                    results[pod["metadata"]["name"], check] = result
                    holders.setdefault(check_name(check), []).append(pod["spec"]["nodeName"])
        if holders != {check: [node] for check, node in self.placements().items()} or set(holders) != self._expected:
            self._runs = {}
            return False
        if set(results) != set(self._runs):
            self._runs = {key: runs for key, (runs, _) in results.items()}
            return False
        if not all(is_up and runs > self._runs[key] for key, (runs, is_up) in results.items()):
            return False
        self._runs = {}
        return True

    @staticmethod
    def _results(address: str, timeout: float = 3) -> dict:
        """{check id: (runs, whether the last run succeeded)} of a node-agent."""
        connection = http.client.HTTPConnection(address, 5000, timeout=timeout)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        runs = dict(re.findall(r'^node_agent_check_runs_total\{check_id="([^"]+)".*\} (\S+)$', text, re.MULTILINE))
        up = dict(re.findall(r'^node_agent_check_up\{check_id="([^"]+)".*\} (\S+)$', text, re.MULTILINE))
        return {check: (float(runs.get(check, 0)), float(value) == 1) for check, value in up.items()}


def _ask(address: str, path: str, token: str, timeout: float) -> tuple:
    """(status, body) of a cluster-agent's response."""
    # pylint: disable-next=protected-access
    connection = http.client.HTTPSConnection(address, 5005, timeout=timeout, context=ssl._create_unverified_context())
    try:
        # Marked as forwarded: a follower answers for itself.
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "X-DCA-Follower-Forwarded": "true"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def check_name(check_id: str) -> str:
    """The instance name in a check ID, which is that of the Service: `front` in `http_check:front:8691be3776af3ced`."""
    return check_id.split(":")[1]


def check_names(node: dict) -> list:
    """The instance names of a node's configs, sorted."""
    configs = [known.get("config", known) for known in node.get("configs") or []]
    instances = [json.loads(base64.b64decode(text)) for config in configs for text in config["instances"]]
    return sorted(instance["name"] for instance in instances)
