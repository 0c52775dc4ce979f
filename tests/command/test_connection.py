"""The host's end of the line against a guest that is played here."""

import os
import socket
import struct
import unittest

from tenon import protocol
from tenon.agent import Command, Connection, FdSink, MemorySource

WINDOW = 4000


class Peer:
    def __init__(self):
        ours, theirs = socket.socketpair()
        self.connection = Connection(theirs)
        self.sock = ours
        ours.setblocking(False)
        self.theirs = theirs
        self.decoder = protocol.Decoder()
        self.received = 0

    def send(self, *args, **more):
        self.sock.send(protocol.encode(*args, **more))

    def frames(self):
        for _ in range(4):
            self.connection.poll(0)
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return []
        self.received += len(data)
        return self.decoder.feed(data)

    def hello(self):
        self.send(protocol.HELLO, payload=struct.pack("<III", protocol.VERSION, 5, WINDOW))
        answer = self.frames()
        self.received = 0
        self.ack()
        self.connection.poll(0)
        return answer

    def ack(self):
        self.send(protocol.ACK, payload=struct.pack("<I", self.received & 0xFFFFFFFF))


class ConnectionTest(unittest.TestCase):
    def peer(self):
        peer = Peer()
        self.addCleanup(peer.sock.close)
        self.addCleanup(peer.theirs.close)
        return peer

    def test_says_nothing_before_the_guest(self):
        peer = self.peer()
        peer.connection.start(Command(["true"]))
        self.assertEqual(peer.frames(), [])
        answer = peer.hello()
        self.assertEqual([f.type for f in answer], [protocol.HELLO])

    def test_keeps_inside_the_window(self):
        peer = self.peer()
        peer.hello()
        command = Command(["x" * 10000], stdin=MemorySource(b""))
        peer.connection.start(command)
        got = []
        for _ in range(50):
            before = peer.received
            got += peer.frames()
            self.assertLessEqual(peer.received - before, WINDOW)
            peer.ack()
        request = b"".join(f.payload for f in got if f.type == protocol.EXEC)
        self.assertEqual(request, protocol.encode_exec(command.argv, {}))
        self.assertEqual([f.stream for f in got if f.type == protocol.EXEC][-1], 0)

    def test_sends_stdin_only_against_credit(self):
        peer = self.peer()
        peer.hello()
        command = Command(["cat"], stdin=MemorySource(b"a" * 100))
        peer.connection.start(command)
        self.assertNotIn(protocol.DATA, [f.type for f in peer.frames()])
        peer.send(protocol.CREDIT, command.session, 0, struct.pack("<I", 60))
        data = [f.payload for f in peer.frames() + peer.frames() if f.type == protocol.DATA]
        self.assertEqual(sum(map(len, data)), 60)
        peer.send(protocol.CREDIT, command.session, 0, struct.pack("<I", 60))
        types = [f.type for f in peer.frames() + peer.frames()]
        self.assertEqual(types, [protocol.DATA, protocol.EOF])

    def test_a_closed_reader_closes_the_stream_in_the_guest(self):
        peer = self.peer()
        peer.hello()
        read_end, write_end = os.pipe()
        os.close(read_end)
        command = Command(["yes"], stdout=FdSink(write_end))
        peer.connection.start(command)
        peer.frames()
        peer.send(protocol.DATA, command.session, 1, b"y\n" * 100)
        got = peer.frames() + peer.frames()
        self.assertIn((protocol.CLOSE, 1), [(f.type, f.stream) for f in got])
        os.close(write_end)

    def test_status_as_a_shell_gives_it(self):
        for exit_pair, status in [((0, 7), 7), ((1, 9), 137), ((2, 2), 127), ((2, 13), 126)]:
            command = Command(["x"])
            command.exit = exit_pair
            self.assertEqual(command.status(), status)

    def test_is_done_only_when_everything_is_written(self):
        peer = self.peer()
        peer.hello()
        command = Command(["x"])
        peer.connection.start(command)
        peer.frames()
        peer.send(protocol.DATA, command.session, 1, b"out")
        peer.send(protocol.EXIT, command.session, 0, struct.pack("<BI", 0, 3))
        peer.frames()
        self.assertTrue(command.done)
        self.assertEqual((bytes(command.outputs[1].sink.data), command.status()), (b"out", 3))


if __name__ == "__main__":
    unittest.main()
