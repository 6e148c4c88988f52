"""A server of metrics pages. It writes its port to DIRECTORY/port, and for each page that is asked for the second since
the Epoch, the user who asks and the path to its output."""

import asyncio
import base64
import os
import sys
import time

directory = sys.argv[1]
PAGE = b"# TYPE up_to_date gauge\nup_to_date 1\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE


async def serve(reader, writer):
    try:
        while True:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = request.split()[1]
            fields = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
            user = base64.b64decode(fields["Authorization"].removeprefix("Basic ")).decode().split(":")[0]
            print(f"{time.time():.3f} {user} {path}", flush=True)
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with open(f"{directory}/port.new", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(f"{directory}/port.new", f"{directory}/port")
    await server.serve_forever()


asyncio.run(main())
