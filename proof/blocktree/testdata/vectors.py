"""Makes vectors.json: package blocktree once more, in Python and from its
description alone. Usage: python3 vectors.py > vectors.json
"""
import hashlib
import json

BLOCK = 4096


def h(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def tree(blocks):
    if not blocks:
        return h()
    if len(blocks) == 1:
        return h(b"\x00", blocks[0])
    k = split(len(blocks))
    return h(b"\x01", tree(blocks[:k]), tree(blocks[k:]))


def encode(blocks, first, start, end):
    """What goes over the wire of the blocks from number first on, for the bytes from start to end."""
    if first * BLOCK >= end or (first + len(blocks)) * BLOCK <= start:
        return b""
    if len(blocks) == 1:
        return blocks[0]
    k = split(len(blocks))
    left, right = blocks[:k], blocks[k:]
    return tree(left) + tree(right) + encode(left, first, start, end) + encode(right, first + k, start, end)


def case(size, start, length):
    seed = "filetao blocktree vector %d" % size
    data = hashlib.shake_256(seed.encode()).digest(size)
    blocks = [data[i:i + BLOCK] for i in range(0, size, BLOCK)]
    encoding = encode(blocks, 0, start, start + length)
    return {
        "data": "SHAKE256(%s)" % seed, "size": size,
        "root": h(b"\x02", size.to_bytes(8, "big"), tree(blocks)).hex(),
        "from": start, "length": length, "encoded": len(encoding), "encoding_sha256": h(encoding).hex(),
    }


print(json.dumps([
    case(0, 0, 0), case(1, 0, 1), case(4096, 0, 4096), case(4097, 4096, 1), case(4097, 0, 4097),
    case(3 * BLOCK, 100, 1), case(5 * BLOCK + 7, 4095, 2), case(7 * BLOCK, 5 * BLOCK, BLOCK),
    case(100_000, 0, 100_000), case(1_000_000, 500_000, 20_000), case(1 << 20, 1 << 19, 1),
], indent=1))
