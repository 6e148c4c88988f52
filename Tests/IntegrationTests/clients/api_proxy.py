#!/usr/bin/env python3
"""A proxy in front of the API server that fails on demand and keeps a record of what it saw.

usage: api_proxy.py UPSTREAM_PORT CA CERTIFICATE KEY PATHS

Each of the PATHS ways to the API server has a port of its own, so that one replica can be cut off while the others are not. TLS ends here, with
the given certificate; the Authorization header is passed on. The first line of output names the ports: {"control": PORT, "paths": [PORT, ...]}.

On the control port, plain HTTP:
  POST /fault {"path": 0, "fault": "none|hang|drop|delay-requests|delay-answers", "seconds": 4}
  GET /record?from=N   {"next": M, "rows": [...]}: the rows from the Nth on

`hang` lets nothing pass, in both directions, until the fault changes. `drop` resets what is open and what comes. `delay-requests` holds each request
back before the API server sees it, so that a write is committed after its sender gave it up. `delay-answers` holds the answer back, so that a
write is committed and its sender does not know.

A row is one request: path, method, target, received (complete here), forwarded, answered (the whole answer read from the API server, before any
delay), status. Times are CLOCK_BOOTTIME in nanoseconds. A write of a Lease that the API server took has the stored `lease` as well. A request that got
no answer has no status; under `drop` a connection is a row with the method CONNECT. A watch is a row as soon as it is answered; a 410 inside it is a
row of its own with `event` true.
"""
import asyncio
import json
import ssl
import sys
import time

UPSTREAM = int(sys.argv[1])
CA, CERTIFICATE, KEY = sys.argv[2:5]
PATHS = int(sys.argv[5])
LIMIT = 64 << 20
record = []


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


async def chunks(reader):
    """Yields (the chunk as it came, its data), the last one empty."""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        data = await reader.readexactly(size + 2)
        yield line + data, data[:-2]
        if size == 0:
            return


async def read_head(reader):
    """Returns (the first line's words, the headers by lower-case name, all of it as it came)."""
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw[:-4].decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return first.split(" ", 2), headers, raw


class Path:
    """One replica's way to the API server."""

    def __init__(self, index, upstream_tls):
        self.index = index
        self.upstream_tls = upstream_tls
        self.fault, self.seconds = "none", 0.0
        self.changed = asyncio.Event()
        self.writers = set()

    def set(self, fault, seconds):
        self.fault, self.seconds = fault, seconds
        self.changed.set()
        self.changed = asyncio.Event()
        if fault == "drop":
            for writer in list(self.writers):
                writer.transport.abort()

    async def passage(self, delayed_by=None):
        if delayed_by is not None and self.fault == delayed_by:
            await asyncio.sleep(self.seconds)
        while self.fault == "hang":
            await self.changed.wait()
        if self.fault == "drop":
            raise ConnectionResetError("dropped")

    def row(self, method, target):
        return {"path": self.index, "method": method, "target": target, "received": now()}

    async def serve(self, reader, writer):
        if self.fault == "drop":
            record.append(self.row("CONNECT", ""))
            writer.transport.abort()
            return
        self.writers.add(writer)
        upstream = None
        try:
            while True:
                (method, target, _), headers, raw = await read_head(reader)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                row = self.row(method, target)
                try:
                    await self.passage("delay-requests")
                    if upstream is None or upstream[0].at_eof():
                        if upstream is not None:
                            upstream[1].close()
                        upstream = await asyncio.open_connection(
                            "127.0.0.1", UPSTREAM, ssl=self.upstream_tls, server_hostname="localhost", limit=LIMIT)
                    row["forwarded"] = now()
                    upstream[1].write(raw + body)
                    await upstream[1].drain()
                    await self.answer(row, upstream[0], reader, writer)
                finally:
                    if "status" not in row:
                        record.append(row)
        except (OSError, EOFError, ssl.SSLError, asyncio.LimitOverrunError):
            pass
        finally:
            self.writers.discard(writer)
            # Reset, not closed: the client must see at once that nothing more comes, also from the middle of an answer.
            writer.transport.abort()
            if upstream is not None:
                upstream[1].transport.abort()

    async def answer(self, row, upstream, reader, writer):
        (_, status, *_), headers, raw = await read_head(upstream)
        is_chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        if "watch=true" in row["target"] and status == "200":
            row["status"] = 200
            record.append(row)
            return await self.stream(row, raw, upstream, reader, writer)
        if is_chunked:
            parts = [part async for part in chunks(upstream)]
            encoded, body = b"".join(part[0] for part in parts), b"".join(part[1] for part in parts)
        else:
            encoded = body = await upstream.readexactly(int(headers.get("content-length", 0)))
        row["answered"], row["status"] = now(), int(status)
        if row["method"] in ("PUT", "POST") and "/leases" in row["target"] and row["status"] // 100 == 2:
            row["lease"] = json.loads(body)
        record.append(row)
        await self.passage("delay-answers")
        writer.write(raw + encoded)
        await writer.drain()

    async def stream(self, row, raw, upstream, reader, writer):
        await self.passage("delay-answers")
        writer.write(raw)
        parts = chunks(upstream).__aiter__()
        following = asyncio.ensure_future(parts.__anext__())
        try:
            while True:
                done, _ = await asyncio.wait({following}, timeout=0.5)
                if reader.at_eof():
                    raise ConnectionResetError("the client has gone")
                if not done:
                    continue
                encoded, data = following.result()
                if b'"code":410' in data:
                    record.append({**row, "status": 410, "event": True, "answered": now()})
                await self.passage("delay-answers")
                writer.write(encoded)
                await writer.drain()
                if not data:
                    return
                following = asyncio.ensure_future(parts.__anext__())
        finally:
            following.cancel()


async def control(paths, reader, writer):
    try:
        while True:
            (method, target, _), headers, _ = await read_head(reader)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            answer = {}
            if method == "POST":
                wanted = json.loads(body)
                paths[wanted["path"]].set(wanted["fault"], wanted["seconds"])
            else:
                start = int(target.partition("from=")[2])
                rows = record[start:]
                answer = {"next": start + len(rows), "rows": rows}
            text = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
            await writer.drain()
    except (OSError, EOFError):
        pass
    finally:
        writer.close()


async def main():
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(CERTIFICATE, KEY)
    serving.set_alpn_protocols(["http/1.1"])
    upstream = ssl.create_default_context(cafile=CA)
    upstream.set_alpn_protocols(["http/1.1"])
    paths = [Path(index, upstream) for index in range(PATHS)]
    servers = [await asyncio.start_server(path.serve, "127.0.0.1", 0, ssl=serving, limit=LIMIT) for path in paths]
    controlling = await asyncio.start_server(lambda *streams: control(paths, *streams), "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    print(json.dumps({"control": controlling.sockets[0].getsockname()[1], "paths": ports}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
