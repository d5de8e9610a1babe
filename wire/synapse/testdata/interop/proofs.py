"""An asker's half of FileTAO's proofs, from the protocol's description alone."""

import base64
import hashlib
import json
import secrets

# P-256
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(p, q):
    """The sum of two points; None is the one at infinity."""
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def times(k, p):
    total, k = None, k % N
    while k:
        if k & 1:
            total = add(total, p)
        p, k = add(p, p), k >> 1
    return total


def write(p):
    return f"{p[0]},{p[1]}".encode().hex()


def read(text):
    x, y = (int(n) for n in bytes.fromhex(text).decode().split(","))
    assert (y * y - x * x * x + 3 * x - B) % P == 0, "not on the curve"
    return x, y


def digest(*parts):
    return hashlib.sha3_256(b"".join(parts)).digest()


def decimal(*parts):
    return str(int.from_bytes(digest(*parts), "big"))


def bases():
    """Two random points, as on the wire."""
    return [write(times(secrets.randbelow(N - 1) + 1, BASE)) for _ in range(2)]


def opens(m, committed):
    """Whether a message's commitment is one to committed."""
    value = int.from_bytes(digest(committed), "big")
    want = add(times(value, read(m.g)), times(m.randomness, read(m.h)))
    return read(m.commitment) == want


def stored(m, data):
    """Whether an answered Store is right."""
    return m.commitment_hash == decimal(data, m.seed.encode()) and opens(m, data + m.seed.encode())


def linked(m, data, before):
    """Whether the answer goes on from the seed that was sent before."""
    proof = decimal(data, before.encode())
    return m.commitment_proof == proof and m.commitment_hash == decimal(proof.encode(), m.seed.encode())


def challenged(m, data, before):
    """Whether an answered Challenge is right."""
    piece = base64.b64decode(m.data_chunk)
    at = m.challenge_index * m.chunk_size
    node = f"{read(m.commitment)[0]},{read(m.commitment)[1]}".encode()
    for step in json.loads(base64.b64decode(m.merkle_proof)):
        (side, sibling), = step.items()
        other = bytes.fromhex(sibling)
        node = digest(other + node) if side == "left" else digest(node + other)
    return (linked(m, data, before) and piece == data[at:at + m.chunk_size] and opens(m, piece + m.seed.encode())
            and node.hex() == m.merkle_root)
