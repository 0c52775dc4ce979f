"""What ./tenon bench makes of its figures."""

import contextlib
import io
import unittest

from tenon import bench, bench_table

FIGURES = {
    "icount": {
        "tenon": {"call": (50, "ns"), "pipe": (400, "MB/s"), "module_load": (1, "ns")},
        "linux": {"call": (100, "ns"), "pipe": (100, "MB/s"), "module_load": (1000, "ns")},
        "linux tuned": {"call": (80, "ns"), "pipe": (200, "MB/s")},
    },
    "real": {
        "tenon": {"call": (90, "ns"), "boot": (1e9, "ns")},
        "linux": {"call": (100, "ns"), "boot": (4e9, "ns")},
    },
}


class Bench(unittest.TestCase):
    def test_the_bar_is_the_fastest_linux_and_throughput_counts_upward(self):
        self.assertEqual(bench_table.ratios(FIGURES)["icount"],
                         {"call": 0.625, "pipe": 0.5, "module_load": 0.001})

    def test_a_figure_that_one_side_lacks_has_no_ratio(self):
        self.assertEqual(bench_table.ratios({"real": {"tenon": {"x": (1, "ns")}, "linux": {}}}),
                         {"real": {}})

    def test_the_least_of_the_rounds_counts_and_for_throughput_the_greatest(self):
        first = bench._better({}, {"call": (9, "ns"), "pipe": (5, "MB/s")})
        self.assertEqual(bench._better(first, {"call": (8, "ns"), "pipe": (4, "MB/s")}),
                         {"call": (8, "ns"), "pipe": (5, "MB/s")})

    def test_one_table_shows_both_ways_and_means_without_modules_and_boots(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            bench_table.show(FIGURES, ["boot"])
        lines = {line.split()[0]: line for line in out.getvalue().splitlines() if line.strip()}
        self.assertIn("0.62", lines["call"])
        self.assertIn("0.90", lines["call"])
        mean = [float(w) for w in lines["geometric"].split()[2:]]
        self.assertEqual(mean, [0.56, 0.9])
        self.assertIn("0.25", lines["boot"])


if __name__ == "__main__":
    unittest.main()
