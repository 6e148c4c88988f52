"""Starts one container from a description in a JSON file, reports it on standard output, and exits as the container does.

    python3 -m hollow.container DESCRIPTION

Run by the pod runner. SIGTERM is passed on, SIGUSR1 kills. When this process ends for any reason, the kernel ends the
container, because its first process is the first of a process namespace.
"""

import json
import os
import signal
import sys

from . import linux, seccomp

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_EXIT_NOT_STARTED = 128


def main(path: str) -> int:
    linux.signal_at_end_of_parent(signal.SIGKILL)
    with open(path, encoding="utf-8") as file:
        description = json.load(file)
    linux.join(description["network"], linux.CLONE_NEWNET)
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS)
    failure, report = os.pipe()
    # Blocked until they can be passed on: a SIGTERM at this moment must not be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    child = os.fork()
    if child == 0:
        _become_container(description, report)
    os.close(report)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(child, signal.SIGKILL))
    with os.fdopen(failure) as stream:
        # It ends with the container's program.
        error = stream.read()
    print(json.dumps({"error": error} if error else {"pid": child}), flush=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGUSR1})
    _, status = os.waitpid(child, 0)
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _become_container(description: dict, report: int):
    """Never returns."""
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            # Python ignores them, and a program inherits ignored signals through exec.
            signal.signal(number, signal.SIG_DFL)
        log = os.open(description["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        _make_root(description)
        linux.set_host_name(description["hostname"])
        become_user(description)
        os.umask(0o022)
        os.chdir(description["directory"])
        null = os.open("/dev/null", os.O_RDONLY)
        # exec closes all other descriptors, as Python opens them with close-on-exec.
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        execute(description["command"], description["environment"])
    except BaseException as error:  # pylint: disable=broad-except
        os.write(report, f"{error}".encode())
    os._exit(_EXIT_NOT_STARTED)


def _make_root(description: dict):
    """Mounts the image's file system with a writable layer for the container, and the standard mounts of a container."""
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    layer = description["layer"]
    linux.mount("tmpfs", layer, "tmpfs", 0, "mode=755")
    root = f"{layer}/root"
    for name in ("upper", "work", "root"):
        os.mkdir(f"{layer}/{name}")
    options = f"lowerdir={description['image']},upperdir={layer}/upper,workdir={layer}/work"
    linux.mount("overlay", root, "overlay", 0, options)
    _mount_kernel(root)
    for given in description["mounts"]:
        _mount_volume(root, given)
    if description["readOnly"]:
        linux.mount("", root, flags=linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY)
    linux.enter_root(root)


def _mount_kernel(root: str):
    strict = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    for name in ("proc", "sys", "dev"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    linux.mount("proc", f"{root}/proc", "proc", strict)
    linux.bind(f"{root}/proc/sys", f"{root}/proc/sys", strict | linux.MS_RDONLY)
    linux.mount("sysfs", f"{root}/sys", "sysfs", strict | linux.MS_RDONLY)
    linux.mount("tmpfs", f"{root}/dev", "tmpfs", linux.MS_NOSUID, "mode=755,size=64k")
    for name in _DEVICES:
        os.close(os.open(f"{root}/dev/{name}", os.O_CREAT | os.O_WRONLY))
        linux.bind(f"/dev/{name}", f"{root}/dev/{name}")
    os.mkdir(f"{root}/dev/shm")
    linux.mount("tmpfs", f"{root}/dev/shm", "tmpfs", strict, "mode=1777,size=64m")
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{root}/dev/{name}")


def _mount_volume(root: str, given: dict):
    target = os.path.normpath(f"{root}/{given['target']}")
    if os.path.isdir(given["source"]):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    flags = linux.MS_NOSUID | linux.MS_NODEV
    linux.bind(given["source"], target, flags | (linux.MS_RDONLY if given["readOnly"] else 0))


def become_user(description: dict):
    """Drops all privileges and takes the user and groups of a description."""
    linux.drop_capabilities()
    os.setgroups(description["groups"])
    os.setresgid(*[description["gid"]] * 3)
    os.setresuid(*[description["uid"]] * 3)
    # After the change of user, which clears it. The parent is outside this namespace, so its id is 0 while it lives.
    linux.signal_at_end_of_parent(signal.SIGKILL)
    if description["seccomp"]:
        seccomp.apply()


def execute(command: list, environment: dict):
    """Replaces this process with a program; a name without a slash is searched in the environment's PATH."""
    name = command[0]
    if "/" in name:
        os.execve(name, command, environment)
    for folder in environment.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(":"):
        if os.access(f"{folder}/{name}", os.X_OK):
            os.execve(f"{folder}/{name}", command, environment)
    raise FileNotFoundError(f'exec: "{name}": executable file not found in $PATH')


if __name__ == "__main__":
    # Immediately: a late signal during Python's shutdown would end this process and lose the exit code.
    os._exit(main(sys.argv[1]))
