"""One node: its Node object, its Lease, and the workers of the pods that are bound to it.

    python3 -m hollow.node CLUSTER_JSON NUMBER
"""

import base64
import datetime
import json
import os
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from . import logs
from .api import MERGE_PATCH, APIError, Client, Reflector
from .network import NODE_ADDRESS, Addresses, pod_range
from .podstatus import timestamp
from .podworker import PodWorker

# The intervals of a kubelet.
_HEARTBEAT, _LEASE_SECONDS = 10, 40
_CAPACITY = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "20Gi", "pods": "110"}


class Node:
    """State that the pods of a node share."""

    def __init__(self, cluster: dict, number: int):
        self.name, self.number = f"node-{number}", number
        self.address = NODE_ADDRESS.format(number + 10)
        self.folder = os.path.join(cluster["folder"], "nodes", self.name)
        self.images, self.forbidden = cluster["images"], cluster["forbidden"]
        self.allocatable = _CAPACITY
        self.client = Client(os.path.join(cluster["folder"], "plane", "kubeconfig.json"))
        self.addresses = Addresses(number)
        self.executor = ThreadPoolExecutor(max_workers=16)

    def log(self, text: str):
        print(f"{timestamp()} {self.name} {text}", flush=True)

    @staticmethod
    def path_of(pod: dict) -> str:
        metadata = pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"

    def tell(self, pod: dict, kind: str, reason: str, message: str):
        """Writes a log line and an Event about a pod. Failure to write the Event is logged."""
        metadata = pod["metadata"]
        self.log(f"{metadata['namespace']}/{metadata['name']}: {reason}: {message}")
        event = {
            "metadata": {"name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]},
            "type": kind, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": timestamp(), "lastTimestamp": timestamp(),
            "source": {"component": "kubelet", "host": self.name},
        }
        try:
            self.client.request("POST", f"/api/v1/namespaces/{metadata['namespace']}/events", event)
        except (OSError, APIError) as error:
            self.log(f"Event not written: {error}")

    def key_of_object(self, kind: str, namespace: str, name: str, key: str):
        found = self.client.get_or_none(f"/api/v1/namespaces/{namespace}/{kind.lower()}s/{name}") or {}
        text = (found.get("data") or {}).get(key)
        return text if text is None or kind != "secret" else base64.b64decode(text).decode()


def node_object(node: Node) -> dict:
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": {
                "kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": f"zone-{node.number}",
            },
        },
        "spec": {"podCIDR": pod_range(node.number), "podCIDRs": [pod_range(node.number)]},
    }


def node_status(node: Node, before: dict) -> dict:
    """The status of a healthy node. Unchanged conditions keep their transition time."""
    times = {(known["type"], known["status"]): known["lastTransitionTime"] for known in before.get("conditions") or []}
    conditions = []
    for kind, value, reason in (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory"), ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID"), ("Ready", "True", "KubeletReady"),
    ):
        changed = times.get((kind, value), timestamp())
        conditions.append({
            "type": kind, "status": value, "reason": reason, "message": "the pod runner of the hollow cluster is well",
            "lastHeartbeatTime": timestamp(), "lastTransitionTime": changed})
    return {
        "capacity": _CAPACITY, "allocatable": node.allocatable, "conditions": conditions,
        # No host name: it could not be resolved.
        "addresses": [{"type": "InternalIP", "address": node.address}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": logs.PORT}},
        "nodeInfo": {
            "architecture": "amd64", "operatingSystem": "linux", "osImage": "hollow", "kernelVersion": os.uname().release,
            "containerRuntimeVersion": "hollow://1", "kubeletVersion": "v1.20.2", "kubeProxyVersion": "v1.20.2",
            "bootID": node.name, "machineID": node.name, "systemUUID": node.name,
        },
    }


class Heartbeat(threading.Thread):
    """Sends the node's heartbeats: renews its Lease every 10 seconds, and corrects its status if needed."""

    def __init__(self, node: Node):
        super().__init__(daemon=True, name="heartbeat")
        self._node = node

    def register(self):
        try:
            self._node.client.request("POST", "/api/v1/nodes", node_object(self._node))
        except APIError as error:
            if error.status != 409:
                raise
        self._beat()

    def run(self):
        while True:
            time.sleep(_HEARTBEAT)
            try:
                self._beat()
            except (OSError, APIError) as error:
                self._node.log(f"heartbeat: {error}")

    def _beat(self):
        self._renew_lease()
        path = f"/api/v1/nodes/{self._node.name}"
        before = self._node.client.get(path).get("status") or {}
        status = node_status(self._node, before)
        if _essence(status) != _essence(before):
            self._node.client.request("PATCH", f"{path}/status", {"status": status}, MERGE_PATCH)

    def _renew_lease(self):
        leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        name = self._node.name
        now = datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": name, "leaseDurationSeconds": _LEASE_SECONDS, "renewTime": now}
        try:
            self._node.client.request("PATCH", f"{leases}/{name}", {"spec": spec}, MERGE_PATCH)
        except APIError as error:
            if error.status != 404:
                raise
            self._node.client.request("POST", leases, {"metadata": {"name": name}, "spec": spec})


def _essence(status: dict) -> tuple:
    return sorted((known["type"], known["status"]) for known in status.get("conditions") or []), status.get("capacity")


class Workers:
    """One worker per pod of the node, by uid."""

    def __init__(self, node: Node):
        self._node, self._workers = node, {}
        self._changed = threading.Event()
        path = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node.name}"
        self._pods = Reflector(node.client, path, self._changed.set, node.log)

    def run(self):
        self._pods.start()
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._pods.synced:
                self._reconcile(self._pods.objects)

    def folder_of(self, namespace: str, pod: str, container: str):
        """The folder with the starts of a container, or None if the pod is not on this node."""
        found = self._pods.objects.get(f"{namespace}/{pod}")
        return found and os.path.join(self._node.folder, "pods", found["metadata"]["uid"], container)

    def _reconcile(self, pods: dict):
        bound = {pod["metadata"]["uid"]: pod for pod in pods.values()}
        for uid, pod in bound.items():
            if uid not in self._workers:
                self._node.log(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}: bound to this node")
                self._workers[uid] = PodWorker(self._node, pod)
                self._workers[uid].start()
            else:
                self._workers[uid].update(pod)
        for uid in [uid for uid in self._workers if uid not in bound]:
            self._workers.pop(uid).update(None)


def main(path: str, number: int):
    with open(path, encoding="utf-8") as file:
        node = Node(json.load(file), number)
    os.makedirs(os.path.join(node.folder, "pods"), exist_ok=True)
    workers = Workers(node)
    # Its certificate is not verified.
    pki = os.path.join(os.path.dirname(path), "plane", "pki", "apiserver")
    logs.serve(node.address, f"{pki}.crt", f"{pki}.key", workers.folder_of)
    heartbeat = Heartbeat(node)
    heartbeat.register()
    node.log("ready")
    heartbeat.start()
    workers.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
