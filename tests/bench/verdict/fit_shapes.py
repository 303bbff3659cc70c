#!/usr/bin/env python3
"""Fits verdict_bench's shapes to recordings of real programs.

    fit_shapes.py DIRECTORY [--bench build/release/bin/verdict_bench]
                  [--days TRACE...]

DIRECTORY is record_programs.py's; TRACE files are those of `verdict_bench
--trace`, whose days are held against the shape that follows the load. A row is a
trait as it was recorded, and the range that the generator draws it from. As in
`verdict_bench --recorded`, a second of a recording stands for 40 and the limit is
twice the most that the program had (of memory that the limit presses on, 1.2
times; of a trace, 1.5 times, as for --trace).

Misfit: what the fitted shape leaves of the recording (root of mean square), of
the size of the shape's own move. Of flat memory: of the autocorrelation, beside
that of the noise that the generator makes. Only the standard library is used.
"""

import argparse
import math
import pathlib
import statistics
import subprocess
import sys

SPEED = 40
SETTLE = 3  # seconds of a recording: an interpreter that starts
DAY_S = 86400
FINEST = 0.05  # times are fitted in steps of so much
BENCH = pathlib.Path(__file__).parents[3] / "build/release/bin/verdict_bench"


class Fit:
    """Traits by name, in shares of the limit, seconds or hours; and the misfit."""

    def __init__(self, traits, misfit):
        self.traits = traits
        self.misfit = misfit


def rms(values):
    values = list(values)
    return math.sqrt(sum(v * v for v in values) / max(1, len(values)))


def line_through(xs, ys):
    """(a, b) of the least squares y = a + b x."""
    mx, my = statistics.fmean(xs), statistics.fmean(ys)
    xx = sum((x - mx) ** 2 for x in xs)
    b = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / xx if xx else 0.0
    return my - b * mx, b


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def autocorrelation(values, most):
    """Of lags 0 to `most`."""
    mean = statistics.fmean(values)
    off = [v - mean for v in values]
    whole = sum(o * o for o in off)
    return [sum(a * b for a, b in zip(off, off[lag:])) / whole
            for lag in range(most + 1)]


def fit_flat(times, values):
    """The noise: AR(1), whose correlation falls to 1/e in noise_s."""
    first = len(times) // 3
    values, step = values[first:], times[1] - times[0]
    level = statistics.fmean(values)
    noise = statistics.pstdev(values)
    if noise < 1e-9:
        return Fit({"base": level}, 0.0)  # it does not move
    found = autocorrelation(values, len(values) // 2)
    below = next((i for i, r in enumerate(found) if r < 1 / math.e), len(found) - 1)
    before = found[below - 1]
    lag = below - (1 / math.e - found[below]) / max(1e-9, before - found[below])
    lag = max(lag, 0.2)
    seen = found[:max(5, int(2 * lag))]
    misfit = rms(r - math.exp(-i / lag) for i, r in enumerate(seen))
    return Fit({"base": level, "noise_of_base": noise / level,
                "noise_s": lag * step}, misfit)


def fill_of(times, values, even):
    """(a, b, tau, rms, misfit) of a + b (1 - exp(-t / tau)), or of
    a + b min(1, t / tau)."""
    best, move = None, 0.0
    for i in range(120):
        tau = times[-1] * math.exp(-5 + FINEST * i)  # up to 2.6 spans
        xs = [min(1.0, t / tau) if even else 1 - math.exp(-t / tau) for t in times]
        a, b = line_through(xs, values)
        left = rms(y - a - b * x for x, y in zip(xs, values))
        if best is None or left < best[3]:
            best = (a, b, tau, left)
            move = b * (xs[-1] - xs[0])  # what of the fill was seen
    return *best, best[3] / max(1e-12, abs(move))


def fit_warm_up(times, values):
    a, b, tau, _, misfit = fill_of(times, values, even=False)
    return Fit({"base": a, "rise": b, "rise_s": tau}, misfit)


def fit_cache(times, values):
    slowing, even = (fill_of(times, values, even) for even in (False, True))
    name = "even_fill_h" if even[3] < slowing[3] else "slowing_fill_h"
    a, b, tau, _, misfit = min(slowing, even, key=lambda fill: fill[3])
    return Fit({"base": a, "fill": b, name: tau / 3600}, misfit)


def turns(values):
    """Where a zigzag turns: [(index of a trough, index of the peak after it)]."""
    least = 0.3 * (quantile(values, 0.95) - quantile(values, 0.05))
    teeth, low, high = [], 0, 0
    for i, v in enumerate(values):
        if v > values[high]:
            high = i
        elif v < values[high] - least:
            teeth.append((low, high))
            low = high = i
        if teeth and low > teeth[-1][1] and v < values[low]:
            low = high = i
    return teeth


def fit_saw(times, values):
    """Teeth; None where there are fewer than three whole ones."""
    teeth = turns(values)[1:]  # the first begins anywhere
    if len(teeth) < 3:
        return None
    pairs = list(zip(teeth, teeth[1:]))
    heights = [values[a[1]] - values[b[0]] for a, b in pairs]
    left = []
    for low, high in teeth:
        run = max(1, high - low)
        left += [values[i] - values[low] -
                 (values[high] - values[low]) * (i - low) / run
                 for i in range(low, high + 1)]
    height = statistics.median(heights)
    return Fit({"base": statistics.median(values[low] for low, _ in teeth),
                "tooth": height,
                "tooth_s": statistics.median(times[b[1]] - times[a[1]]
                                             for a, b in pairs)},
               rms(left) / height)


def fit_pressure(times, values):
    """Rises up to a level, and what is given back of all above the start."""
    teeth = turns(values)
    if len(teeth) < 2:
        return None
    base = values[0]
    rises, left = [], []
    for low, high in teeth:
        span = range(low, high + 1)
        a, b = line_through([times[i] for i in span], [values[i] for i in span])
        rises.append(b * 3600)
        left += [values[i] - a - b * times[i] for i in span]
    peaks = [values[high] for _, high in teeth]
    falls = [(values[a[1]] - values[b[0]]) / (values[a[1]] - base)
             for a, b in zip(teeth, teeth[1:])]
    return Fit({"base": base, "rise_per_h": statistics.median(rises),
                "top": statistics.median(peaks),
                "given_back": statistics.median(falls)},
               rms(left) / (statistics.median(peaks) - base))


def fit_step(times, values):
    best = None
    for k in range(len(values) // 10, len(values) * 9 // 10):
        before = statistics.median(values[:k])
        after = statistics.median(values[k:])
        # The sum of distances: a start that is still rising has few samples.
        left = (sum(abs(v - before) for v in values[:k]) +
                sum(abs(v - after) for v in values[k:]))
        if best is None or left < best[0]:
            best = (left, k, before, after)
    _, k, before, after = best
    off = rms([v - before for v in values[:k]] + [v - after for v in values[k:]])
    return Fit({"base": before, "step": after - before,
                "at_of_history": times[k] / times[-1]}, off / abs(after - before))


def fit_by_load(times, values, period_s):
    """The swing of a sine of that period, from its least to its most."""
    turn = 2 * math.pi / period_s
    mean = statistics.fmean(values)
    n = len(times)
    # Whole periods alone: there sine and cosine do not mix.
    whole = period_s * int((times[-1] - times[0]) / period_s * 1.001)
    kept = [i for i in range(n) if times[i] - times[0] < max(whole, times[1])]
    mean = statistics.fmean(values[i] for i in kept)
    sine = sum((values[i] - mean) * math.sin(turn * times[i]) for i in kept)
    cosine = sum((values[i] - mean) * math.cos(turn * times[i]) for i in kept)
    sine, cosine = 2 * sine / len(kept), 2 * cosine / len(kept)
    swing = 2 * math.hypot(sine, cosine)
    left = rms(values[i] - mean - sine * math.sin(turn * times[i]) -
               cosine * math.cos(turn * times[i]) for i in kept)
    return Fit({"swing": swing}, left / swing if swing else math.inf)


def fit_high_water(_times, values):
    """What the highest burst left over the start."""
    most, highest = [], -math.inf
    for v in values:
        highest = max(highest, v)
        most.append(highest)
    size = highest - values[0]
    off = rms(m - v for m, v in zip(most, values))
    return Fit({"base": values[0], "highest": size}, off / size)


def fit_mixed(times, values):
    """A cache that fills and teeth on it; the generator halves both."""
    cache = fit_cache(times, values)
    even = "even_fill_h" in cache.traits
    tau = 3600 * cache.traits["even_fill_h" if even else "slowing_fill_h"]
    filled = [cache.traits["base"] + cache.traits["fill"] *
              (min(1.0, t / tau) if even else 1 - math.exp(-t / tau)) for t in times]
    rest = [v - f for v, f in zip(values, filled)]
    saw = fit_saw(times, rest)
    traits = dict(cache.traits)
    if saw is None:
        return Fit(traits, cache.misfit)
    traits.update(tooth=saw.traits["tooth"], tooth_s=saw.traits["tooth_s"])
    return Fit(traits, saw.misfit * saw.traits["tooth"] / abs(traits["fill"]))


def fit_queue(times, values):
    return fit_by_load(times, values, times[-1] - times[0])  # its day is all of it


# Shape, the recorded program, how it is fitted, and the limit over its most.
FITS = (
    ("flat", "flat", fit_flat, 2),
    ("flat", "flask_under_gunicorn", fit_flat, 2),
    ("saw", "bodies_in_cycles", fit_saw, 2),
    ("warm-up", "imports", fit_warm_up, 2),
    ("cache", "lru_cache_by_popularity", fit_cache, 2),
    ("cache", "lru_cache_in_order", fit_cache, 2),
    ("pressure", "cache_under_pressure", fit_pressure, 1.2),
    ("step", "reload_table", fit_step, 2),
    ("diurnal", "queue_by_load", fit_queue, 2),
    ("high-water", "bursts", fit_high_water, 2),
    ("mixed", "flask_with_cache", fit_mixed, 2),
)


def read_points(path, every_s=0.0):
    """[(second, amount)], each at least so long after the one before."""
    points = []
    for line in pathlib.Path(path).read_text().splitlines():
        words = line.split(",")
        try:
            second, amount = float(words[0]), float(words[1])
        except (ValueError, IndexError):
            continue
        if not points or second >= points[-1][0] + every_s:
            points.append((second, amount))
    return points


def ranges_of(bench):
    """{(shape, trait): (lo, hi)} of what the generator draws."""
    done = subprocess.run([bench, "--ranges"], check=True, capture_output=True,
                          text=True)
    ranges = {}
    for line in done.stdout.splitlines():
        shape, trait, lo, hi = line.split(",")
        ranges[shape, trait] = float(lo), float(hi)
    full, depth = ranges["diurnal", "at_full_load"], ranges["diurnal", "depth"]
    ranges["diurnal", "swing"] = full[0] * depth[0], full[1] * depth[1]
    for trait in ("fill", "even_fill_h", "slowing_fill_h"):
        ranges["mixed", trait] = ranges["cache", trait]
    for trait in ("tooth", "tooth_s"):
        ranges["mixed", trait] = ranges["saw", trait]
    for trait in ("fill", "tooth"):
        ranges["mixed", trait] = tuple(end / 2 for end in ranges["mixed", trait])
    return ranges


def print_row(shape, name, trait, value, drawn, misfit):
    lo, hi = drawn
    within = lo * (1 - FINEST) <= value <= hi * (1 + FINEST)
    inside = "inside" if within else "OUTSIDE"
    print(f"{shape:11} {name:24} {trait:15} {value:9.4g}  "
          f"{f'{lo:.4g} to {hi:.4g}':18} {inside:8} {misfit:6.2f}")
    return inside == "inside"


def print_recordings(directory, ranges):
    """Whether all that was recorded is in the ranges."""
    well = True
    for shape, name, fit, limit_of_most in FITS:
        path = directory / f"{name}.csv"
        points = read_points(path)[SETTLE:] if path.exists() else []
        if len(points) < 60:
            print(f"{shape:11} {name:24} no recording")
            well = False
            continue
        limit = limit_of_most * max(kib for _, kib in points)
        fitted = fit([(s - points[0][0]) * SPEED for s, _ in points],
                     [kib / limit for _, kib in points])
        if fitted is None:
            print(f"{shape:11} {name:24} it does not have this shape")
            well = False
            continue
        for trait, value in fitted.traits.items():
            drawn = ranges.get((shape, trait), ranges.get(("any", trait)))
            well &= print_row(shape, name, trait, value, drawn, fitted.misfit)
    return well


def print_days(traces, ranges):
    """The swings of whole machines by the day."""
    swings, misfits = [], []
    for trace in traces:
        points = read_points(trace, every_s=600)
        limit = 1.5 * max(amount for _, amount in points)
        fitted = fit_by_load([s for s, _ in points],
                             [amount / limit for _, amount in points], DAY_S)
        swings.append(fitted.traits["swing"])
        misfits.append(fitted.misfit)
    for share in (0.05, 0.5, 0.95):
        print_row("diurnal", f"{len(traces)} machines, {share:.0%}", "swing",
                  quantile(swings, share), ranges["diurnal", "swing"],
                  quantile(misfits, share))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--bench", default=BENCH)
    parser.add_argument("--days", nargs="*", default=[], metavar="TRACE")
    args = parser.parse_args()
    ranges = ranges_of(args.bench)
    print(f"{'shape':11} {'recording':24} {'trait':15} {'recorded':>9}  "
          f"{'drawn from':18} {'':8} misfit")
    well = print_recordings(args.directory, ranges)
    if args.days:
        print_days(args.days, ranges)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
