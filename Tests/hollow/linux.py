"""Linux calls that Python's standard library in Debian 12 lacks."""

import ctypes
import os

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int):
    _checked(_libc.unshare(flags), "unshare")


def join(path: str, flags: int):
    """Enters the namespace of a file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(descriptor, flags), f"setns {path}")
    finally:
        os.close(descriptor)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = ""):
    words = (source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), options.encode() or None)
    _checked(_libc.mount(*words), f"mount {source} {target}")


def bind(source: str, target: str, flags: int = 0):
    """Bind-mounts a file or folder; flags such as MS_RDONLY need a second mount call."""
    mount(source, target, flags=MS_BIND)
    if flags:
        mount("", target, flags=MS_BIND | MS_REMOUNT | flags)


def enter_root(path: str):
    """Makes a mount point the root, and unmounts the old root."""
    os.chdir(path)
    _checked(_libc.syscall(_PIVOT_ROOT[os.uname().machine], b".", b"."), f"pivot_root {path}")
    _checked(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def set_host_name(name: str):
    _checked(_libc.sethostname(name.encode(), len(name.encode())), "sethostname")


def signal_at_end_of_parent(number: int):
    """The kernel sends this process a signal when the thread of its parent that created it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0), "prctl")


def drop_capabilities():
    """No program run from now on can gain a capability, whatever its file says."""
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == 0:
        capability += 1
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0), "prctl")
