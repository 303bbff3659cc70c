#!/usr/bin/env python3
"""Callers that wait for departures: callers.py PORT CALLERS PER_SECOND SECONDS

They come one after another, PER_SECOND of them a second, and then stay; each
asks again as soon as it has an answer. Ends by itself.
"""
import asyncio
import os
import resource
import sys


async def call(port):
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                writer.write(b"GET /poll HTTP/1.1\r\nHost: board\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(row.split(b":")[1]) for row in head.split(b"\r\n")
                              if row.lower().startswith(b"content-length"))
                await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(1)


async def main(port, callers, per_second, seconds):
    parent = os.getppid()
    tasks = []
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end and os.getppid() == parent:
        for _ in range(min(per_second, callers - len(tasks))):
            tasks.append(asyncio.create_task(call(port)))
        await asyncio.sleep(1)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main(*map(int, sys.argv[1:5])))
