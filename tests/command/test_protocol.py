import random
import unittest

from tenon import protocol


class Decoder(unittest.TestCase):
    def test_gives_back_what_was_encoded_when_split_anywhere(self):
        frames = [(protocol.DATA, 7, 1, bytes(range(256)) * 3), (protocol.EOF, 7, 2, b""),
                  (protocol.EXIT, 65535, 0, b"NTNTTN")]
        line = b"".join(protocol.encode(t, s, st, p) for t, s, st, p in frames)
        for step in (1, 3, 17, len(line)):
            decoder, got = protocol.Decoder(), []
            for at in range(0, len(line), step):
                got += decoder.feed(line[at:at + step])
            self.assertEqual([(f.type, f.session, f.stream, f.payload) for f in got], frames)

    def test_skips_noise_before_the_first_frame(self):
        noise = random.Random(1).randbytes(5000) + b"NT" + b"TN" * 9
        frame = protocol.encode(protocol.HELLO, payload=b"x" * 12)
        decoder = protocol.Decoder()
        got = decoder.feed(noise + frame + frame)
        self.assertEqual([f.payload for f in got], [b"x" * 12] * 2)

    def test_refuses_noise_after_the_first_frame(self):
        decoder = protocol.Decoder()
        decoder.feed(protocol.encode(protocol.HELLO))
        with self.assertRaises(protocol.ProtocolError):
            decoder.feed(b"#" + protocol.encode(protocol.ACK, payload=b"\0" * 4))

    def test_refuses_a_flipped_bit(self):
        frame = bytearray(protocol.encode(protocol.DATA, 1, 1, b"hello"))
        for bit in range(len(frame) * 8):
            broken = bytearray(frame)
            broken[bit // 8] ^= 1 << bit % 8
            decoder = protocol.Decoder()
            decoder.synced = True
            try:
                self.assertEqual(decoder.feed(bytes(broken)), [], f"bit {bit}")
            except protocol.ProtocolError:
                pass

    def test_exec_request_refuses_nul(self):
        with self.assertRaises(ValueError):
            protocol.encode_exec([b"a\0b"], {})


if __name__ == "__main__":
    unittest.main()
