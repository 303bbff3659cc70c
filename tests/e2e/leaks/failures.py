"""An exception's traceback: kept for a report, with all locals of its frames."""
RECENT = []


class Row:
    def __init__(self, number):
        self.number = number
        self.price = number * 1.5


def load(count):
    rows = [Row(i) for i in range(count)]  # LEAK
    if rows[-1].number != count:
        raise LookupError("withdrawn")
    return rows


def churn():
    return Row(1)


def handle(_number):
    try:
        load(20)
    except LookupError as error:
        RECENT.append(error)
