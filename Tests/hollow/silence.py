"""Silences a node, or wakes it: freezes its runner and its containers, and takes its links down.

    python3 -m hollow.silence CLUSTER_FOLDER silence|wake NODE

No process ends and no connection is closed, as when a machine hangs or loses its network.
"""

import os
import signal
import socket
import sys

from . import network


def descendants(process: int) -> list:
    """A process and its descendants, parents first."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found = [process]
    for one in found:
        found += sorted(children.get(one, []))
    return found


def main(folder: str, what: str, node: str):
    with open(os.path.join(folder, f"{node}.pid"), encoding="ascii") as file:
        processes = descendants(int(file.read()))
    is_silent = what == "silence"
    # /sys shows the links of the namespace in which it was mounted.
    links = [name for _, name in socket.if_nameindex() if name.startswith(f"p{node.removeprefix('node-')}-")]
    for process in processes if is_silent else reversed(processes):
        os.kill(process, signal.SIGSTOP if is_silent else signal.SIGCONT)
    for link in links:
        network.set_link(link, not is_silent)
    print(f"{node}: {len(processes)} processes {'frozen' if is_silent else 'run again'}, {len(links)} links {'down' if is_silent else 'up'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
