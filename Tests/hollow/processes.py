"""A container's process as the pod runner sees it, and the check that it has not read forbidden files."""

import json
import os
import signal
import subprocess
import sys

from .refusal import Refusal


class ContainerProcess:
    """One start of a container: a `hollow.container` and what it runs."""

    def __init__(self, description: dict, folder: str):
        """Starts it. Call it from a thread that lives as long as the container: the kernel ends the container with the thread.

        Raises `Refusal` with the reason if the program could not be started.
        """
        layer = os.path.join(folder, "layer")
        os.makedirs(layer)
        path = os.path.join(folder, "container.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(description | {"layer": layer}, file, indent=1)
        os.chmod(path, 0o600)
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "hollow.container", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        with self._process.stdout as stream:
            line = stream.readline()
        report = json.loads(line or '{"error": "the starting program died; see the runner\'s log"}')
        if "error" in report:
            self._process.wait()
            raise Refusal(report["error"])
        self.id = report["pid"]
        with open(os.path.join(folder, "pid"), "w", encoding="ascii") as file:
            file.write(str(self.id))
        self._is_killed = False

    def poll(self):
        """The exit code, 128 plus the signal number if a signal ended it, or None while it runs."""
        code = self._process.poll()
        return code if code is None or code >= 0 else 128 - code

    def terminate(self):
        self._process.send_signal(signal.SIGTERM)

    def kill(self):
        """Idempotent."""
        if not self._is_killed:
            self._is_killed = True
            self._process.send_signal(signal.SIGUSR1)


def foreign_paths(process: int, forbidden: list) -> list:
    """Paths in the forbidden folders that a process has mapped, mounted, open or in its arguments."""
    base = f"/proc/{process}"
    texts = []
    for name in ("maps", "mountinfo", "cmdline", "environ"):
        with open(f"{base}/{name}", "rb") as file:
            texts += file.read().decode(errors="replace").replace("\0", "\n").split("\n")
    links = [f"{base}/{name}" for name in ("cwd", "exe", "root")]
    links += [f"{base}/fd/{name}" for name in os.listdir(f"{base}/fd")]
    for link in links:
        try:
            texts.append(os.readlink(link))
        except OSError:
            # The descriptor was closed in the meantime.
            pass
    return sorted({text for text in texts for folder in forbidden if folder in text})
