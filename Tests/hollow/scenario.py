"""Takes a hollow cluster through operations and failures, and reports how long each took.

    python3 -m hollow.scenario --image=NAME=FOLDER --manifests=FOLDER [--transcript=FILE] [--namespace=NAME]

What runs is what the Helm chart renders, in a namespace of another name than the one in `manifests/base`.

Prints one line per step, `PASSED step: …` or `FAILED step: …`. Stops at the first failed step, and fails.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback

from .observer import Failure, Observer, times, within

_REFUSED_POD = """
apiVersion: v1
kind: Pod
metadata: {name: refused, namespace: default}
spec:
  enableServiceLinks: false
  initContainers: [{name: first, image: cluster-agent:0.1.0}]
  containers: [{name: second, image: cluster-agent:0.1.0}]
"""
_SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: mail
  namespace: shop
  annotations:
    ad.datadoghq.com/service.checks: |
      {"tcp_check": {"instances": [{"name": "mail", "host": "%%host%%", "port": "%%port%%", "min_collection_interval": 5}]}}
spec:
  selector: {app.kubernetes.io/name: shop}
  ports: [{port: 25, targetPort: https}]
"""
_UNPLACED = """
apiVersion: v1
kind: Service
metadata:
  name: cache
  namespace: default
  annotations:
    ad.datadoghq.com/service.checks: |
      {"redisdb": {"instances": [{"host": "%%host%%", "port": "%%port%%"}]}}
spec:
  ports: [{port: 6379}]
"""


class Scenario:
    """The steps, in order. Each asserts, and writes to the transcript."""

    def __init__(self, observer: Observer, manifests: str, namespace: str, transcript):
        self._observer, self._manifests, self._namespace = observer, manifests, namespace
        self._transcript = transcript
        # The name of the check in manifests/demo/values.yaml.
        self._in_files = {"api-server"}

    def run(self):
        for step in (
            self.refuses_by_name, self.waits_for_the_secret, self.comes_up, self.runs_the_checks,
            self.obeys_operators, self.takes_a_new_token, self.is_upgraded,
            self.loses_the_leader, self.restarts, self.is_cordoned, self.is_drained, self.loses_a_node, self.gets_the_node_back,
            self.used_the_image_alone,
        ):
            name = step.__name__.replace("_", " ")
            self._say(f"\n### {name.capitalize()}\n")
            begun = time.monotonic()
            self._observer.begin_pauses()
            try:
                result = step() + self._pause_of(step)
            except Exception as error:
                print(f"FAILED {name}: after {time.monotonic() - begun:.0f} s: {error}", flush=True)
                raise Failure(name) from error
            print(f"PASSED {name}: {result} ({time.monotonic() - begun:.0f} s)", flush=True)
            self._say(f"\n{result[0].upper()}{result[1:]}.")

    def _pause_of(self, step) -> str:
        """The effect of the step on the checks, which run every 5 seconds."""
        seconds, check = self._observer.longest_pause()
        lost = self._observer.lost_checks()
        if lost and step in (self.takes_a_new_token, self.loses_the_leader, self.is_cordoned):
            raise Failure(f"no node-agent was touched, and for a time none had the checks {', '.join(lost)}")
        return f"; the longest time between two runs of a check was {seconds:.1f} s" if check else ""

    # The transcript

    def _say(self, text: str):
        self._transcript.write(text + "\n")
        self._transcript.flush()

    def _show(self, command: str, most: int = 30):
        """Runs a command line with kubectl, and shows it and its output."""
        output = self._observer.shell(command, self._manifests)
        self._say("\n".join(["```", f"$ {command}", *_shortened(output, most), "```"]))

    def _show_in_pod(self, *command: str, most: int = 18):
        """Runs a program of the image in the leader's pod, and shows it and its output."""
        pod = self._observer.leader()
        output = self._observer.run_in_pod(pod, *command)
        self._say("\n".join(["```", f"$ exec {pod} {' '.join(command)}", *_shortened(output, most), "```"]))

    def _settled(self, nodes: list, limit: float, since: float) -> str:
        """Waits until every check is placed on these nodes and runs there; reports when."""
        placed = within(limit, "every check is placed once", lambda: self._observer.all_placed_on(nodes))
        at = time.monotonic() - since
        within(60, "every check runs where it was placed, with success", lambda: self._observer.all_run_on(nodes))
        running = time.monotonic() - since
        self._say("\n".join(["```", *placed, "```"]))
        return f"every check was placed after {at:.1f} s and had run with success after {running:.1f} s"

    def _replicas(self, limit: float) -> float:
        begun = time.monotonic()
        within(limit, "two replicas are ready", lambda: len(self._observer.ready_pods("cluster-agent")) == 2)
        return time.monotonic() - begun

    # The steps

    def refuses_by_name(self) -> str:
        self._observer.kubectl_with(_REFUSED_POD, "apply", "-f", "-")
        message = within(20, "the Pod is refused", lambda: self._observer.waiting("refused", "default").get("Refused"))
        if "initContainers" not in message:
            raise Failure(f"the refusal does not name the field: {message}")
        self._observer.kubectl("delete", "pod", "refused", "--wait=true", "--timeout=30s")
        return f"a Pod with an init container waits with '{message}'"

    def waits_for_the_secret(self) -> str:
        self._show(
            f"helm install cluster-agent manifests/chart -n {self._namespace} --create-namespace --values manifests/demo/values.yaml")

        def reasons():
            found = [self._observer.waiting(name) for name in self._observer.pods()]
            return found if len(found) == 5 and all("ContainerCreating" in one for one in found) else None

        messages = {message for one in within(30, "five pods wait", reasons) for message in one.values()}
        if not all('secret "cluster-agent" not found' in message for message in messages):
            raise Failure(f"a pod waits for something else: {messages}")
        self._show(f"kubectl -n {self._namespace} get pods -o wide")
        self._show(f"kubectl -n {self._namespace} get events --field-selector reason=FailedMount")
        return "without the Secret all five pods wait, and say for what"

    def comes_up(self) -> str:
        begun = time.monotonic()
        self._show(f"docker run --rm cluster-agent:0.1.0 secret --namespace {self._namespace} | kubectl create -f -")
        self._replicas(60)
        replicas = time.monotonic() - begun
        within(60, "three node-agents are ready", lambda: len(self._observer.ready_pods("node-agent")) == 3)
        everything = time.monotonic() - begun
        self._show(f"kubectl -n {self._namespace} get pods -o wide")
        return f"two replicas were ready {replicas:.1f} s and three node-agents {everything:.1f} s after the Secret was there"

    def runs_the_checks(self) -> str:
        begun = time.monotonic()
        self._show("kubectl apply -f manifests/demo/shop.yaml")
        within(60, "the shop is ready", lambda: len(self._observer.ready_pods("shop", "shop")) == 2)
        self._observer.expect_checks_of("shop", self._in_files)
        text = self._settled(self._observer.nodes(), 90, begun)
        self._show(f"kubectl -n {self._namespace} describe lease cluster-agent")
        self._show_in_pod("cluster-agent", "clusterchecks")
        return text

    def obeys_operators(self) -> str:
        """What no node-agent can run, why a check is where it is, and what an operator wants of it."""
        observer = self._observer
        observer.kubectl_with(_UNPLACED, "apply", "-f", "-")
        events = ("-n", "default", "get", "events", "--field-selector", "reason=CheckNotPlaced")
        within(30, "an Event says why", lambda: "no node-agent runs redisdb" in observer.kubectl(*events))
        self._show("kubectl " + " ".join(events))
        observer.kubectl("delete", "service", "cache")
        placed = json.loads(observer.run_in_pod(observer.leader(), "cluster-agent", "clusterchecks", "--json"))["nodes"]
        node = next(one for one in placed if one["configs"])
        check, name = node["configs"][0]["instance_ids"][0], node["name"]
        other = next(one["name"] for one in placed if one["name"] != name)
        for command in (
            ("explain", "--checkID", check), ("rebalance", "--dry-run"), ("simulate", "--remove-node", name),
            ("pin", "--checkID", check, "--node", other), ("explain", "--checkID", check), ("unpin", "--checkID", check),
            ("isolate", "--checkID", check), ("unisolate", "--checkID", check),
            ("drain", "--node", other), ("uncordon", "--node", other),
            ("pause", "--checkID", check),
        ):
            self._show_in_pod("cluster-agent", "clusterchecks", *command)
        self._show(f"kubectl -n {self._namespace} get configmap cluster-agent-intent -o yaml")
        self._show_in_pod("cluster-agent", "clusterchecks", "resume", "--checkID", check)
        self._show_in_pod("cluster-agent", "clusterchecks", "history", "--since", "1m", most=40)
        return self._settled(observer.nodes(), 60, time.monotonic())

    def takes_a_new_token(self) -> str:
        restarts = self._observer.restarts()
        begun = time.monotonic()
        self._show(
            "docker run --rm cluster-agent:0.1.0 secret --renew token"
            f" | kubectl -n {self._namespace} patch secret cluster-agent --patch-file /dev/stdin")
        token = self._observer.token("token")
        within(120, "the replicas take the new token", lambda: self._observer.accepts(token))
        took = time.monotonic() - begun
        # Longer than the expiration timeout of a node-agent.
        self._settled(self._observer.nodes(), 60, begun)
        if self._observer.restarts() != restarts:
            raise Failure(f"containers were restarted: {restarts} became {self._observer.restarts()}")
        return f"both replicas took the changed token after {took:.1f} s, and nothing was restarted"

    def is_upgraded(self) -> str:
        """A config file of the release changes, and nothing else: the kubelet replaces it where it is."""
        before = self._lasting()
        begun = time.monotonic()
        self._show(
            "sed s/api-server/kubernetes/ manifests/demo/values.yaml"
            f" | helm upgrade cluster-agent manifests/chart -n {self._namespace} --values -", most=4)
        self._in_files = {"kubernetes"}
        self._observer.expect_checks_of("shop", self._in_files)
        text = self._settled(self._observer.nodes(), 120, begun)
        if self._lasting() != before:
            raise Failure(f"more than the config file has changed: {before} became {self._lasting()}")
        return f"the check in the file has its new name; no pod was replaced or restarted, and the Secret is the same; {text}"

    def _lasting(self) -> tuple:
        """The pods with their restarts, and the version of the Secret."""
        version = ("get", "secret", "cluster-agent", "-o", "jsonpath={.metadata.resourceVersion}")
        return self._observer.restarts(), self._observer.kubectl("-n", self._namespace, *version)

    def loses_the_leader(self) -> str:
        before = self._observer.leader()
        begun = time.monotonic()
        self._show(f"kubectl -n {self._namespace} delete pod {before} --wait=false")
        after = within(60, "another replica leads", lambda: self._observer.other_leader(before))
        led = time.monotonic() - begun
        text = self._settled(self._observer.nodes(), 90, begun)
        self._replicas(60)
        self._show(f"kubectl -n {self._namespace} get pods -o wide")
        return f"{after} led {led:.1f} s after {before} was deleted; {text}"

    def restarts(self) -> str:
        begun = time.monotonic()
        self._show(f"kubectl -n {self._namespace} rollout restart deployment/cluster-agent daemonset/node-agent")
        for name in ("deployment/cluster-agent", "daemonset/node-agent"):
            self._observer.kubectl("-n", self._namespace, "rollout", "status", name, "--timeout=180s")
        took = time.monotonic() - begun
        within(60, "one replica leads", lambda: self._observer.other_leader(""))
        text = self._settled(self._observer.nodes(), 90, begun)
        self._show(f"kubectl -n {self._namespace} get pods -o wide")
        return f"both workloads were new after {took:.0f} s; {text}"

    def is_cordoned(self) -> str:
        """The leader's node gets no new checks and keeps its own."""
        observer = self._observer
        node = observer.node_of(observer.leader())
        before = observer.placements()
        self._show(f"kubectl cordon {node}")
        conditions = within(30, "the leader knows of it", lambda: observer.conditions(node))
        begun = time.monotonic()
        observer.kubectl_with(_SERVICE, "apply", "-f", "-")
        observer.expect_checks_of("shop", self._in_files)
        text = self._settled(observer.nodes(), 60, begun)
        after = observer.placements()
        if after.pop("mail") == node or after != before:
            raise Failure(f"{node} is cordoned; the checks were on {before}, and with a new one on {observer.placements()}")
        return f"the leader says of {node}: {', '.join(conditions)}; a new check went elsewhere and the others stayed; {text}"

    def is_drained(self) -> str:
        """The leader is evicted from its node; the node-agent stays, as pods of a DaemonSet do."""
        before = self._observer.leader()
        node = self._observer.node_of(before)
        begun = time.monotonic()
        self._show(f"kubectl drain {node} --ignore-daemonsets --timeout=120s")
        within(60, "another replica leads", lambda: self._observer.other_leader(before))
        led = time.monotonic() - begun
        within(60, "two replicas are ready on other nodes", lambda: len(self._observer.ready_pods("cluster-agent", but_not_on=node)) == 2)
        text = self._settled(self._observer.nodes(), 90, begun)
        self._show(f"kubectl uncordon {node}")
        self._observer.kubectl("-n", "shop", "delete", "service", "mail")
        self._observer.expect_checks_of("shop", self._in_files)
        self._settled(self._observer.nodes(), 60, begun)
        return f"another replica led after {led:.1f} s; {text}"

    def loses_a_node(self) -> str:
        """The worst case: the node of the leader. Its Lease expires, and so does the node's."""
        leader = self._former = self._observer.leader()
        self._silent = self._observer.node_of(leader)
        others = [name for name in self._observer.nodes() if name != self._silent]
        begun = time.monotonic()
        self._observer.silence(self._silent)
        self._say(f"\nEverything on {self._silent}, where the leader runs, is frozen, and its links are down.\n")
        observer = self._observer
        took = times(150, {
            "another replica led": lambda: observer.other_leader(leader),
            "every check was placed on the other nodes": lambda: observer.all_placed_on(others),
            "every check had run there with success": lambda: observer.all_run_on(others),
            f"{self._silent} was NotReady": lambda: self._silent not in observer.ready_nodes(),
            "two replicas were ready on other nodes":
                lambda: len(observer.ready_pods("cluster-agent", but_not_on=self._silent)) == 2,
        })
        self._settled(others, 60, begun)
        self._show("kubectl get nodes")
        self._show(f"kubectl -n {self._namespace} get pods -o wide")
        return "; ".join(f"{what} after {seconds:.1f} s" for what, seconds in took.items())

    def gets_the_node_back(self) -> str:
        begun = time.monotonic()
        former = self._observer.never_leads(self._former, 15)
        self._observer.wake(self._silent)
        within(60, "the node is ready", lambda: self._silent in self._observer.ready_nodes())
        text = self._settled(self._observer.nodes(), 120, begun)
        self._replicas(60)
        within(60, "what was evicted is gone", lambda: len(self._observer.pods()) == 5)
        self._show(f"kubectl -n {self._namespace} get pods -o wide")
        former.join()
        if former.seen:
            raise Failure(f"{self._former}, which led before, answered as leader {former.seen} times after it woke")
        self._show(f"kubectl -n {self._namespace} get events --field-selector reason=LeaderElection")
        self._show_in_pod("cluster-agent", "clusterchecks", "history", "--since", "10m", most=80)
        return f"{text}; the replica that led before answered {former.answers} times, never as leader"

    def used_the_image_alone(self) -> str:
        found = self._observer.kubectl("get", "events", "-A", "--field-selector", "reason=ForeignFile", "-o", "name")
        if found.strip():
            raise Failure(f"a container used files of the checkout: {found}")
        restarts = self._observer.restarts()
        if any(restarts.values()):
            raise Failure(f"containers were restarted: {restarts}")
        return "no container had a file of the checkout open, mapped or mounted, and none had to be restarted"


def _shortened(output: str, most: int) -> list:
    """Lines to show: no warnings, without the two empty columns of `-o wide`, and not too many."""
    lines = [line for line in output.strip("\n").split("\n") if not line.startswith("# Warning:")]
    lines = [re.sub(r" +(NOMINATED NODE +READINESS GATES|<none> +<none>)$", "", line).rstrip() for line in lines]
    return lines[:most] + ([f"… {len(lines) - most} more lines"] if len(lines) > most else [])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scenario", allow_abbrev=False)
    parser.add_argument("--image", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--manifests", required=True, help="the folder `manifests` of the checkout")
    parser.add_argument("--namespace", default="observability")
    parser.add_argument("--transcript", default="/dev/null", help="where to write what was done and seen, as Markdown")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cluster")
    with tempfile.TemporaryDirectory(prefix="hollow-scenario.", dir="/var/tmp") as parent:
        folder = os.path.join(parent, "cluster")
        log = os.path.join(parent, "cluster.log")
        with open(log, "wb") as output:
            cluster = subprocess.Popen([program, f"--folder={folder}", f"--image={options.image}"], stdout=output, stderr=output)
        try:
            return drive(options, folder, log, cluster)
        finally:
            cluster.terminate()
            cluster.wait()


def drive(options: argparse.Namespace, folder: str, log: str, cluster: subprocess.Popen) -> int:
    def is_ready() -> bool:
        if cluster.poll() is not None:
            with open(log, encoding="utf-8") as file:
                raise Failure(f"the cluster ended: {file.read()}")
        return os.path.exists(os.path.join(folder, "ready"))

    try:
        # The first run builds the control plane.
        within(3600, "the cluster is ready", is_ready)
        observer = Observer(folder, options.namespace, helm())
        within(60, "three nodes are ready", lambda: len(observer.ready_nodes()) == 3)
        with open(options.transcript, "w", encoding="utf-8") as transcript:
            Scenario(observer, options.manifests, options.namespace, transcript).run()
        return 0
    except Failure:
        traceback.print_exc()
        show_logs(folder)
        return 1


def helm() -> list:
    """The command that stands for `helm`."""
    here = os.path.dirname(os.path.abspath(__file__))
    tools = subprocess.run([os.path.join(here, "..", "setup", "manifest-tools")], check=True, stdout=subprocess.PIPE, text=True)
    return [tools.stdout.split()[-1], "-B", os.path.join(here, "helm.py")]


def show_logs(folder: str):
    """The ends of all logs, since the folder is deleted."""
    for parent, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if name.endswith("log") and not parent.endswith("plane"):
                with open(os.path.join(parent, name), encoding="utf-8", errors="replace") as file:
                    print(f"== {os.path.join(parent, name)}\n{''.join(file.readlines()[-25:])}")


if __name__ == "__main__":
    sys.exit(main())
