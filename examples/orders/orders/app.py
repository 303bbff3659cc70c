"""The web service. Run: gunicorn --threads 4 'orders.app:create_app()'"""
import gc

from flask import Flask, jsonify
from prometheus_client import Counter

from orders import database, settings

REQUESTS = Counter("orders_requests", "Requests, by endpoint and outcome",
                   ["endpoint", "outcome"])


def customer(number):
    orders = database.fetch("SELECT * FROM orders WHERE customer = %s", number)
    for order in orders:
        order["events"] = database.fetch(
            "SELECT * FROM events WHERE order_id = %s", order["id"])
    REQUESTS.labels("customer", "ok").inc()
    return jsonify(orders)


def shipping(grams):
    REQUESTS.labels("shipping", "ok").inc()
    return jsonify(cents=390 + grams // 10)


def create_app():
    app = Flask("orders")
    app.add_url_rule("/customer/<int:number>", view_func=customer)
    app.add_url_rule("/shipping/<int:grams>", view_func=shipping)
    app.add_url_rule("/healthz", view_func=lambda: "ok", endpoint="healthz")
    if settings.COLLECTOR == "off":
        gc.disable()
    return app
