"""Probes: the combined result of a container's probes (pure), and how one is run."""

import http.client
import socket
import ssl


class ProbeState:
    """One probe of one running container."""

    def __init__(self, probe: dict, started: float, initially: bool):
        self.probe = probe
        self.good = initially
        self._next = started + probe.get("initialDelaySeconds", 0)
        self._streak_of, self._streak = initially, 0

    def is_due(self, now: float) -> bool:
        return now >= self._next

    def begin(self, now: float):
        """Records that a probe runs now; the next one runs a period later."""
        self._next = now + self.probe.get("periodSeconds", 10)

    def take(self, good: bool) -> bool:
        """Counts one result; True if the threshold of equal results in a row is reached, and `good` is now that result."""
        self._streak = self._streak + 1 if good == self._streak_of else 1
        self._streak_of = good
        threshold = self.probe.get("successThreshold", 1) if good else self.probe.get("failureThreshold", 3)
        if self._streak < threshold:
            return False
        self.good = good
        return True


class ContainerProbes:
    """The three probes of a running container: liveness and readiness wait until the startup probe has succeeded."""

    def __init__(self, container: dict, started: float):
        self._container = container
        self._states = {}
        self.is_started = not container.get("startupProbe")
        self.is_ready = self.is_started and not container.get("readinessProbe")
        self.must_restart = None
        if self.is_started:
            self._start_others(started)
        else:
            self._states["startupProbe"] = ProbeState(container["startupProbe"], started, False)

    def _start_others(self, now: float):
        for name, initially in (("livenessProbe", True), ("readinessProbe", False)):
            if self._container.get(name):
                self._states[name] = ProbeState(self._container[name], now, initially)

    def due(self, now: float) -> list:
        """(name, probe) of those that are due."""
        found = [(name, state) for name, state in self._states.items() if state.is_due(now)]
        for _, state in found:
            state.begin(now)
        return [(name, state.probe) for name, state in found]

    def take(self, name: str, good: bool, now: float):
        """Counts one result. `must_restart` names the probe because of which the container must be restarted, if any."""
        state = self._states.get(name)
        if state is None or not state.take(good):
            return
        if name == "readinessProbe":
            self.is_ready = state.good
        elif not good:
            self.must_restart = name
        elif name == "startupProbe":
            self.is_started = True
            del self._states[name]
            self.is_ready = not self._container.get("readinessProbe")
            self._start_others(now)


def port_of(container: dict, port) -> int:
    """A port by number or by its name in the container."""
    if isinstance(port, int):
        return port
    for known in container.get("ports") or []:
        if known.get("name") == port:
            return known["containerPort"]
    return int(port)


def carry_out(probe: dict, container: dict, address: str) -> str:
    """Returns why the probe failed, or nothing if it succeeded."""
    timeout = probe.get("timeoutSeconds", 1)
    try:
        if "tcpSocket" in probe:
            socket.create_connection((address, port_of(container, probe["tcpSocket"]["port"])), timeout).close()
            return ""
        return _get(probe["httpGet"], container, address, timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def _get(action: dict, container: dict, address: str, timeout: float) -> str:
    host = action.get("host") or address
    port = port_of(container, action["port"])
    if action.get("scheme") == "HTTPS":
        # As a kubelet does: the certificate is not verified.
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        headers = {header["name"]: header["value"] for header in action.get("httpHeaders") or []}
        connection.request("GET", action.get("path", "/"), headers=headers)
        status = connection.getresponse().status
        return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"
    finally:
        connection.close()
