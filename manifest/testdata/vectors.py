#!/usr/bin/env python3
"""Writes vectors.json: an encoded manifest, its digest, and the names of its
segments, put together from docs/formats.md. BLAKE3 is that of
erasure/testdata/vectors.py."""
import base64
import hashlib
import json
import os
import runpy
import struct

here = os.path.dirname(os.path.abspath(__file__))
derive = runpy.run_path(os.path.join(here, "..", "..", "erasure", "testdata", "vectors.py"))["derive"]

owner, upload, secret = bytes(range(32)), bytes(range(100, 116)), bytes(range(200, 232))
cid = "b" + base64.b32encode(b"\x01\x55\x12\x20" + hashlib.sha256(b"hello").digest()).decode().lower().rstrip("=")
payload = b'{"v":2,"cipher":"AES-256-GCM-64K","salt":"%s"}' % (b"5a" * 32)
created, segment_size = 1763740800, 300
segments = [(300, bytes([1] * 32), 4, 8), (300, bytes([2] * 32), 10, 30), (1, bytes([3] * 32), 1, 3)]


def encode(size, segment_size, segments, inline):
    out = b"\x01" + owner + cid.encode() + struct.pack(">QQ", size, created) + upload + secret
    out += struct.pack(">I", len(payload)) + payload + struct.pack(">QI", segment_size, len(segments))
    for n, root, data, total in segments:
        out += struct.pack(">Q", n) + root + bytes([data, total])
    return out + struct.pack(">I", len(inline)) + inline


def vector(encoded):
    return {"encoded": encoded.hex(), "digest": hashlib.sha256(b"filetao manifest v1" + encoded).hexdigest()}


ids = [derive("filetao 2026 segment v1", owner + upload + struct.pack("<QQ", i, n) + root).hex() for i, (n, root, _, _) in enumerate(segments)]
names = [derive("filetao 2026 segment name v1", owner + upload + struct.pack("<Q", i)).hex() for i in range(3)]

with open(os.path.join(here, "vectors.json"), "w") as f:
    json.dump({"inline": vector(encode(5, 0, [], b"hello")), "segments": vector(encode(601, segment_size, segments, b"")),
               "segment_ids": ids, "segment_names": names}, f, indent=1)
    f.write("\n")
