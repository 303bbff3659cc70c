"""A Django request path called through its WSGI handler: middleware, routing, a
hundred rows of an in-memory SQLite through the ORM, JSON. Protocol as in serve.py.
"""
import io
import json

import django
from django.conf import settings

import serve

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="bench",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3",
                           "NAME": ":memory:"}},
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"])
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


class Order(models.Model):
    customer = models.CharField(max_length=40)
    amount = models.IntegerField()

    class Meta:
        app_label = "bench"


def orders(_):
    rows = Order.objects.filter(amount__gte=0).order_by("amount")[:100]
    return JsonResponse({"orders": [
        {"customer": row.customer, "amount": row.amount} for row in rows]})


urlpatterns = [path("orders", orders)]
with connection.schema_editor() as editor:
    editor.create_model(Order)
Order.objects.bulk_create(
    Order(customer="customer-%d" % i, amount=i) for i in range(100))
application = get_wsgi_application()


def handle(_):
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/orders",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http",
    }
    status = []
    body = b"".join(application(environ, lambda s, h, e=None: status.append(s)))
    if status != ["200 OK"] or len(json.loads(body)["orders"]) != 100:
        raise RuntimeError(status)


if __name__ == "__main__":
    serve.serve(handle)
