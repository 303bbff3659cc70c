"""Departures by long poll. Healthy: many coroutines wait, as many as there are
callers. Run: python3 board.py PORT"""
import asyncio
import sys

from aiohttp import web
from prometheus_client import Counter

REQUESTS = Counter("board_requests", "Polls answered, by outcome", ["outcome"])
WAIT_S = 40


class Board:
    """Wakes everybody who waits when a departure changes."""

    def __init__(self):
        self._changed = asyncio.Condition()
        self.version = 0

    async def change(self):
        async with self._changed:
            self.version += 1
            self._changed.notify_all()

    async def newer_than(self, version):
        async with self._changed:
            await self._changed.wait_for(lambda: self.version > version)
            return self.version


async def poll(request):
    board = request.app["board"]
    seen = int(request.query.get("version", board.version))
    try:
        version = await asyncio.wait_for(board.newer_than(seen), WAIT_S)
    except asyncio.TimeoutError:
        REQUESTS.labels("unchanged").inc()
        return web.json_response({"version": seen})
    REQUESTS.labels("changed").inc()
    return web.json_response({"version": version})


async def with_board(app):
    app["board"] = Board()
    yield


def create_app():
    app = web.Application()
    app.router.add_get("/poll", poll)
    app.cleanup_ctx.append(with_board)
    return app


if __name__ == "__main__":
    web.run_app(create_app(), host="127.0.0.1", port=int(sys.argv[1]),
                print=None, access_log=None)
