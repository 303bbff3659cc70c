"""A Flask handler called through its WSGI interface, so that the client's CPU
is not in the figure: routing, JSON body, about 200 objects of own classes, a
rendered template. Protocol as in serve.py.
"""
import io
import json

import flask

import serve


class Stop:
    def __init__(self, name, minutes):
        self.name = name
        self.minutes = minutes


app = flask.Flask(__name__)
PAGE = "<ul>{% for s in stops %}<li>{{ s.name }} {{ s.minutes }}</li>{% endfor %}</ul>"


@app.route("/route", methods=["POST"])
def route():
    wanted = flask.request.get_json()
    stops = [Stop("stop-%d" % i, i * 3) for i in range(wanted["stops"])]
    return flask.render_template_string(PAGE, stops=stops[:20])


BODY = json.dumps({"stops": 200}).encode()


def handle(_):
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/route",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(BODY)),
        "wsgi.input": io.BytesIO(BODY),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    status = []
    body = b"".join(app.wsgi_app(environ, lambda s, h, e=None: status.append(s)))
    if status != ["200 OK"] or b"stop-19" not in body:
        raise RuntimeError(status)


if __name__ == "__main__":
    serve.serve(handle)
