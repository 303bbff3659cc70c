"""A logging handler that each request adds to a logger and none removes."""
import io
import logging

logger = logging.getLogger("audit")
logger.propagate = False
logger.setLevel(logging.CRITICAL)


class RequestHandler(logging.Handler):
    def __init__(self, number):
        super().__init__()
        self.number = number
        self.lines = 0
        self.out = io

    def emit(self, record):
        self.lines += 1


def churn():
    return logging.Formatter()


def handle(number):
    logger.addHandler(RequestHandler(number))  # LEAK
    logger.debug("request %d", number)
