"""The web service. Run: see examples/README.md."""
from flask import Flask, jsonify
from prometheus_client import Counter

from recipes import profiler

REQUESTS = Counter("recipes_requests", "Pages asked for, by page and status",
                   ["endpoint", "status"])
INGREDIENTS = ("flour", "butter", "sugar", "salt", "milk", "eggs", "yeast")


def recipe(number):
    parts = [{"name": name, "grams": (number * 37 + step * 11) % 400}
             for step, name in enumerate(INGREDIENTS)]
    return jsonify(number=number, parts=parts)


def count(endpoint):
    def after(response):
        REQUESTS.labels(endpoint(), str(response.status_code)).inc()
        return response
    return after


def create_app():
    from flask import request
    app = Flask("recipes")
    app.add_url_rule("/recipe/<int:number>", view_func=recipe)
    app.add_url_rule("/healthz", view_func=lambda: "ok", endpoint="healthz")
    app.after_request(count(lambda: request.endpoint or "none"))
    profiler.RequestProfiler(app)
    return app


app = create_app()
