"""Enters namespaces of its own and starts the cluster in them; passes signals on, and ends as it ends.

    python3 -m hollow.enter CLUSTER_JSON

Namespaces are the whole clean-up: processes, mounts, links and rules of a cluster are in them, and go with the last
process, however it ended. Nothing outside is changed but files in the cluster's folder.
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
        # A group of its own, so that Ctrl-C comes once, from here.
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
                    # After a failure the logs are of use.
                    shutil.rmtree(folder, ignore_errors=True)
                return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        # Another parent than at the start means that the one who wanted this cluster has died.
        if received is not None and received.si_signo != signal.SIGCHLD or os.getppid() != parent:
            os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
