"""One pod, from being bound to the node until it is removed: a kubelet's pod worker."""

import os
import shutil
import threading
import time
import traceback

from . import environment, podspec, probes
from .api import MERGE_PATCH, APIError
from .network import API_SERVICE, GATEWAY, PodNetwork
from .podstatus import ContainerRecord, is_ready, pod_status, timestamp
from .processes import ContainerProcess, foreign_paths
from .refusal import NotYet, Refusal
from .volumes import PodVolumes

_TICK = 0.1
# Seconds between two checks of the volumes, and of the files that processes have read.
_REFRESH = 10
_RETRY = 1
_HOSTS = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{}\n"
_RESOLVER = "search {0}.svc.cluster.local svc.cluster.local cluster.local\nnameserver {1}\noptions ndots:5\n"


class RunningContainer:
    """One container of the pod: its record, its process if it runs, and its probes."""

    def __init__(self, spec: dict):
        self.spec = spec
        self.record = ContainerRecord(spec["name"], spec["image"])
        self.process = None
        self.probes = None
        self.asked = {}
        self.start_at = 0.0
        self.kill_at = None
        self.starts = 0
        self.ends = 0

    def back_off(self, now: float):
        """The first restart is immediate; further ones wait 10, 20, 40, … 300 seconds."""
        self.ends += 1
        delay = 0 if self.ends == 1 else min(10 * 2 ** (self.ends - 2), 300)
        self.start_at = now + delay
        return delay


class PodWorker(threading.Thread):
    """Runs one pod. `update` passes it the object from the API server."""

    def __init__(self, node, pod: dict):
        metadata = pod["metadata"]
        super().__init__(daemon=True, name=f"{metadata['namespace']}/{metadata['name']}")
        self._node, self._pod = node, pod
        self._is_gone = False
        self._wake = threading.Event()
        self._folder = os.path.join(node.folder, "pods", metadata["uid"])
        self._address = ""
        self._network = None
        self._volumes = PodVolumes(pod, os.path.join(self._folder, "volumes"), node.client, node.allocatable, node.address)
        self._refreshing, self._refresh_at, self._look_at = None, 0.0, 0.0
        self._containers = [RunningContainer(spec) for spec in pod["spec"]["containers"]]
        self._since = timestamp()
        self._sent, self._told = None, set()
        self._continue_counts()

    def _continue_counts(self):
        """Containers of a previous runner ended with it: they are started again."""
        known = {status["name"]: status for status in (self._pod.get("status") or {}).get("containerStatuses") or []}
        for container in self._containers:
            status = known.get(container.spec["name"])
            if status and status.get("containerID"):
                container.record.restarts = status["restartCount"] + 1

    def update(self, pod):
        """`pod` is the object, or None if it no longer exists."""
        if pod is None:
            self._is_gone = True
        else:
            self._pod = pod
        self._wake.set()

    @property
    def _is_ending(self) -> bool:
        return self._is_gone or "deletionTimestamp" in self._pod["metadata"]

    def run(self):
        try:
            while not self._is_ending and not self._is_prepared():
                self._rest(_RETRY)
            while not self._is_ending:
                for container in self._containers:
                    self._tend(container)
                self._keep_volumes()
                self._look_for_foreign_files()
                self._report()
                self._rest(_TICK)
            self._end()
        except Exception:  # pylint: disable=broad-except
            # An error of the runner itself: report it. The pod stays as it is.
            self._node.log(f"{self.name}: {traceback.format_exc()}")

    def _rest(self, seconds: float):
        self._wake.wait(seconds)
        self._wake.clear()

    # Preparing

    def _is_prepared(self) -> bool:
        """One attempt at everything that precedes the containers."""
        try:
            podspec.check(self._pod, set(self._node.images))
            os.makedirs(os.path.join(self._folder, "volumes"), exist_ok=True)
            if not self._network:
                self._set_up_network()
            self._volumes.refresh(self._address)
            return True
        except Refusal as refusal:
            self._wait("Refused", str(refusal), "Refused")
        except NotYet as missing:
            self._wait("ContainerCreating", str(missing), "FailedMount")
        except (OSError, APIError) as error:
            self._wait("ContainerCreating", str(error), "FailedCreatePodSandBox")
        self._report()
        return False

    def _set_up_network(self):
        address = self._node.addresses.take()
        network = PodNetwork(f"p{address.replace('.', '-').removeprefix('10-244-')}", address)
        network.set_up()
        self._address, self._network = address, network
        metadata = self._pod["metadata"]
        for name, text in (
            ("hosts", _HOSTS.format(address, metadata["name"])), ("hostname", metadata["name"] + "\n"),
            ("resolv.conf", _RESOLVER.format(metadata["namespace"], GATEWAY)),
        ):
            with open(os.path.join(self._folder, name), "w", encoding="utf-8") as file:
                file.write(text)

    def _wait(self, reason: str, message: str, event: str):
        for container in self._containers:
            container.record.wait(reason, message)
        self._tell("Warning", event, message)

    def _tell(self, kind: str, reason: str, message: str):
        """Reports it once, in the log and as an Event."""
        if (reason, message) not in self._told:
            self._told.add((reason, message))
            self._node.tell(self._pod, kind, reason, message)

    # Containers

    def _tend(self, container: RunningContainer):
        now = time.monotonic()
        if container.process is None:
            if now >= container.start_at:
                self._start(container)
            return
        code = container.process.poll()
        if code is not None:
            self._take_end(container, code, now)
            return
        self._probe(container, now)
        if container.kill_at is not None and now >= container.kill_at:
            container.process.kill()
        elif container.kill_at is None and container.probes.must_restart:
            kind = container.probes.must_restart.removesuffix("Probe")
            self._node.tell(
                self._pod, "Normal", "Killing", f"Container {container.spec['name']} failed {kind} probe, will be restarted")
            container.process.terminate()
            container.kill_at = now + self._pod["spec"].get("terminationGracePeriodSeconds", 30)

    def _start(self, container: RunningContainer):
        container.starts += 1
        folder = os.path.join(self._folder, container.spec["name"], str(container.starts))
        os.makedirs(folder)
        try:
            container.process = ContainerProcess(self._describe(container.spec, folder), folder)
        except Refusal as refusal:
            container.record.wait("RunContainerError", str(refusal))
            self._tell("Warning", "Failed", f"Error: {refusal}")
            container.back_off(time.monotonic())
            return
        except NotYet as missing:
            container.record.wait("CreateContainerConfigError", str(missing))
            self._tell("Warning", "Failed", f"Error: {missing}")
            container.start_at = time.monotonic() + _RETRY
            return
        if container.ends:
            container.record.restarts += 1
        container.record.run(f"hollow://{self._pod['metadata']['uid']}/{container.spec['name']}/{container.starts}")
        container.probes = probes.ContainerProbes(container.spec, time.monotonic())
        container.record.take(container.probes.is_started, container.probes.is_ready)
        container.kill_at = None
        container.asked = {}
        self._node.tell(self._pod, "Normal", "Started", f"Started container {container.spec['name']}")

    def _describe(self, spec: dict, folder: str) -> dict:
        image = self._node.images[spec["image"]]
        around = environment.Surroundings(self._node.address, self._address, self._node.allocatable, self._node.key_of_object)
        service = environment.api_service(API_SERVICE, 443)
        variables = environment.environment(self._pod, spec, image["config"], service, around)
        uid, gid, groups = environment.user(self._pod, spec, image["config"])
        security = (self._pod["spec"].get("securityContext") or {}) | (spec.get("securityContext") or {})
        is_read_only = bool(security.get("readOnlyRootFilesystem"))
        mounts = [
            {"source": os.path.join(self._folder, name), "target": f"/etc/{name}", "readOnly": is_read_only}
            for name in ("hosts", "hostname", "resolv.conf")
        ]
        writable = {volume["name"] for volume in self._pod["spec"].get("volumes") or [] if "emptyDir" in volume}
        for mount in spec.get("volumeMounts") or []:
            read_only = bool(mount.get("readOnly")) or mount["name"] not in writable
            mounts.append({"source": self._volumes.path(mount["name"]), "target": mount["mountPath"], "readOnly": read_only})
        return {
            "image": image["root"], "network": self._network.path, "hostname": self._pod["metadata"]["name"][:63],
            "command": environment.command(spec, image["config"], variables), "environment": variables,
            "directory": spec.get("workingDir") or image["config"].get("WorkingDir") or "/",
            "uid": uid, "gid": gid, "groups": groups, "readOnly": is_read_only, "mounts": mounts,
            # Only RuntimeDefault reaches this point.
            "seccomp": "seccompProfile" in security, "log": os.path.join(folder, "log"),
        }

    def _take_end(self, container: RunningContainer, code: int, now: float):
        container.process = None
        container.record.end(code)
        self._report()
        self._node.log(f"{self.name}: container {container.spec['name']} ended with {code}")
        delay = container.back_off(now)
        container.record.remember()
        if delay:
            message = f"back-off {delay}s restarting failed container"
            container.record.wait("CrashLoopBackOff", message)
            self._tell("Warning", "BackOff", message)

    def _probe(self, container: RunningContainer, now: float):
        for name, answer in list(container.asked.items()):
            if answer.done():
                del container.asked[name]
                failure = answer.result()
                if failure:
                    self._tell("Warning", "Unhealthy", f"{name.removesuffix('Probe').capitalize()} probe failed: {failure}")
                container.probes.take(name, not failure, now)
        for name, probe in container.probes.due(now):
            if name not in container.asked:
                container.asked[name] = self._node.executor.submit(probes.carry_out, probe, container.spec, self._address)
        container.record.take(container.probes.is_started, container.probes.is_ready)

    # Upkeep while it runs

    def _keep_volumes(self):
        now = time.monotonic()
        if self._refreshing and self._refreshing.done():
            try:
                for name in self._refreshing.result():
                    self._node.log(f"{self.name}: volume {name} shows something new")
            except (NotYet, Refusal) as missing:
                self._tell("Warning", "FailedMount", str(missing))
            except (OSError, APIError) as error:
                self._node.log(f"{self.name}: volumes stay as they are: {error}")
            self._refreshing = None
        if not self._refreshing and now >= self._refresh_at:
            self._refresh_at = now + _REFRESH
            self._refreshing = self._node.executor.submit(self._volumes.refresh, self._address)

    def _look_for_foreign_files(self):
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _REFRESH
        for container in self._containers:
            if container.process and container.process.poll() is None:
                try:
                    found = foreign_paths(container.process.id, self._node.forbidden)
                except FileNotFoundError:
                    continue
                if found:
                    self._node.tell(self._pod, "Warning", "ForeignFile", f"the container uses {found[0]}")
                    container.process.kill()

    def _report(self):
        """Writes the status if it differs from the API server's."""
        if self._is_gone:
            return
        before = self._pod.get("status") or {}
        records = [container.record for container in self._containers]
        status = pod_status(records, before, self._node.address, self._address, self._since)
        # The node lifecycle controller writes readiness too.
        if status == self._sent and is_ready(before) == is_ready(status):
            return
        metadata = self._pod["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        try:
            self._node.client.request("PATCH", self._node.path_of(self._pod) + "/status", patch, MERGE_PATCH)
            self._sent = status
        except APIError as error:
            if error.status not in (404, 409):
                self._node.log(f"{self.name}: status not written: {error}")
        except OSError as error:
            self._node.log(f"{self.name}: status not written: {error}")

    # The end

    def _end(self):
        running = [container for container in self._containers if container.process]
        for container in running:
            self._node.tell(self._pod, "Normal", "Killing", f"Stopping container {container.spec['name']}")
            container.process.terminate()
        began = time.monotonic()
        while running:
            grace = 0 if self._is_gone else self._pod["metadata"].get("deletionGracePeriodSeconds", 30)
            for container in list(running):
                code = container.process.poll()
                if code is not None:
                    running.remove(container)
                    container.process = None
                    container.record.end(code)
                    took = time.monotonic() - began
                    self._node.log(f"{self.name}: container {container.spec['name']} ended with {code} after {took:.1f} s")
                elif time.monotonic() - began >= grace:
                    container.process.kill()
            self._rest(_TICK)
        self._report()
        if self._network:
            self._network.tear_down()
            self._node.addresses.give_back(self._address)
        # Keep logs, remove secrets.
        shutil.rmtree(os.path.join(self._folder, "volumes"), ignore_errors=True)
        self._delete()

    def _delete(self):
        """Deletes the object from the API server: nothing of the pod is left."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self._pod["metadata"]["uid"]}}
        while not self._is_gone:
            try:
                self._node.client.request("DELETE", self._node.path_of(self._pod), options)
                return
            except APIError as error:
                if error.status in (404, 409):
                    return
                self._node.log(f"{self.name}: not deleted: {error}")
            except OSError as error:
                self._node.log(f"{self.name}: not deleted: {error}")
            self._rest(_RETRY)
