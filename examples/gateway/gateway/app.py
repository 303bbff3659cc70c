"""The web service. Run: python3 -m gateway.app PORT"""
import sys

from aiohttp import web
from prometheus_client import Counter

from gateway import headers, upstream

REQUESTS = Counter("gateway_requests", "Requests handed on, by endpoint and status",
                   ["endpoint", "status"])


async def hand_on(request):
    body, answered = await upstream.ask(request.path)
    REQUESTS.labels("hand_on", "200").inc()
    return web.Response(body=body, headers=headers.end_to_end(answered))


async def healthz(_request):
    REQUESTS.labels("healthz", "200").inc()
    return web.Response(text="ok")


def create_app():
    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/{path:.*}", hand_on)
    return app


if __name__ == "__main__":
    web.run_app(create_app(), host="127.0.0.1", port=int(sys.argv[1]),
                print=None, access_log=None)
