#!/usr/bin/env python3
"""A node-agent that knows only the public protocol: version, status, configs. Written apart from the server and the reference agent.

usage: agent.py URL[,URL...] TOKEN ID [POLL_SECONDS]

Asks the next URL after an error, as a Service would send it to another replica. Polls until standard input ends or SIGTERM; prints a JSON line {"id", "time", "configs": [...]} whenever the set that it would run changes,
and {"id", "time", "error"} when an answer is not usable. `configs` holds, sorted, the name and the decoded instances of each config.
"""
import base64
import http.client
import json
import ssl
import sys
import time
import urllib.parse

URLS, TOKEN, ID = sys.argv[1].split(","), *sys.argv[2:4]
POLL = float(sys.argv[4]) if len(sys.argv) > 4 else 1.0
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
addresses = [urllib.parse.urlsplit(url) for url in URLS]


def say(**fields):
    print(json.dumps({"id": ID, "time": time.time(), **fields}, sort_keys=True), flush=True)


def call(method, path, body=None):
    address = addresses[0]
    connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=3, context=context)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", "X-Real-Ip": ""})
        response = connection.getresponse()
        data = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"{method} {path}: {response.status} {data[:100]!r}")
    return json.loads(data)


def decoded(config):
    instances = [base64.b64decode(one, validate=True).decode() for one in config["instances"] or []]
    assert config["cluster_check"] is False and not config["ad_identifiers"], config
    return [config["check_name"], config["service_id"], instances]


last_change, running = 0, None
known_version = False
while True:
    try:
        if not known_version:
            version = call("GET", "/version")
            assert version["Major"] >= 7, version
            known_version = True
        status = call("POST", f"/api/v1/clusterchecks/status/{ID}", json.dumps({"last_change": last_change, "node_type": 2}))
        if not status["isuptodate"]:
            answer = call("GET", f"/api/v1/clusterchecks/configs/{ID}")
            configs = sorted(decoded(one) for one in answer["configs"])
            last_change = answer["last_change"]
            if configs != running:
                running = configs
                say(configs=configs, last_change=last_change)
    except (OSError, ValueError, KeyError, AssertionError, http.client.HTTPException) as error:
        say(error=f"{type(error).__name__}: {error}")
        addresses.append(addresses.pop(0))
    time.sleep(POLL)
