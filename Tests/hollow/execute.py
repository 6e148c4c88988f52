"""Runs a program in a running container, as `kubectl exec` does: in its namespaces, with its user and environment.

    python3 -m hollow.execute CLUSTER_FOLDER POD COMMAND...
"""

import glob
import json
import os
import sys

from . import linux
from .container import become_user, execute

_NAMESPACES = {
    "ipc": linux.CLONE_NEWIPC, "uts": linux.CLONE_NEWUTS, "net": linux.CLONE_NEWNET, "pid": linux.CLONE_NEWPID, "mnt": linux.CLONE_NEWNS,
}


def find(folder: str, pod: str) -> tuple:
    """(process, description) of the latest start of a pod's first container."""
    found = []
    for path in glob.glob(f"{folder}/nodes/*/pods/*/*/*/container.json"):
        with open(path, encoding="utf-8") as file:
            description = json.load(file)
        if description["hostname"] == pod:
            found.append((int(path.split("/")[-2]), os.path.dirname(path), description))
    if not found:
        sys.exit(f"exec: error: no container of a pod {pod} was started in {folder}")
    _, start, description = max(found, key=lambda one: one[0])
    with open(os.path.join(start, "pid"), encoding="ascii") as file:
        return int(file.read()), description


def main(folder: str, pod: str, *command: str) -> int:
    process, description = find(folder, pod)
    # If the cluster runs in a chroot, the root of a mount namespace is not that of the process in it.
    root = os.open(f"/proc/{process}/root", os.O_RDONLY | os.O_DIRECTORY)
    # The file system last: after it our /proc is gone.
    for name, flag in _NAMESPACES.items():
        linux.join(f"/proc/{process}/ns/{name}", flag)
    os.fchdir(root)
    os.chroot(".")
    os.close(root)
    child = os.fork()
    if child == 0:
        os.chdir(description["directory"])
        become_user(description)
        try:
            execute(list(command), description["environment"])
        except OSError as error:
            print(f"exec: error: {error}", file=sys.stderr)
        os._exit(126)
    _, status = os.waitpid(child, 0)
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
