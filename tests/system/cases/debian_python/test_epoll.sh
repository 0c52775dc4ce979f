# timeout 300
# Python's test_epoll as a whole. Its sockets are of the Internet, which is refused here (one.inc): it gets AF_UNIX ones, whose connect
# says EINPROGRESS once it is done, for the module asks for that. Its clock stands still: it asserts that a poll took at most 10 ms.
export HOME=/root; mkdir -p /tmp/pt; cd /tmp/pt
cat >run.py <<"X"
import errno, os, socket, types, unittest, warnings
from test import test_epoll
class Socket(socket.socket):
    def __init__(self): super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
    def connect(self, address):
        super().connect(address[1])
        raise BlockingIOError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))
    def getsockname(self): return "", super().getsockname()
def create_server(address):
    server = Socket()
    server.bind("")  # a name of the kernel's choice
    server.listen()
    return server
class Result(unittest.TestResult):
    def say(self, test, word, e=None): print(test.id(), word, self._exc_info_to_string(e, test) if e else "", flush=True)
    def addSuccess(self, test): self.say(test, "ok")
    def addFailure(self, test, e): self.say(test, "FAIL", e)
    def addError(self, test, e): self.say(test, "ERROR", e)
    def addSkip(self, test, reason): self.say(test, "skip " + reason)
test_epoll.socket = types.SimpleNamespace(socket=Socket, create_server=create_server)
test_epoll.time = types.SimpleNamespace(monotonic=lambda: 0)
warnings.simplefilter("ignore")
result = Result()
unittest.defaultTestLoader.loadTestsFromModule(test_epoll).run(result)
print("test_epoll", result.testsRun)
X
python3 run.py; echo "$?"
cd /; rm -rf /tmp/pt
