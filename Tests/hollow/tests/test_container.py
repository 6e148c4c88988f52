"""Containers and pods, really run: the image is this machine's root file system, read-only, and the network its own. Needs root."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from hollow.api import APIError
from hollow.podworker import PodWorker
from hollow.processes import ContainerProcess, foreign_paths
from hollow.refusal import Refusal

_PYTHON = "/usr/bin/python3"
_SHOW = """
import ctypes, json, os, socket
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().split("\\n") if ":\\t" in line)
def writable(path):
    try:
        open(path, "w").close()
        return True
    except OSError:
        return False
print(json.dumps({
    "pid": os.getpid(), "uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(), "environment": dict(os.environ),
    "capabilities": [status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")], "privileges": status["NoNewPrivs"],
    "seccomp": status["Seccomp"], "namespace": [ctypes.CDLL(None, use_errno=True).unshare(0x10000000), ctypes.get_errno()],
    "host": socket.gethostname(), "directory": os.getcwd(), "root": writable("/tmp/x"), "volume": writable("/mnt/v/x"),
    "given": open("/mnt/f").read(), "processes": [name for name in os.listdir("/proc") if name.isdigit()], "open": os.listdir("/proc/self/fd")}))
raise SystemExit(7)
"""


def _description(folder: str, *command: str) -> dict:
    return {
        "image": "/", "network": "/proc/self/ns/net", "hostname": "web-1", "command": list(command), "environment": {"A": "1"},
        "directory": "/", "uid": 10001, "gid": 10002, "groups": [10003], "readOnly": True, "mounts": [], "seccomp": True, "log": f"{folder}/log"}


class _WithFolder(unittest.TestCase):
    def setUp(self):
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        self.folder = parent.name
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)

    def log(self) -> str:
        with open(f"{self.folder}/log", encoding="utf-8") as file:
            return file.read()

    def end_of(self, process: ContainerProcess) -> int:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            code = process.poll()
            if code is not None:
                return code
            time.sleep(0.02)
        process.kill()
        raise AssertionError("the container did not end")


class ContainerTests(_WithFolder):
    def test_a_container_has_what_was_said_and_nothing_else(self):
        for name in ("volume", "layer-of-test"):
            os.mkdir(f"{self.folder}/{name}", 0o777)
        os.chmod(f"{self.folder}/volume", 0o777)
        with open(f"{self.folder}/given", "w", encoding="ascii") as file:
            file.write("content")
        description = _description(self.folder, _PYTHON, "-c", _SHOW)
        description["mounts"] = [
            {"source": f"{self.folder}/volume", "target": "/mnt/v", "readOnly": False},
            {"source": f"{self.folder}/given", "target": "/mnt/f", "readOnly": True}]
        self.assertEqual(self.end_of(ContainerProcess(description, self.folder)), 7, "the exit code")
        shown = json.loads(self.log())
        self.assertEqual((shown["pid"], shown["uid"], shown["gid"], shown["groups"]), (1, [10001] * 3, [10002] * 3, [10003]))
        self.assertEqual((shown["capabilities"], shown["privileges"]), (["0" * 16] * 5, "1"))
        self.assertEqual({"A": "1"}, {key: value for key, value in shown["environment"].items() if key != "LC_CTYPE"})
        # A user namespace would need no capability.
        self.assertEqual((shown["seccomp"], shown["namespace"]), ("2", [-1, 1]))
        self.assertEqual((shown["host"], shown["directory"], shown["given"]), ("web-1", "/", "content"))
        self.assertEqual((shown["root"], shown["volume"], shown["processes"]), (False, True, ["1"]))
        # Standard input, output and error, and the listing's own.
        self.assertEqual(len(shown["open"]), 4)

    def test_signals_reach_it_and_their_exit_codes_come_back(self):
        sleep = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(3)); print('up', flush=True); time.sleep(60)"
        for end, expected in ((ContainerProcess.terminate, 3), (ContainerProcess.kill, 137)):
            process = ContainerProcess(_description(self.folder, _PYTHON, "-c", sleep), tempfile.mkdtemp(dir=self.folder))
            while "up" not in self.log():
                time.sleep(0.02)
            end(process)
            self.assertEqual(self.end_of(process), expected)
            os.unlink(f"{self.folder}/log")

    def test_a_program_that_is_not_there_is_named(self):
        for command in ("/nonexistent", "nonexistent"):
            with self.assertRaisesRegex(Refusal, "nonexistent"):
                ContainerProcess(_description(self.folder, command), tempfile.mkdtemp(dir=self.folder))

    def test_it_ends_with_the_one_who_started_it(self):
        starter = "import sys; from hollow.processes import *; p = ContainerProcess(json.loads(sys.argv[1]), sys.argv[2]); print(p.id, flush=True); time.sleep(60)"
        description = json.dumps(_description(self.folder, "/bin/sleep", "60"))
        with subprocess.Popen(
                [sys.executable, "-c", "import json, time; " + starter, description, self.folder], stdout=subprocess.PIPE, text=True) as process:
            container = int(process.stdout.readline())
            os.kill(container, 0)
            process.kill()
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{container}") and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertFalse(os.path.exists(f"/proc/{container}"))

    def test_files_of_forbidden_folders_are_found_however_they_are_used(self):
        for place in ("directory", "argument", "descriptor", "mapping"):
            path = f"{self.folder}/{place}"
            os.mkdir(path)
            with open(f"{path}/file", "wb") as file:
                file.write(b"x" * 4096)
            script = {
                "directory": "import os; os.chdir(PATH)", "argument": "pass", "descriptor": "f = open(PATH + '/file')",
                "mapping": "import mmap; f = open(PATH + '/file', 'r+b'); m = mmap.mmap(f.fileno(), 0); f.close()"}[place]
            code = "import sys, time; PATH = bytes.fromhex(sys.argv[1]).decode(); " + script + "; print(1, flush=True); time.sleep(60)"
            words = [sys.executable, "-c", code, path.encode().hex()] + ([path] if place == "argument" else [])
            with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
                process.stdout.readline()
                found = foreign_paths(process.pid, [path])
                process.kill()
            self.assertTrue(found and path in found[0], place)
            self.assertEqual(foreign_paths(os.getpid(), ["/nonexistent"]), [])


class _FakeClient:
    """Remembers requests. What is asked for is not there."""

    def __init__(self):
        self.requests = []

    def get_or_none(self, _path: str):
        return None

    def request(self, method: str, path: str, body=None, _content_type: str = ""):
        self.requests.append((method, path, body))
        if path.endswith("/none"):
            raise APIError(404, "NotFound", "")

    def statuses(self) -> list:
        return [body["status"] for method, path, body in self.requests if path.endswith("/status")]


class _FakeNode:
    def __init__(self, folder: str):
        self.name, self.address, self.folder, self.allocatable = "node-1", "127.0.0.1", folder, {"cpu": "1"}
        self.images, self.forbidden = {"ours:1": {"root": "/", "config": {}}}, ["/nonexistent"]
        self.client, self.executor, self.key_of_object = _FakeClient(), ThreadPoolExecutor(2), lambda *_: None
        self.addresses = self
        self.lines = []

    def give_back(self, _address: str):
        pass

    def log(self, text: str):
        self.lines.append(text)

    def tell(self, _pod: dict, _kind: str, reason: str, message: str):
        self.lines.append(f"{reason}: {message}")

    @staticmethod
    def path_of(pod: dict) -> str:
        return f"/pods/{pod['metadata']['name']}"


class _Network:
    path = "/proc/self/ns/net"

    def tear_down(self):
        pass


class _Worker(PodWorker):
    """A worker whose pods have this machine's network."""

    def _set_up_network(self):
        self._address, self._network = "127.0.0.1", _Network()
        for name in ("hosts", "hostname", "resolv.conf"):
            with open(os.path.join(self._folder, name), "w", encoding="ascii"):
                pass


class PodTests(_WithFolder):
    def setUp(self):
        super().setUp()
        self.node = _FakeNode(self.folder)
        self.addCleanup(self.node.executor.shutdown)

    def start(self, script: str, **container) -> _Worker:
        security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsUser": 10001}
        spec = {"name": "c", "image": "ours:1", "command": [_PYTHON, "-c", script], "securityContext": security} | container
        self.pod = {
            "metadata": {"name": "web", "namespace": "a", "uid": "u"},
            "spec": {"nodeName": "node-1", "enableServiceLinks": False, "terminationGracePeriodSeconds": 1, "containers": [spec]}}
        worker = _Worker(self.node, self.pod)
        worker.start()
        return worker

    def wait(self, test):
        deadline = time.monotonic() + 30
        while not test():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.node.lines} {self.node.client.requests}")
            time.sleep(0.02)

    def containers(self) -> list:
        """The container as it was reported, from the first time to the last."""
        return [status["containerStatuses"][0] for status in self.node.client.statuses()] or [{"state": {}}]

    def container(self) -> dict:
        return self.containers()[-1]

    def delete(self, worker: threading.Thread, grace: int):
        metadata = self.pod["metadata"] | {"deletionTimestamp": "now", "deletionGracePeriodSeconds": grace}
        worker.update(self.pod | {"metadata": metadata})
        worker.join(30)
        self.assertFalse(worker.is_alive())
        self.assertEqual(
            self.node.client.requests[-1], ("DELETE", "/pods/web", {"gracePeriodSeconds": 0, "preconditions": {"uid": "u"}}))

    def test_readiness_is_reported_and_liveness_restarts(self):
        server = (
            "import http.server, os\nclass H(http.server.BaseHTTPRequestHandler):\n  n = 0\n  def do_GET(self):\n    H.n += 1\n"
            "    self.send_response(500 if self.path == '/live' and H.n > 8 else 200); self.end_headers()\n"
            "s = http.server.HTTPServer(('127.0.0.1', PORT), H); s.serve_forever()")
        port = 20000 + os.getpid() % 12000
        worker = self.start(
            server.replace("PORT", str(port)), ports=[{"name": "http", "containerPort": port}],
            startupProbe={"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 0.2, "failureThreshold": 100},
            livenessProbe={"httpGet": {"path": "/live", "port": "http"}, "periodSeconds": 0.2, "failureThreshold": 2},
            readinessProbe={"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 0.2})
        self.wait(lambda: self.container().get("ready"))
        self.assertEqual(self.container()["restartCount"], 0)
        # It may fail again before this is seen.
        self.wait(lambda: any(container["restartCount"] == 1 and container["ready"] for container in self.containers()))
        restarted = next(container for container in self.containers() if container["restartCount"] == 1)
        self.assertEqual(restarted["lastState"]["terminated"]["exitCode"], 137)
        self.assertIn("Killing: Container c failed liveness probe, will be restarted", self.node.lines)
        self.delete(worker, 1)

    def test_deletion_asks_first_and_kills_after_the_grace_period(self):
        worker = self.start("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)")
        self.wait(lambda: "running" in self.container()["state"])
        time.sleep(0.5)
        begun = time.monotonic()
        self.delete(worker, 2)
        self.assertGreaterEqual(time.monotonic() - begun, 2)
        self.assertEqual(self.container()["state"]["terminated"]["exitCode"], 137)

    def test_what_ends_at_once_is_started_again_with_growing_pauses(self):
        worker = self.start("raise SystemExit(4)")
        self.wait(lambda: self.container()["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff")
        self.assertEqual((self.container()["restartCount"], self.container()["lastState"]["terminated"]["exitCode"]), (1, 4))
        self.assertEqual(self.container()["state"]["waiting"]["message"], "back-off 10s restarting failed container")
        self.delete(worker, 1)

    def test_a_pod_that_asks_for_too_much_waits_with_the_reason(self):
        worker = self.start("pass", lifecycle={"preStop": {}})
        self.wait(lambda: self.container()["state"])
        self.assertEqual(self.container()["state"], {"waiting": {"reason": "Refused", "message": "container c.lifecycle: not known here"}})
        self.delete(worker, 1)
