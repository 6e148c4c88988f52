"""Prepares a cluster's folder with a copy of all that runs, and starts the cluster from it. See the script `cluster`."""

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile

_HERE = os.path.dirname(os.path.abspath(__file__))
_CHECKOUT = os.path.dirname(os.path.dirname(_HERE))
_SETUP = os.path.join(os.path.dirname(_HERE), "setup")
_WRAPPERS = {
    "kubectl": 'exec nsenter --target "$(cat {0}/pid)" --net -- kubectl --kubeconfig={0}/plane/kubeconfig.json --cache-dir={0}/kubectl-cache "$@"',
    # --root too: in a chroot, the mount namespace alone would lead out of it.
    "enter": 'exec nsenter --target "$(cat {0}/pid)" --net --mount --pid --root --wd -- "$@"',
    "exec": "exec {0}/enter env PYTHONPATH={0}/program {1} -B -m hollow.execute {0} \"$@\"",
    # What `docker run` does with the image, but for its isolation. A Swift program finds its arguments in /proc.
    "image": "exec unshare --mount -- sh -c 'mkdir -p {0}/images/0/proc && mount -t proc proc {0}/images/0/proc"
             " && exec chroot --userspec=10001:10001 {0}/images/0 /usr/local/bin/cluster-agent \"$@\"' image \"$@\"",
    "node": "exec {0}/enter env PYTHONPATH={0}/program {1} -B -m hollow.silence {0} \"$@\"",
}
_USAGE = """
  export CLUSTER={0}
  $CLUSTER/kubectl apply -k manifests/overlays/kubernetes-1.20
  $CLUSTER/image secret | $CLUSTER/kubectl create -f -
  $CLUSTER/kubectl apply -f manifests/demo/shop.yaml       Services with checks
  $CLUSTER/kubectl -n cluster-agent get pods -o wide       kubectl in the cluster's network; `logs` too
  $CLUSTER/exec POD cluster-agent clusterchecks            a program in a pod, as `kubectl exec` would run it
  $CLUSTER/node silence node-2                             the node hangs; `wake` brings it back
  $CLUSTER/enter curl -sk https://10.244.1.2:5005/         any program of this machine in the cluster's network

Logs: $CLUSTER/*.log, $CLUSTER/nodes/*/pods/*/*/*/log. Ctrl-C stops the cluster and leaves nothing behind.
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster", allow_abbrev=False)
    parser.add_argument("--folder", help="where its files are; must not exist (default: a temporary one, removed at the end)")
    parser.add_argument("--image", action="append", required=True, metavar="NAME=FOLDER",
                        help="an image under its name in manifests; FOLDER holds rootfs/ and config.json")
    parser.add_argument("--nodes", type=int, default=3, choices=range(1, 10), metavar="1-9")
    return parser.parse_args()


def make_folder(given) -> str:
    if not given:
        return tempfile.mkdtemp(prefix="hollow-cluster.", dir="/var/tmp")
    folder = os.path.abspath(given)
    if os.path.exists(folder):
        sys.exit(f"cluster: error: {folder} exists: give each cluster a folder of its own")
    if f"{folder}/".startswith((f"{_CHECKOUT}/", "/run/")):
        sys.exit(f"cluster: error: {folder} is in the checkout or in /run, which nothing in the cluster can see: choose another")
    os.makedirs(folder)
    return folder


def copy_image(folder: str, number: int, text: str) -> tuple:
    name, _, source = text.partition("=")
    try:
        with open(os.path.join(source, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError) as error:
        sys.exit(f"cluster: error: --image={text}: no image there, with rootfs/ and config.json: {error}")
    root = os.path.join(folder, "images", str(number))
    os.makedirs(os.path.dirname(root), exist_ok=True)
    subprocess.run(["cp", "--archive", "--reflink=auto", os.path.join(source, "rootfs"), root], check=True)
    # By itself, or as part of an OCI image configuration.
    return name, {"root": root, "config": config.get("config", config)}


def write_wrappers(folder: str):
    for name, command in _WRAPPERS.items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{command.format(folder, sys.executable)}\n")
        os.chmod(path, 0o755)


def prepare(options: argparse.Namespace) -> str:
    """Returns the path of the description of a cluster that no longer needs the checkout."""
    folder = make_folder(options.folder)
    os.chmod(folder, stat.S_IRWXU | stat.S_IXGRP | stat.S_IXOTH)
    shutil.copytree(_HERE, os.path.join(folder, "program", "hollow"), ignore=shutil.ignore_patterns("tests", "__pycache__"))
    os.mkdir(os.path.join(folder, "program", "setup"))
    for name in ("common.bash", "control-plane", "etcd", "kubernetes"):
        shutil.copy(os.path.join(_SETUP, name), os.path.join(folder, "program", "setup", name))
    images = dict(copy_image(folder, number, text) for number, text in enumerate(options.image))
    write_wrappers(folder)
    path = os.path.join(folder, "cluster.json")
    description = {"folder": folder, "nodes": options.nodes, "images": images, "forbidden": [_CHECKOUT]}
    description["temporary"] = not options.folder
    with open(path, "w", encoding="utf-8") as file:
        json.dump(description, file, indent=1)
    return path


def main():
    options = arguments()
    path = prepare(options)
    folder = os.path.dirname(path)
    print(_USAGE.format(folder), flush=True)
    os.chdir(folder)
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "LC_ALL": "C.UTF-8"}
    environment |= {"PYTHONPATH": os.path.join(folder, "program")}
    if "CLUSTER_AGENT_CACHE" in os.environ:
        environment["CLUSTER_AGENT_CACHE"] = os.environ["CLUSTER_AGENT_CACHE"]
    os.execve(sys.executable, [sys.executable, "-B", "-m", "hollow.enter", path], environment)


if __name__ == "__main__":
    main()
