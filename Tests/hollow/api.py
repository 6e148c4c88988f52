"""A client of kube-apiserver: requests, and a reflector that lists and watches."""

import base64
import http.client
import json
import ssl
import threading
import time
import urllib.parse

MERGE_PATCH = "application/merge-patch+json"


class APIError(Exception):
    """A response other than 2xx, with the message of its Status object."""

    def __init__(self, status: int, reason: str, message: str):
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class Client:
    """Requests to one API server. Each thread has its own connection."""

    def __init__(self, kubeconfig: str):
        """`kubeconfig` is the path of a JSON file with one cluster and one user, by token or client certificate."""
        with open(kubeconfig, encoding="utf-8") as file:
            config = json.load(file)
        cluster = config["clusters"][0]["cluster"]
        user = config["users"][0]["user"]
        self.authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        address = urllib.parse.urlsplit(cluster["server"])
        self._host, self._port = address.hostname, address.port
        self._context = ssl.create_default_context(cadata=self.authority)
        self._headers = {"Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        else:
            self._context.load_cert_chain(user["client-certificate"], user["client-key"])
        self._local = threading.local()

    def request(self, method: str, path: str, body=None, content_type: str = "application/json"):
        """Sends a request and returns the decoded response; retries once on a new connection if the old one broke.

        Raises `APIError` for an error response, and `ConnectionError` if there is no response.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if data is None else {"Content-Type": content_type})
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None) or self.connect(15)
            self._local.connection = connection
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                answer = response.read()
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._local.connection = None
                if attempt == 2:
                    raise ConnectionError(f"{method} {path}: {error or type(error).__name__}") from error
        if response.status >= 300:
            raise api_error(response.status, answer)
        return json.loads(answer) if answer else None

    def get(self, path: str):
        return self.request("GET", path)

    def get_or_none(self, path: str):
        """The object, or None if it does not exist."""
        try:
            return self.get(path)
        except APIError as error:
            if error.status == 404:
                return None
            raise

    def connect(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)

    def stream(self, path: str, timeout: float):
        """Yields the JSON lines of a watch until it ends; raises if no line arrives for `timeout` seconds."""
        connection = self.connect(timeout)
        try:
            connection.request("GET", path, headers=self._headers)
            response = connection.getresponse()
            if response.status >= 300:
                raise api_error(response.status, response.read())
            for line in response:
                yield json.loads(line)
        finally:
            connection.close()


def api_error(status: int, answer: bytes) -> APIError:
    try:
        details = json.loads(answer)
        return APIError(status, details.get("reason", ""), details.get("message", ""))
    except (ValueError, AttributeError):
        return APIError(status, "", answer[:200].decode(errors="replace"))


class Reflector(threading.Thread):
    """Keeps `objects` (by namespace/name) in sync with the API server, and calls `changed` after each change."""

    def __init__(self, client: Client, path: str, changed, log):
        super().__init__(daemon=True, name=f"reflector {path}")
        self._client, self._path, self._changed, self._log = client, path, changed, log
        self._lock = threading.Lock()
        self._objects = {}
        self._synced = False

    @property
    def objects(self) -> dict:
        with self._lock:
            return dict(self._objects)

    @property
    def synced(self) -> bool:
        return self._synced

    def run(self):
        while True:
            try:
                self._follow(self._list())
            except (OSError, http.client.HTTPException, APIError, ValueError) as error:
                self._log(f"watch of {self._path}: {error}; listing again in a second")
                time.sleep(1)

    def _query(self, **parameters) -> str:
        separator = "&" if "?" in self._path else "?"
        return self._path + separator + urllib.parse.urlencode(parameters)

    def _list(self) -> str:
        answer = self._client.get(self._path)
        with self._lock:
            self._objects = {key_of(item): item for item in answer.get("items") or []}
            self._synced = True
        self._changed()
        return answer["metadata"]["resourceVersion"]

    def _follow(self, version: str):
        """Watches from a version, repeatedly, until the server reports that it is too old."""
        while True:
            path = self._query(watch="true", resourceVersion=version, timeoutSeconds=60, allowWatchBookmarks="true")
            for event in self._client.stream(path, timeout=90):
                if event["type"] == "ERROR":
                    raise api_error(event["object"].get("code", 0), json.dumps(event["object"]).encode())
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._take(event["type"], event["object"])

    def _take(self, kind: str, item: dict):
        with self._lock:
            if kind == "DELETED":
                self._objects.pop(key_of(item), None)
            else:
                self._objects[key_of(item)] = item
        self._changed()


def key_of(item: dict) -> str:
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"
