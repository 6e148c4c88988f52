"""The status of a Pod, derived from its containers. Pure."""

import time


class ContainerRecord:
    """The runner's record of one container of a pod."""

    def __init__(self, name: str, image: str):
        self.name, self.image = name, image
        self.state = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state = {}
        self.restarts = 0
        self.is_started = False
        self.is_ready = False
        self.identity = ""

    def wait(self, reason: str, message: str = ""):
        self.state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}

    def run(self, identity: str):
        self.state = {"running": {"startedAt": timestamp()}}
        self.identity = identity

    def take(self, is_started: bool, is_ready: bool):
        self.is_started, self.is_ready = is_started, is_ready

    def end(self, exit_code: int):
        """The container has ended. 137 means that it was killed."""
        started = (self.state.get("running") or {}).get("startedAt", timestamp())
        ended = {"exitCode": exit_code, "reason": "Completed" if exit_code == 0 else "Error"}
        ended |= {"startedAt": started, "finishedAt": timestamp(), "containerID": self.identity}
        self.state = {"terminated": ended}
        self.take(False, False)

    def remember(self):
        """It is about to be restarted: its state becomes its last state."""
        self.last_state = {"terminated": self.state["terminated"]}

    def status(self) -> dict:
        status = {
            "name": self.name, "image": self.image, "imageID": self.image, "state": self.state, "lastState": self.last_state,
            "restartCount": self.restarts, "started": self.is_started, "ready": self.is_ready,
        }
        return status | ({"containerID": self.identity} if self.identity else {})


def timestamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def pod_status(records: list, before: dict, host_address: str, pod_address: str, started: str) -> dict:
    """The fields of `status` that a kubelet owns. `before` is the status in the API server: an unchanged condition keeps its
    transition time."""
    has_begun = all(record.last_state or "waiting" not in record.state for record in records)
    ready = all(record.is_ready for record in records)
    unready = [record.name for record in records if not record.is_ready]
    why = {} if ready else {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(unready)}]"}
    conditions = [
        _condition("Initialized", True, {}, before), _condition("Ready", ready, why, before),
        _condition("ContainersReady", ready, why, before), _condition("PodScheduled", True, {}, before),
    ]
    status = {
        "phase": "Running" if has_begun else "Pending", "conditions": conditions, "hostIP": host_address, "startTime": started,
        "containerStatuses": [record.status() for record in records], "reason": None, "message": None,
    }
    if pod_address:
        status |= {"podIP": pod_address, "podIPs": [{"ip": pod_address}]}
    return status


def _condition(kind: str, is_true: bool, why: dict, before: dict) -> dict:
    status = "True" if is_true else "False"
    for known in before.get("conditions") or []:
        if known["type"] == kind and known["status"] == status:
            return {"type": kind, "status": status, "lastTransitionTime": known["lastTransitionTime"]} | why
    return {"type": kind, "status": status, "lastTransitionTime": timestamp()} | why


def is_ready(status: dict) -> bool:
    return any(known["type"] == "Ready" and known["status"] == "True" for known in status.get("conditions") or [])
