# timeout 600
# test_zipfile.PyZipFileTests with a tmpfs of its own for temporary files: it packs the whole of Python's test package, for which the root
# has no room under Linux (ENOSPC: a root tmpfs gets half of the memory that the initrd leaves), and has under Tenon.
export HOME=/root TMPDIR=/tmp/pt/t; mkdir -p /tmp/pt/t; cd /tmp/pt
cat >run.py <<"X"
import ctypes, os, unittest, warnings
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"none", b"/tmp/pt/t", b"tmpfs", 0, b"size=400m"): raise OSError(ctypes.get_errno(), "mount")
os.chdir("/tmp/pt/t")
from test import test_zipfile
class Result(unittest.TestResult):
    def say(self, test, word, e=None): print(test.id(), word, self._exc_info_to_string(e, test) if e else "", flush=True)
    def addSuccess(self, test): self.say(test, "ok")
    def addFailure(self, test, e): self.say(test, "FAIL", e)
    def addError(self, test, e): self.say(test, "ERROR", e)
    def addSkip(self, test, reason): self.say(test, "skip " + reason)
warnings.simplefilter("ignore")
result = Result()
unittest.defaultTestLoader.loadTestsFromTestCase(test_zipfile.PyZipFileTests).run(result)
print("PyZipFileTests", result.testsRun)
os.chdir("/")
if libc.umount(b"/tmp/pt/t"): raise OSError(ctypes.get_errno(), "umount")
X
python3 run.py; echo "$?"
cd /; rm -rf /tmp/pt
