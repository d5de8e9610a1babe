"""Makes vectors.json: package por once more, in Python and from docs/formats.md
alone. Needs the package cryptography. Usage: python3 vectors.py > vectors.json
"""
import hashlib
import hmac
import json
import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

P = 2**130 - 5
BLOCK, SECTOR, SECTORS, TAG, SAMPLE = 4096, 16, 256, 17, 460


def expand(prk, info):
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()


def secret_of(private_key):
    prk = hmac.new(bytes(32), private_key.encode(), hashlib.sha256).digest()
    return expand(prk, b"filetao por secret v1")


def key_of(secret, miner, digest, size, salt):
    return expand(secret, b"filetao por key v1" + miner + digest + size.to_bytes(8, "big") + salt)


class Key:
    def __init__(self, key):
        self.aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()

    def number(self, of, n):
        return self.aes.update(bytes([of]) + n.to_bytes(15, "big"))

    def alpha(self, j):
        return int.from_bytes(self.number(0, j), "little")

    def f(self, i):
        return int.from_bytes(self.number(1, 2 * i) + self.number(1, 2 * i + 1), "little") % P


def sectors(data, i):
    block = data[i * BLOCK:(i + 1) * BLOCK].ljust(BLOCK, b"\0")
    return [int.from_bytes(block[j * SECTOR:(j + 1) * SECTOR], "little") for j in range(SECTORS)]


def tags_of(key, data):
    alpha = [key.alpha(j) for j in range(SECTORS)]
    return [(key.f(i) + sum(a * m for a, m in zip(alpha, sectors(data, i)))) % P
            for i in range(-(-len(data) // BLOCK))]


def select(challenge, size):
    n = -(-size // BLOCK)
    if n <= SAMPLE:
        return list(range(n))
    stream = hashlib.shake_256(b"filetao por blocks v1" + challenge + size.to_bytes(8, "big")).digest(1 << 16)
    taken, at = set(), 0
    for j in range(n - SAMPLE, n):
        while True:
            u, at = int.from_bytes(stream[at:at + 8], "little"), at + 8
            if u >= 2**64 % (j + 1):
                break
        t = u % (j + 1)
        taken.add(j if t in taken else t)
    return sorted(taken)


def prove(challenge, data, tags):
    size = len(data)
    blocks = select(challenge, size)
    stream = hashlib.shake_256(b"filetao por coefficients v1" + challenge + size.to_bytes(8, "big")).digest(16 * len(blocks))
    mu, sigma = [0] * SECTORS, 0
    for n, i in enumerate(blocks):
        nu = int.from_bytes(stream[16 * n:16 * n + 16], "little")
        mu = [u + nu * m for u, m in zip(mu, sectors(data, i))]
        sigma += nu * tags[i]
    return b"".join((x % P).to_bytes(TAG, "little") for x in mu + [sigma])


def case(size, private_key, fill=None):
    seed = "filetao por vector %d" % size
    data = hashlib.shake_256(seed.encode()).digest(size) if fill is None else bytes([fill]) * size
    digest = hashlib.sha3_256(data).digest()
    miner, salt = hashlib.sha256(b"miner" + seed.encode()).digest(), hashlib.sha256(b"salt" + seed.encode()).digest()[:16]
    challenge = hashlib.sha256(b"challenge" + seed.encode()).digest()
    secret = secret_of(private_key)
    key = key_of(secret, miner, digest, size, salt)
    tags = tags_of(Key(key), data)
    encoded = b"".join(t.to_bytes(TAG, "little") for t in tags)
    return {
        "data": "SHAKE256(%s)" % seed if fill is None else "%02x repeated" % fill,
        "size": size, "data_sha3_256": digest.hex(),
        "private_key": private_key, "secret": secret.hex(),
        "miner": miner.hex(), "salt": salt.hex(), "key": key.hex(),
        "commitment": hashlib.sha256(b"filetao por key commitment v1" + key).hexdigest(),
        "first_tag": encoded[:TAG].hex(), "tags_sha256": hashlib.sha256(encoded).hexdigest(),
        "challenge": challenge.hex(), "selection": select(challenge, size),
        "answer": prove(challenge, data, tags).hex(),
    }


text = json.dumps([
    case(1, "0123456789abcdef"), case(12293, "00" * 32), case(4096, "ff", fill=0xFF),
    case(461 * BLOCK - 7, "fe" * 32), case(1000 * BLOCK, "0123456789abcdef"),
], indent=1)
print(re.sub(r"\s+(?=\d+,?\s)|(?<=\d)\s+(?=])", " ", text))
