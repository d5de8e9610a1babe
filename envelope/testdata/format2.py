#!/usr/bin/env python3
"""Writes format2.json: keys, sealed texts and shard masks, computed from the
definitions of HKDF (RFC 5869), AES (FIPS 197), GCM and CTR (SP 800-38) alone."""
import hashlib
import hmac
import json
import os

PIECE = 64 << 10


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(key, info):
    return mac(key, info + b"\x01")


def xtime(a):
    return (a << 1 ^ 0x1B) & 0xFF if a & 0x80 else a << 1


def gmul(a, b):
    out = 0
    while b:
        if b & 1:
            out ^= a
        a, b = xtime(a), b >> 1
    return out


SBOX = []
for x in range(256):
    i = next((y for y in range(256) if gmul(x, y) == 1), 0)
    s = 0x63
    for r in range(5):
        s ^= (i << r | i >> 8 - r) & 0xFF
    SBOX.append(s)
assert SBOX[0x53] == 0xED
M2, M3 = [gmul(x, 2) for x in range(256)], [gmul(x, 3) for x in range(256)]


class AES256:
    def __init__(self, key):
        w = [list(key[i : i + 4]) for i in range(0, 32, 4)]
        rcon = 1
        for i in range(8, 60):
            t = list(w[-1])
            if i % 8 == 0:
                t = [SBOX[b] for b in t[1:] + t[:1]]
                t[0] ^= rcon
                rcon = xtime(rcon)
            elif i % 8 == 4:
                t = [SBOX[b] for b in t]
            w.append([a ^ b for a, b in zip(w[i - 8], t)])
        self.keys = [sum(w[i : i + 4], []) for i in range(0, 60, 4)]

    def block(self, data):
        s = [a ^ b for a, b in zip(data, self.keys[0])]
        for n, key in enumerate(self.keys[1:]):
            s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
            if n < 13:
                t = []
                for c in range(0, 16, 4):
                    a, b, d, e = s[c : c + 4]
                    t += [M2[a] ^ M3[b] ^ d ^ e, a ^ M2[b] ^ M3[d] ^ e, a ^ b ^ M2[d] ^ M3[e], M3[a] ^ b ^ d ^ M2[e]]
                s = t
            s = [a ^ b for a, b in zip(s, key)]
        return bytes(s)


def stream(aes, counter, n):
    out = bytearray()
    while len(out) < n:
        out += aes.block(counter.to_bytes(16, "big"))
        counter += 1
    return bytes(out[:n])


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def seal_piece(aes, nonce, plain):
    first = int.from_bytes(nonce + b"\0\0\0\1", "big")
    out = xor(plain, stream(aes, first + 1, len(plain)))
    h, y = int.from_bytes(aes.block(bytes(16)), "big"), 0
    for at in range(0, len(out), 16):
        y = times(y ^ int.from_bytes(out[at : at + 16].ljust(16, b"\0"), "big"), h)
    y = times(y ^ 8 * len(out), h)
    return out + xor(y.to_bytes(16, "big"), stream(aes, first, 16))


def times(x, h):
    z = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            z ^= h
        h = h >> 1 ^ (0xE1 << 120 if h & 1 else 0)
    return z


assert AES256(bytes(range(32))).block(bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == "8ea2b7ca516745bfeafc49904b496089"
assert seal_piece(AES256(bytes(32)), bytes(12), bytes(16)).hex() == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"


def seal(key, plain):
    aes, out = AES256(key), b""
    pieces = [plain[i : i + PIECE] for i in range(0, len(plain), PIECE)] or [b""]
    for i, p in enumerate(pieces):
        out += seal_piece(aes, i.to_bytes(11, "big") + bytes([i == len(pieces) - 1]), p)
    return out


def text(size):
    return hashlib.shake_256(f"filetao envelope vector {size}".encode()).digest(size)


private = "0123456789abcdef" * 8
user = expand(mac(bytes(32), private.encode()), b"filetao user key v2")
files = []
for size in (0, 1, 16, 100, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 5):
    content = hashlib.sha256(text(size)).digest()
    salt = expand(user, b"filetao file salt v2" + content)
    key = expand(user, b"filetao file key v2" + salt)
    sealed = seal(key, text(size))
    v = {"size": size, "content_hash": content.hex(), "salt": salt.hex(), "file_key": key.hex(),
         "payload": '{"v":2,"cipher":"AES-256-GCM-64K","salt":"%s"}' % salt.hex(),
         "sealed_size": len(sealed), "sealed_sha256": hashlib.sha256(sealed).hexdigest()}
    if size <= 100:
        v["sealed"] = sealed.hex()
    files.append(v)

masks = []
for secret, segment, number, miner, offset, length in (
    (bytes(32), bytes(32), 0, bytes(32), 0, 64),
    (b"\1" * 32, b"\2" * 32, 7, b"\3" * 32, 0, 40),
    (b"\1" * 32, b"\2" * 32, 7, b"\3" * 32, 24, 16),
    (b"\1" * 32, b"\2" * 32, 127, b"\3" * 32, (256 << 20) - 5, 5),
    (user, hashlib.sha256(b"segment").digest(), 3, hashlib.sha256(b"miner").digest(), 1000003, 50),
):
    key = expand(secret, b"filetao shard mask v1" + segment + number.to_bytes(4, "big") + miner)
    skip = offset % 16
    masks.append({"secret": secret.hex(), "segment": segment.hex(), "number": number, "miner": miner.hex(), "offset": offset,
                  "mask": stream(AES256(key), offset // 16, skip + length)[skip:].hex()})

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "format2.json"), "w") as f:
    json.dump({"private_key": private, "user_key": user.hex(), "files": files, "masks": masks}, f, indent=1)
    f.write("\n")
