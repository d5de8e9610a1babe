"""The SDK's axon with handlers for FileTAO's messages, until stdin ends.

It answers what the messages' fields say, and fails in the way a request's hash
or payload names. Dave is blacklisted. Its first line of output is JSON with the
SDK's version, the axon's port and its hotkey.
"""

import base64
import hashlib
import json
import os
import socket
import sys
import time
import typing

import messages
import sdk
from messages import Challenge, DeleteUser, Retrieve, RetrieveUser, Store, StoreUser

BANNED = sdk.keypair("//Dave").ss58_address


def _decimal(*parts):
    return str(int.from_bytes(hashlib.sha3_256(b"".join(parts)).digest(), "big"))


def store(m: Store) -> Store:
    data = base64.b64decode(m.encrypted_data)
    m.commitment_hash = _decimal(data, m.seed.encode())
    m.randomness = 2**256 - 3
    m.commitment = f"{len(data)},{m.ttl},{m.curve},{m.g},{m.h}".encode().hex()
    m.encrypted_data = ""
    return m


def challenge(m: Challenge) -> Challenge:
    m.commitment_hash = m.challenge_hash
    m.commitment_proof = f"{m.challenge_index} {m.chunk_size}"
    m.commitment = m.g + m.h
    m.data_chunk = base64.b64encode(bytes(range(256)) * 4).decode()
    m.randomness = 2**255 + m.challenge_index
    m.merkle_proof = base64.b64encode(b'[{"left": "00"}]').decode()
    m.merkle_root = hashlib.sha3_256(m.seed.encode()).hexdigest()
    return m


def retrieve(m: Retrieve) -> Retrieve:
    if m.data_hash == "fail":
        raise RuntimeError(m.seed)
    if m.data_hash == "sleep":
        time.sleep(float(m.seed))
    if m.data_hash == "none":
        return m
    m.data = base64.b64encode(m.seed.encode() * 3).decode()
    m.commitment_proof = _decimal(m.data_hash.encode())
    m.commitment_hash = _decimal(m.commitment_proof.encode(), m.seed.encode())
    return m


def store_user(m: StoreUser) -> StoreUser:
    m.data_hash = hashlib.sha256(base64.b64decode(m.encrypted_data) + m.encryption_payload.encode()).hexdigest()
    m.encrypted_data = ""
    return m


def retrieve_user(m: RetrieveUser) -> RetrieveUser:
    """A hash that is a number asks for that many bytes."""
    m.encrypted_data = base64.b64encode(b"\xa5" * int(m.data_hash)).decode()
    m.encryption_payload = json.dumps({"héllo": "\u2713 \U0001f600"})
    return m


def delete_user(m: DeleteUser) -> DeleteUser:
    m.deleted = m.data_hash == "there"
    return m


def _blacklist(kind):
    def blacklist(synapse: kind) -> typing.Tuple[bool, str]:
        return synapse.dendrite.hotkey == BANNED, "banned here"

    return blacklist


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    key = sdk.keypair("//Bob")
    axon = sdk.axon(key, _free_port())
    for forward in (store, challenge, retrieve, store_user, retrieve_user, delete_user):
        axon.attach(forward_fn=forward, blacklist_fn=_blacklist(forward.__annotations__["m"]))
    axon.start()
    while True:  # until uvicorn listens
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", axon.port)) == 0:
                break
        time.sleep(0.05)
    print(json.dumps({"version": sdk.VERSION, "port": axon.port, "hotkey": key.ss58_address}), file=sdk.OUT, flush=True)
    sys.stdin.read()
    os._exit(0)  # workers that sleep are not waited for


main()
