import argparse
import subprocess
import sys
import unittest

from tenon import options
from tenon.errors import TenonError


def parse(*argv):
    parser = options.Parser()
    options.add_arguments(parser)
    return options.from_args(parser.parse_args(list(argv)), [])


class Options(unittest.TestCase):
    def test_memory(self):
        self.assertEqual([options.memory(t) for t in ("96M", "2G", "300", "1g")],
                         [96, 2048, 300, 1024])
        for bad in ("", "M", "-1", "0", "1.5G", "12K"):
            with self.assertRaises(argparse.ArgumentTypeError):
                options.memory(bad)

    def test_what_has_no_driver_is_refused_with_a_sentence(self):
        for argv in (["--disk", "x"], ["--share", "."], ["-p", "80:80"], ["--rpm", "x"],
                     ["--apk", "x"], ["--profile", "desktop"]):
            with self.assertRaisesRegex(TenonError, "refused.*yet"):
                parse(*argv)

    def test_usage_errors_end_with_125(self):
        for argv in ([], ["nonsense"], ["run", "--nonsense"], ["run", "--smp", "0"],
                     ["run", "--disk", "x"], ["run", "uname"]):
            result = subprocess.run([sys.executable, "-m", "tenon", *argv], capture_output=True)
            self.assertEqual((result.returncode, result.stdout), (125, b""), argv)
            self.assertTrue(result.stderr)


if __name__ == "__main__":
    unittest.main()
