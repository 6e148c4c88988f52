"""How long checks pause: the effect on users of whatever happens to a cluster."""

import http.client
import threading
import time

from .api import APIError


class Pauses:
    """The longest interval between two runs of each check, on any node, and checks that no node-agent held for a while. Pure."""

    def __init__(self):
        self._counts = {}
        self._last, self._longest = {}, {}
        self._held, self._watched, self._lost = set(), set(), set()

    def take(self, place: str, counts: dict, now: float):
        """Records the state of one node-agent: {check: runs}. A changed count means a run; on a new node it starts at 0."""
        for check, runs in counts.items():
            if runs and self._counts.get((place, check)) != runs:
                self._counts[place, check] = runs
                self._end_pause(check, now)

    def _end_pause(self, check: str, now: float):
        if check in self._last:
            self._longest[check] = max(self._longest.get(check, 0), now - self._last[check])
        self._last[check] = now

    def hold(self, checks: set):
        """Records the checks that all node-agents together hold, once all have answered."""
        self._held = checks
        self._lost |= self._watched - checks

    def begin(self):
        """Forgets ended pauses and lost checks. Pauses that are not over keep their beginning."""
        self._longest = {}
        self._watched, self._lost = self._held, set()

    def lost(self, checks: set) -> list:
        """Those of these checks that were held at the beginning and later were not."""
        return sorted(self._lost & checks)

    def longest(self, checks: set, now: float) -> tuple:
        """(seconds, check) of the longest pause of these checks, including pauses that are not over; (0, "") if none has run."""
        found = [
            (max(self._longest.get(check, 0), now - self._last[check]), check) for check in sorted(checks) if check in self._last]
        return max(found, default=(0.0, ""))


class PauseWatch(threading.Thread):
    """Polls all node-agents continuously."""

    def __init__(self, client, namespace: str, runs_at):
        """`runs_at(address)` returns {check: runs} of a node-agent in the namespace."""
        super().__init__(daemon=True, name="pauses")
        self._client, self._pods, self._runs_at = client, f"/api/v1/namespaces/{namespace}/pods", runs_at
        self._pauses, self._lock = Pauses(), threading.Lock()

    def begin(self):
        with self._lock:
            self._pauses.begin()

    def longest(self, checks: set) -> tuple:
        with self._lock:
            return self._pauses.longest(checks, time.monotonic())

    def lost(self, checks: set) -> list:
        with self._lock:
            return self._pauses.lost(checks)

    def run(self):
        while True:
            try:
                pods = self._client.get(self._pods)["items"]
            except (OSError, APIError):
                pods = []
            agents = [pod for pod in pods if pod["metadata"]["labels"].get("app.kubernetes.io/component") == "node-agent"]
            answers = [self._ask(pod["metadata"]["uid"], (pod.get("status") or {}).get("podIP")) for pod in agents]
            if answers and None not in answers:
                with self._lock:
                    self._pauses.hold({check for runs in answers for check in runs})
            time.sleep(0.5)

    def _ask(self, place: str, address):
        """The runs of a node-agent, or None if it does not answer."""
        try:
            runs = self._runs_at(address) if address else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        if runs is not None:
            with self._lock:
                self._pauses.take(place, runs, time.monotonic())
        return runs
