"""The web service. Run: gunicorn --threads 4 'quotes.app:create_app()'"""
from flask import Flask, jsonify, request
from prometheus_client import Counter

from quotes import ledger, tariffs

REQUESTS = Counter("quotes_requests", "Quotes asked for, by city and outcome",
                   ["city", "outcome"])
# Several lengths are quoted, so that the traveller may change it without asking.
STEPS_PER_QUOTE = 100


def quote():
    city = request.args.get("city", "unknown")
    pair = request.args.get("pair", default=0, type=int) % tariffs.ZONE_PAIRS
    tariff = tariffs.tariff(pair)
    quotes = [ledger.Quote(pair, step, tariff.cents_by_step[step])
              for step in range(STEPS_PER_QUOTE)]
    cheapest = min(quotes, key=lambda q: q.cents)
    if pair % 4 == 0:
        cheapest.draw_map()
    ledger.record(quotes)
    REQUESTS.labels(city, "ok").inc()
    return jsonify(cents=cheapest.cents, currency=cheapest.currency)


def create_app():
    app = Flask("quotes")
    app.add_url_rule("/quote", view_func=quote)
    app.add_url_rule("/healthz", view_func=lambda: "ok", endpoint="healthz")
    return app
