"""Enters new namespaces and starts the cluster in them; passes signals on, and exits as the cluster does.

    python3 -m hollow.enter CLUSTER_JSON

The namespaces are the clean-up: they contain the processes, mounts, links and rules of a cluster, and disappear with the
last process, however it ends. Outside, only files in the cluster's folder change.
"""

import json
import os
import shutil
import signal
import sys

from . import linux


def main(path: str) -> int:
    parent = os.getppid()
    with open(path, encoding="utf-8") as file:
        cluster = json.load(file)
    folder = cluster["folder"]
    handled = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWNET | linux.CLONE_NEWIPC)
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
        # Its own process group, so that it gets Ctrl-C once, from here.
        os.setpgid(0, 0)
        os.execv(sys.executable, [sys.executable, "-B", "-m", "hollow.cluster", path])
    with open(os.path.join(folder, "pid"), "w", encoding="ascii") as file:
        file.write(str(child))
    while True:
        received = signal.sigtimedwait(handled, 0.5)
        if received is None or received.si_signo == signal.SIGCHLD:
            process, status = os.waitpid(child, os.WNOHANG)
            if process:
                if cluster["temporary"] and status == 0:
                    # Keep the logs after a failure.
                    shutil.rmtree(folder, ignore_errors=True)
                return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        # If the parent has changed, the process that started this cluster has died.
        if received is not None and received.si_signo != signal.SIGCHLD or os.getppid() != parent:
            os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
