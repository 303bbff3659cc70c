# A harmless leak, to exercise a page: `plimsoll drill` and the chart's Job run it.
# Arguments: the script itself, objects a second, seconds. It ends by its own clock,
# when its standard input is closed (whoever started it is gone), or with SIGKILL.
import select, sys, time

KEPT = []


class Leaked:
    __slots__ = ("number", "payload")

    def __init__(self, number):
        self.number = number
        self.payload = bytes(400)


def leak(number):
    KEPT.append(Leaked(number))


def main(per_second, seconds):
    print(flush=True)  # whoever started it waits for this
    start = time.monotonic()
    made = 0
    while (age := time.monotonic() - start) < seconds:
        while made < age * per_second:
            leak(made)
            made += 1
        if select.select([sys.stdin], [], [], 0.1)[0]:
            return


main(float(sys.argv[2]), float(sys.argv[3]))
