"""usage: sink.py ADDRESS PORT FILE

Takes every page that is posted to it and writes it to FILE, a line each, with
the time: {"at": unix seconds, "body": the JSON}. Runs until it is ended.
"""
import http.server
import json
import sys
import time


def main():
    address, port, path = sys.argv[1:]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size))
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"at": time.time(), "body": body}) + "\n")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer((address, int(port)),
                                    Handler).serve_forever()


if __name__ == "__main__":
    main()
