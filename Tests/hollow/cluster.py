"""The cluster: the first process of its process namespace. When it ends, the kernel ends all others.

    python3 -m hollow.cluster CLUSTER_JSON

Starts the control plane and one runner per node. In its own threads it does what each node of a real cluster does: the
rules of the Services, and DNS.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from . import linux, names, network, policies, services
from .api import Client, Reflector


class Cluster:
    """The processes of one cluster. When one ends, all end."""

    def __init__(self, description: dict, path: str):
        self._path, self._folder = path, description["folder"]
        self._description = description
        self._essential = {}
        self._must_end = False

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "_must_end", True))
        self._prepare()
        self._start("control plane", [
            os.path.join(self._folder, "program", "setup", "control-plane"), os.path.join(self._folder, "plane"),
            f"--service-cluster-ip-range={network.SERVICE_RANGE}", f"--controllers={network.GATEWAY}",
            "--etcd-data=/run/etcd/data",
            # The port that NetworkPolicies allow.
            "--port=6443"])
        self._wait_for("plane/ready", 180)
        self._serve_network()
        for number in range(1, self._description["nodes"] + 1):
            self._start(f"node-{number}", [sys.executable, "-B", "-m", "hollow.node", self._path, str(number)])
        self._say("ready")
        with open(os.path.join(self._folder, "ready"), "w", encoding="ascii"):
            pass
        while not self._must_end:
            self._reap()
            time.sleep(0.2)
        return 0

    def _prepare(self):
        """Hides the checkout, and prepares the namespaces."""
        linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        linux.mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
        os.mkdir("/run/netns")
        # In memory: on a busy disk, each write would stop the whole cluster.
        os.mkdir("/run/etcd")
        for folder in self._description["forbidden"]:
            linux.mount("tmpfs", folder, "tmpfs", linux.MS_RDONLY, "mode=755")
        network.prepare(self._description["nodes"])

    def _say(self, text: str):
        print(f"cluster: {text}", file=sys.stderr, flush=True)

    def _start(self, name: str, command: list):
        if self._must_end:
            return
        log = os.path.join(self._folder, f"{name.replace(' ', '-')}.log")
        with open(log, "ab") as output:
            process = subprocess.Popen(command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self._essential[process.pid] = (name, log)
        with open(os.path.join(self._folder, f"{name.replace(' ', '-')}.pid"), "w", encoding="ascii") as file:
            file.write(str(process.pid))

    def _reap(self):
        """Reaps ended processes. Runners reap those of containers; orphans are reaped here."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            if process in self._essential:
                name, log = self._essential[process]
                with open(log, encoding="utf-8", errors="replace") as file:
                    self._say("".join(file.readlines()[-15:]))
                raise SystemExit(f"cluster: error: {name} ended with status {status}; the end of {log} is above")

    def _wait_for(self, name: str, seconds: float):
        deadline = time.monotonic() + seconds
        while not os.path.exists(os.path.join(self._folder, name)) and not self._must_end:
            self._reap()
            if time.monotonic() > deadline:
                raise SystemExit(f"cluster: error: there is no {name} after {seconds} seconds; see the logs in {self._folder}")
            time.sleep(0.1)

    def _serve_network(self):
        if self._must_end:
            return
        client = Client(os.path.join(self._folder, "plane", "kubeconfig.json"))
        known = Known(client, ["api/v1/services", "api/v1/endpoints"], services.ruleset, self._say)
        known.start()
        policed = ["apis/networking.k8s.io/v1/networkpolicies", "api/v1/pods", "api/v1/namespaces"]
        Known(client, policed, policies.ruleset, self._say).start()

        def resolve(name: str):
            return names.addresses(name, *known.objects())

        for server in names.servers(network.GATEWAY, resolve):
            threading.Thread(target=server.serve_forever, daemon=True).start()


class Known(threading.Thread):
    """Watches objects of some kinds, and loads the nftables rules for them after each change."""

    def __init__(self, client: Client, paths: list, ruleset, say):
        super().__init__(daemon=True, name=paths[0])
        self._changed, self._ruleset, self._say = threading.Event(), ruleset, say
        self._reflectors = [Reflector(client, f"/{path}", self._changed.set, say) for path in paths]

    def objects(self) -> list:
        return [reflector.objects for reflector in self._reflectors]

    def run(self):
        loaded = None
        for reflector in self._reflectors:
            reflector.start()
        while True:
            self._changed.wait()
            self._changed.clear()
            # Load nothing until all lists are known, so that nothing is refused by mistake.
            if not all(reflector.synced for reflector in self._reflectors):
                continue
            rules = self._ruleset(*self.objects())
            if rules == loaded:
                continue
            try:
                services.load(rules)
                loaded = rules
            except subprocess.CalledProcessError as error:
                self._say(f"nft refused rules: {error.stderr}\n{rules}")


def main(path: str) -> int:
    linux.signal_at_end_of_parent(signal.SIGKILL)
    with open(path, encoding="utf-8") as file:
        return Cluster(json.load(file), path).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
