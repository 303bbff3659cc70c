"""The services behind the gateway; made up here, so that it runs alone."""
import asyncio
import itertools

_numbers = itertools.count(1)


async def ask(path):
    """(body, headers) as an upstream gives them."""
    await asyncio.sleep(0.001)
    number = next(_numbers)
    headers = [("Content-Type", "application/json"), ("Connection", "keep-alive"),
               ("X-Request-Id", f"request-{number:012d}"),
               ("X-Trace", f"00-{number:032x}-{number:016x}-01")]
    headers += [("Set-Cookie", f"part{i}={number * 31 + i:024x}; Path=/; HttpOnly")
                for i in range(12)]
    headers += [(f"X-Shard-{i}", f"{path} {number + i}") for i in range(12)]
    return b'{"ok": true}', headers
