"""Shapes with known traits are fitted, and a wrong shape is seen to misfit."""
import math
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fit_shapes  # noqa: E402

TIMES = [40.0 * i for i in range(900)]  # ten hours
WITHIN = 0.15  # of the truth


def made(value_at, noise=0.0005, seed=7):
    draw = random.Random(seed)
    return [value_at(t) + draw.gauss(0, noise) for t in TIMES]


def saw(t, height, period_s):
    return height * math.fmod(t, period_s) / period_s


class FitShapes(unittest.TestCase):
    def expect(self, fitted, **traits):
        self.assertIsNotNone(fitted)
        for name, truth in traits.items():
            self.assertIn(name, fitted.traits)
            self.assertAlmostEqual(fitted.traits[name], truth,
                                   delta=WITHIN * truth, msg=name)

    def test_noise_that_has_a_memory(self):
        draw, values, off = random.Random(3), [], 0.0
        keep = math.exp(-40 / 400)
        times = [40.0 * i for i in range(9000)]
        for _ in times:
            off = keep * off + 0.002 * math.sqrt(1 - keep * keep) * draw.gauss(0, 1)
            values.append(0.25 + off)
        fitted = fit_shapes.fit_flat(times, values)
        self.expect(fitted, base=0.25, noise_of_base=0.008, noise_s=400)
        self.assertLess(fitted.misfit, 0.1)

    def test_memory_that_never_moves_has_no_noise(self):
        fitted = fit_shapes.fit_flat(TIMES, [0.25] * len(TIMES))
        self.assertEqual(fitted.traits, {"base": 0.25})

    def test_a_saw(self):
        fitted = fit_shapes.fit_saw(
            TIMES, made(lambda t: 0.3 + saw(t, 0.08, 2000), noise=0.002))
        self.expect(fitted, base=0.3, tooth=0.08, tooth_s=2000)
        self.assertLess(fitted.misfit, 0.1)

    def test_what_has_no_teeth_is_no_saw(self):
        self.assertIsNone(fit_shapes.fit_saw(TIMES, made(lambda t: 0.3 + t / 1e6)))

    def test_a_warm_up(self):
        fitted = fit_shapes.fit_warm_up(
            TIMES, made(lambda t: 0.2 + 0.1 * (1 - math.exp(-t / 1200))))
        self.expect(fitted, base=0.2, rise=0.1, rise_s=1200)
        self.assertLess(fitted.misfit, 0.05)

    def test_a_cache_that_fills_ever_slower(self):
        fitted = fit_shapes.fit_cache(
            TIMES, made(lambda t: 0.1 + 0.3 * (1 - math.exp(-t / 5400))))
        self.expect(fitted, base=0.1, fill=0.3, slowing_fill_h=1.5)
        self.assertLess(fitted.misfit, 0.05)

    def test_a_cache_that_fills_at_an_even_pace(self):
        fitted = fit_shapes.fit_cache(
            TIMES, made(lambda t: 0.1 + 0.3 * min(1, t / 14400)))
        self.expect(fitted, base=0.1, fill=0.3, even_fill_h=4)
        self.assertLess(fitted.misfit, 0.05)

    def test_memory_that_is_given_back_at_a_level(self):
        kept, values = 0.0, []
        for _ in TIMES:
            kept += 0.2 / 3600 * 40
            values.append(0.2 + kept)
            if values[-1] > 0.85:
                kept *= 0.4
        fitted = fit_shapes.fit_pressure(TIMES, values)
        self.expect(fitted, base=0.2, rise_per_h=0.2, top=0.85, given_back=0.6)
        self.assertLess(fitted.misfit, 0.05)

    def test_a_step(self):
        fitted = fit_shapes.fit_step(
            TIMES, made(lambda t: 0.2 + (0.1 if t > 9000 else 0)))
        self.expect(fitted, base=0.2, step=0.1, at_of_history=0.25)
        self.assertLess(fitted.misfit, 0.05)

    def test_the_swing_of_a_day(self):
        times = [600.0 * i for i in range(6 * 24 * 6)]
        fitted = fit_shapes.fit_by_load(
            times, [0.5 + 0.04 * math.sin(t / 86400 * 2 * math.pi + 1)
                    for t in times], 86400)
        self.expect(fitted, swing=0.08)
        self.assertLess(fitted.misfit, 0.05)

    def test_the_most_that_bursts_needed(self):
        fitted = fit_shapes.fit_high_water(
            TIMES, [0.2 + 0.05 * (t > 3000) + 0.04 * (t > 20000) for t in TIMES])
        self.expect(fitted, base=0.2, highest=0.09)
        self.assertEqual(fitted.misfit, 0)

    def test_teeth_on_a_cache(self):
        fitted = fit_shapes.fit_mixed(
            TIMES, made(lambda t: 0.2 + 0.15 * min(1, t / 14400)
                        + saw(t, 0.04, 2000)))
        self.expect(fitted, fill=0.15, even_fill_h=4, tooth=0.04, tooth_s=2000)

    def test_a_wrong_shape_is_seen(self):
        step = made(lambda t: 0.2 + (0.1 if t > 18000 else 0))
        self.assertGreater(fit_shapes.fit_warm_up(TIMES, step).misfit, 0.15)
        self.assertGreater(fit_shapes.fit_high_water(
            TIMES, made(lambda t: 0.3 + saw(t, 0.08, 2000))).misfit, 0.4)


if __name__ == "__main__":
    unittest.main()
