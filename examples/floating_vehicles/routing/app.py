"""The web service. Run: gunicorn --threads 4 'routing.app:create_app()'"""
from flask import Flask, jsonify, request
from prometheus_client import Counter

from routing import feed, plan

REQUESTS = Counter("routing_requests", "Routes asked for, by city and outcome",
                   ["city", "outcome"])


class NoSuchZone(LookupError):
    """The city is served, but has no such zone."""


def route():
    city = request.args.get("city", "")
    zone = request.args.get("zone", "centre")
    seats = request.args.get("seats", default=1, type=int)
    if city not in feed.CITIES:
        return jsonify(error="not a city that we serve"), 404
    try:
        if zone not in feed.ZONE_SIZES:
            raise NoSuchZone(zone)
        found = plan.best(city, zone, seats)
    except LookupError as error:
        REQUESTS.labels(city, "exception").inc()
        return jsonify(error=f"{type(error).__name__}: {error}"), 500
    REQUESTS.labels(city, "ok").inc()
    return jsonify([{"id": v.id, "plate": v.plate, "walk_minutes": v.walk_minutes}
                    for v in found])


def create_app():
    app = Flask("routing")
    app.add_url_rule("/route", view_func=route)
    app.add_url_rule("/healthz", view_func=lambda: "ok", endpoint="healthz")
    feed.warm_up()
    return app
