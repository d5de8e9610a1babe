#!/usr/bin/env python3
"""Writes vectors.json: coding matrices, shards and tree hashes, computed from
their definitions alone (Reed-Solomon over GF(2^8), and BLAKE3 by its paper)."""
import hashlib
import json
import os
import struct

BLOCK = 64 << 10

# GF(2^8) modulo x^8+x^4+x^3+x^2+1.
EXP, LOG = [0] * 510, [0] * 256
x = 1
for i in range(255):
    EXP[i] = EXP[i + 255] = x
    LOG[x] = i
    x = x << 1 ^ (0x11D if x & 0x80 else 0)


def mul(a, b):
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def power(a, n):
    return 1 if n == 0 else EXP[LOG[a] * n % 255] if a else 0


def product(a, b):
    out = [[0] * len(b[0]) for _ in a]
    for r, row in enumerate(a):
        for c in range(len(b[0])):
            for j, v in enumerate(row):
                out[r][c] ^= mul(v, b[j][c])
    return out


def inverse(m):
    n = len(m)
    m = [row + [int(i == r) for i in range(n)] for r, row in enumerate(m)]
    for c in range(n):
        pivot = next(r for r in range(c, n) if m[r][c])
        m[c], m[pivot] = m[pivot], m[c]
        scale = EXP[255 - LOG[m[c][c]]]
        m[c] = [mul(scale, v) for v in m[c]]
        for r in range(n):
            if r != c and m[r][c]:
                f = m[r][c]
                m[r] = [v ^ mul(f, w) for v, w in zip(m[r], m[c])]
    return [row[n:] for row in m]


def matrix(k, n):
    vandermonde = [[power(r, c) for c in range(k)] for r in range(n)]
    return product(vandermonde, inverse(vandermonde[:k]))


def shards(k, n, segment):
    m, out = matrix(k, n), [b""] * n
    for at in range(0, len(segment), k * BLOCK):
        row = segment[at : at + k * BLOCK]
        piece = -(-len(row) // k)
        row = row.ljust(k * piece, b"\0")
        pieces = [row[i * piece : (i + 1) * piece] for i in range(k)]
        for i in range(n):
            made = bytearray(piece)
            for f, p in zip(m[i], pieces):
                table = bytes(mul(f, v) for v in range(256))
                made = bytearray(a ^ b for a, b in zip(made, p.translate(table)))
            out[i] += bytes(made)
    return out


# BLAKE3.
IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
START, END, PARENT, ROOT, CONTEXT, MATERIAL = 1, 2, 4, 8, 32, 64
MASK = 0xFFFFFFFF


def compress(cv, block, counter, length, flags):
    v = cv + IV[:4] + [counter & MASK, counter >> 32, length, flags]
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))

    def g(a, b, c, d, x, y):
        for add, r1, r2 in ((x, 16, 12), (y, 8, 7)):
            v[a] = v[a] + v[b] + add & MASK
            w = v[d] ^ v[a]
            v[d] = w >> r1 | w << 32 - r1 & MASK
            v[c] = v[c] + v[d] & MASK
            w = v[b] ^ v[c]
            v[b] = w >> r2 | w << 32 - r2 & MASK

    for _ in range(7):
        g(0, 4, 8, 12, m[0], m[1])
        g(1, 5, 9, 13, m[2], m[3])
        g(2, 6, 10, 14, m[4], m[5])
        g(3, 7, 11, 15, m[6], m[7])
        g(0, 5, 10, 15, m[8], m[9])
        g(1, 6, 11, 12, m[10], m[11])
        g(2, 7, 8, 13, m[12], m[13])
        g(3, 4, 9, 14, m[14], m[15])
        m = [m[i] for i in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def chain(key, data, counter, flags, root):
    if len(data) <= 1024:
        blocks = [data[i : i + 64] for i in range(0, len(data), 64)] or [b""]
        cv = key
        for i, b in enumerate(blocks):
            f = flags | (START if i == 0 else 0)
            if i == len(blocks) - 1:
                f |= END | root
            cv = compress(cv, b, counter, len(b), f)
        return cv
    left = 1024
    while left * 2 < len(data):
        left *= 2
    words = chain(key, data[:left], counter, flags, 0) + chain(key, data[left:], counter + left // 1024, flags, 0)
    return compress(key, struct.pack("<16I", *words), 0, 64, flags | PARENT | root)


def derive(context, data):
    key = chain(IV, context.encode(), 0, CONTEXT, ROOT)
    return struct.pack("<8I", *chain(key, data, 0, MATERIAL, ROOT))


assert derive("BLAKE3 2019-12-27 16:29:52 test vectors context", b"").hex().startswith("2cc39783c223154f")


def leaves(data):
    return b"".join(derive("filetao 2026 shard leaf v1", data[i : i + BLOCK]) for i in range(0, len(data), BLOCK))


def tree(data):
    return derive("filetao 2026 shard root v1", struct.pack("<Q", len(data)) + leaves(data))


def segment(size):
    return hashlib.shake_256(f"filetao erasure vector {size}".encode()).digest(size)


hashes = []
for size in (0, 1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7):
    data = segment(size)
    hashes.append({"size": size, "leaves": leaves(data).hex(), "root": tree(data).hex(), "decimal": str(int.from_bytes(tree(data), "big"))})

codings = []
for k, n, size in ((1, 3, 100), (2, 2, 3), (4, 8, 1), (4, 8, 5), (4, 8, 4 * BLOCK + 9), (6, 16, 1000), (10, 30, 2501), (29, 80, 60), (64, 128, 64)):
    coded = shards(k, n, segment(size))
    v = {"data": k, "total": n, "size": size, "shard_size": len(coded[0]), "shards_sha256": [hashlib.sha256(s).hexdigest() for s in coded]}
    if len(coded[0]) <= 8:
        v["shards"] = [s.hex() for s in coded]
    codings.append(v)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.json"), "w") as f:
    json.dump({"parity_4_of_8": [bytes(r).hex() for r in matrix(4, 8)[4:]], "hashes": hashes, "codings": codings}, f, indent=1)
    f.write("\n")
