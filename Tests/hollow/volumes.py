"""The volumes of a pod, as folders in the runner's directory, kept up to date while the pod lives."""

import base64
import os
import shutil
import time

from .environment import field, resource_field
from .refusal import NotYet, Refusal


class AtomicFolder:
    """A folder whose files change together: `..data` is a symbolic link that is replaced atomically, and each file is a link into it."""

    def __init__(self, path: str, group):
        """`group` is the pod's fsGroup or None."""
        self.path, self._group, self._shown = path, group, None
        os.makedirs(path, mode=0o755, exist_ok=True)

    def show(self, files: dict) -> bool:
        """Makes the folder hold exactly `files`, {relative path: (bytes, mode)}; False if it already did."""
        if files == self._shown:
            return False
        version = f"..{time.strftime('%Y_%m_%d_%H_%M_%S')}.{time.monotonic_ns()}"
        target = os.path.join(self.path, version)
        os.mkdir(target, 0o755)
        for name, (content, mode) in files.items():
            self._write(target, name, content, mode)
        link = os.path.join(self.path, "..data")
        old = os.readlink(link) if os.path.islink(link) else None
        self._link(version, "..data")
        tops = {name.split("/")[0] for name in files}
        for name in sorted(tops):
            if not os.path.islink(os.path.join(self.path, name)):
                self._link(f"..data/{name}", name)
        for name in os.listdir(self.path):
            if not name.startswith("..") and name not in tops:
                os.unlink(os.path.join(self.path, name))
        if old:
            shutil.rmtree(os.path.join(self.path, old))
        self._shown = dict(files)
        return True

    def _link(self, target: str, name: str):
        new = os.path.join(self.path, f"..{name}.new")
        os.symlink(target, new)
        os.rename(new, os.path.join(self.path, name))

    def _write(self, folder: str, name: str, content: bytes, mode: int):
        if name.startswith("/") or ".." in name.split("/"):
            raise Refusal(f"path '{name}' leads out of the volume")
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        # A kubelet makes everything in such a volume readable by the pod's group.
        os.chmod(path, mode if self._group is None else mode | 0o440)
        if self._group is not None:
            os.chown(path, 0, self._group)


def object_files(kind: str, name: str, found, source: dict, mode: int) -> dict:
    """The files of a Secret or ConfigMap source; `found` is the object, or None."""
    if found is None:
        if source.get("optional"):
            return {}
        raise NotYet(f'{kind} "{name}" not found')
    content = {key: base64.b64decode(text) for key, text in ((found.get("data") or {}) if kind == "secret" else {}).items()}
    if kind != "secret":
        content = {key: text.encode() for key, text in (found.get("data") or {}).items()}
        content |= {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}
    if not source.get("items"):
        return {key: (data, mode) for key, data in content.items()}
    files = {}
    for item in source["items"]:
        if item["key"] in content:
            files[item["path"]] = (content[item["key"]], item.get("mode", mode))
        elif not source.get("optional"):
            raise NotYet(f"references non-existent {kind} key: {item['key']}")
    return files


class Token:
    """A bound ServiceAccount token, renewed after four fifths of its lifetime."""

    def __init__(self):
        self._text, self._again = None, 0.0

    def text(self, ask, now: float) -> str:
        """`ask()` returns (token, lifetime in seconds). After a failed renewal the old token stays in use."""
        if now >= self._again:
            try:
                self._text, lifetime = ask()
                self._again = now + min(lifetime * 0.8, 86400)
            except OSError:
                if self._text is None:
                    raise
        return self._text


class PodVolumes:
    """All volumes of one pod."""

    def __init__(self, pod: dict, folder: str, client, allocatable: dict, host_address: str):
        self._pod, self._folder, self._client = pod, folder, client
        self._allocatable, self._host_address = allocatable, host_address
        self._group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
        self._tokens, self._folders = {}, {}

    def path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def refresh(self, pod_address: str) -> list:
        """Updates every volume, and returns the names of those that changed.

        Raises `NotYet` with the volume's name if something is missing.
        """
        changed = []
        for volume in self._pod["spec"].get("volumes") or []:
            name = volume["name"]
            try:
                if "emptyDir" in volume:
                    self._empty(name)
                elif self._atomic(name).show(self._files(volume, pod_address)):
                    changed.append(name)
            except NotYet as missing:
                raise NotYet(f'MountVolume.SetUp failed for volume "{name}" : {missing}') from None
        return changed

    def _atomic(self, name: str) -> AtomicFolder:
        if name not in self._folders:
            self._folders[name] = AtomicFolder(self.path(name), self._group)
        return self._folders[name]

    def _empty(self, name: str):
        path = self.path(name)
        if not os.path.isdir(path):
            os.mkdir(path)
            os.chmod(path, 0o777 if self._group is None else 0o2777)
            os.chown(path, 0, -1 if self._group is None else self._group)

    def _files(self, volume: dict, pod_address: str) -> dict:
        kind = next(key for key in volume if key != "name")
        source = volume[kind]
        mode = source.get("defaultMode", 0o644)
        if kind != "projected":
            return self._source(volume["name"], kind, source, mode, pod_address)
        files = {}
        for part in source["sources"]:
            kind = next(iter(part))
            files |= self._source(volume["name"], kind, part[kind], mode, pod_address)
        return files

    def _source(self, volume: str, kind: str, source: dict, mode: int, pod_address: str) -> dict:
        metadata = self._pod["metadata"]
        if kind in ("secret", "configMap"):
            name = source.get("secretName") or source["name"]
            found = self._client.get_or_none(f"/api/v1/namespaces/{metadata['namespace']}/{kind.lower()}s/{name}")
            return object_files(kind.lower(), name, found, source, mode)
        if kind == "serviceAccountToken":
            token = self._tokens.setdefault((volume, source["path"]), Token())
            text = token.text(lambda: self._ask_for_token(source), time.monotonic())
            # A kubelet denies access to others if the pod has an fsGroup.
            return {source["path"]: (text.encode(), mode if self._group is None else 0o600)}
        return {item["path"]: (self._downward(item, pod_address).encode(), item.get("mode", mode)) for item in source["items"]}

    def _downward(self, item: dict, pod_address: str) -> str:
        if "fieldRef" in item:
            path = item["fieldRef"]["fieldPath"]
            if path in ("metadata.labels", "metadata.annotations"):
                values = self._pod["metadata"].get(path.split(".")[1]) or {}
                return "\n".join(f'{key}="{value}"' for key, value in sorted(values.items()))
            return field(self._pod, path, self._host_address, pod_address)
        reference = item["resourceFieldRef"]
        container = next(c for c in self._pod["spec"]["containers"] if c["name"] == reference["containerName"])
        return resource_field(container, reference, self._allocatable)

    def _ask_for_token(self, source: dict) -> tuple:
        metadata, spec = self._pod["metadata"], self._pod["spec"]
        lifetime = source.get("expirationSeconds", 3600)
        request = {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {
                "audiences": [source["audience"]] if source.get("audience") else [],
                "expirationSeconds": lifetime,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]},
            },
        }
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{spec.get('serviceAccountName', 'default')}/token"
        return self._client.request("POST", path, request)["status"]["token"], lifetime
