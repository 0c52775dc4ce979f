#!/usr/bin/env python3
"""Signs modules with Ed25519, as Linux appends signatures; core/module/signed_file.h has the format.

sign.py keygen DIR                         DIR/key.pem, once, and DIR/module_key.S, its public half
sign.py public KEY.pem                     the public key in hexadecimal, for module.key=
sign.py sign --key KEY.pem [--signer NAME] FILE...
"""

import argparse
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

MAGIC = b"~Module signature appended~\n"


def openssl(*arguments) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL,
                          capture_output=True).stdout


def public_key(key: Path) -> bytes:
    return openssl("pkey", "-in", key, "-pubout", "-outform", "DER")[-32:]


def keygen(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "key.pem"
    if not key.exists():
        old = os.umask(0o077)
        openssl("genpkey", "-algorithm", "ed25519", "-out", key)
        os.umask(old)
    text = ('.section .rodata.tenon_module_key,"a",@progbits\n.globl tenon_module_key\n'
            '.hidden tenon_module_key\ntenon_module_key:\n.byte ' +
            ", ".join(f"0x{b:02x}" for b in public_key(key)) +
            '\n.section .note.GNU-stack,"",@progbits\n')
    target = folder / "module_key.S"
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def strip(data: bytes) -> bytes:
    """Without a signature of ours: a file can be signed again."""
    if data.endswith(MAGIC) and data[-len(MAGIC) - 10] == 1:
        trailer = data[-len(MAGIC) - 12:-len(MAGIC)]
        size = trailer[3] + trailer[4] + int.from_bytes(trailer[8:], "big")
        return data[:-len(MAGIC) - 12 - size]
    return data


def sign(file: Path, key: Path, signer: str) -> None:
    content = strip(file.read_bytes())
    with tempfile.NamedTemporaryFile(dir=file.parent) as message:
        message.write(content)
        message.flush()
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message.name)
    name, key_id = signer.encode()[:255], hashlib.sha512(public_key(key)).digest()[:8]
    # algo (none of Linux's), hash SHA-512, id type X509, lengths, padding.
    trailer = bytes([0, 6, 1, len(name), len(key_id), 0, 0, 0]) + len(signature).to_bytes(4, "big")
    fresh = file.with_name(file.name + ".signed")
    fresh.write_bytes(content + name + key_id + signature + trailer + MAGIC)
    fresh.chmod(file.stat().st_mode & 0o777)
    fresh.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("keygen").add_argument("folder", type=Path)
    verbs.add_parser("public").add_argument("key", type=Path)
    signing = verbs.add_parser("sign")
    signing.add_argument("--key", type=Path, required=True)
    signing.add_argument("--signer", default="Tenon module key")
    signing.add_argument("file", type=Path, nargs="+")
    args = parser.parse_args()
    if args.verb == "keygen":
        keygen(args.folder)
    elif args.verb == "public":
        print(public_key(args.key).hex())
    else:
        for file in args.file:
            sign(file, args.key, args.signer)


if __name__ == "__main__":
    main()
