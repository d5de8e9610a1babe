"""The SDK's dendrite against a running devnet, its real miners and gateway:

    filetao devnet --no-demo --dir /tmp/net
    filetao chain metagraph --devnet /tmp/net --json | python network.py /tmp/net/wallets

It asks miners with the first validator's hotkey and the gateway with the
user's, and holds every proof against the data itself.
"""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import sys

import messages
import proofs
import sdk


def hotkey(wallets, name):
    with open(os.path.join(wallets, name, "hotkeys", "default")) as f:
        return sdk.Keypair.create_from_mnemonic(json.load(f)["secretPhrase"])


def expect(what, good, seen=None):
    print(("ok   " if good else "FAIL ") + what, "" if good else seen, file=sdk.OUT, flush=True)
    if not good:
        sys.exit(1)


async def ask(dendrite, neuron, message, status=200):
    axon = neuron["axon"]
    answer = await dendrite.forward(
        sdk.peer(axon["ip"], axon["port"], neuron["hotkey"]), message, timeout=30, deserialize=False)
    code, text = answer.dendrite.status_code, answer.dendrite.status_message
    expect(f"{type(message).__name__} of {neuron['uid']}: {code} {text[:60]}", code == status, answer)
    return answer


async def miner(dendrite, neuron, size):
    """A datum's whole life with a miner."""
    data, seeds = os.urandom(size), [secrets.token_hex(32) for _ in range(4)]
    await ask(dendrite, neuron, sdk.Synapse())
    g, h = proofs.bases()
    m = await ask(dendrite, neuron, messages.Store(
        encrypted_data=base64.b64encode(data).decode(), curve="P-256", g=g, h=h, seed=seeds[0], ttl=600))
    expect(f"the proof of storing {size} bytes", proofs.stored(m, data), m)
    piece = max(256, size // 4)
    for i, index in enumerate((0, (size - 1) // piece)):  # the first piece and the last, shorter one
        g, h = proofs.bases()
        m = await ask(dendrite, neuron, messages.Challenge(
            challenge_hash=proofs.decimal(data), challenge_index=index, chunk_size=piece, g=g, h=h, curve="P-256",
            seed=seeds[i + 1]))
        expect(f"the proof of piece {index}", proofs.challenged(m, data, seeds[i]), m)
    m = await ask(dendrite, neuron, messages.Retrieve(data_hash=proofs.decimal(data), seed=seeds[3]))
    expect("the data came back", base64.b64decode(m.data) == data and proofs.linked(m, data, seeds[2]))
    await ask(dendrite, neuron, messages.Retrieve(data_hash=proofs.decimal(b"never stored"), seed=seeds[3]), 404)
    await ask(dendrite, neuron, messages.Challenge(
        challenge_hash=proofs.decimal(data), challenge_index=size // piece + 1, chunk_size=piece, g=g, h=h,
        curve="P-256", seed=seeds[3]), 400)


async def gateway(dendrite, neuron, size):
    """A file's whole life with a gateway."""
    data = os.urandom(size)
    m = await ask(dendrite, neuron, messages.StoreUser(
        encrypted_data=base64.b64encode(data).decode(), encryption_payload='{"héllo": "\u2713"}', ttl=600))
    raw = b"\x01\x55\x12\x20" + hashlib.sha256(data).digest()
    cid = "b" + base64.b32encode(raw).decode().lower().rstrip("=")
    expect(f"{size} bytes are {cid[:16]}…", m.data_hash == cid, m.data_hash)
    m = await ask(dendrite, neuron, messages.RetrieveUser(data_hash=cid))
    expect("the file came back", base64.b64decode(m.encrypted_data) == data)
    expect("so did its payload", m.encryption_payload == '{"héllo": "\u2713"}', m.encryption_payload)
    m = await ask(dendrite, neuron, messages.DeleteUser(data_hash=cid, encryption_payload=""))
    expect("the file is deleted", m.deleted is True)
    await ask(dendrite, neuron, messages.RetrieveUser(data_hash=cid), 404)


async def main(wallets):
    serving = {n["hotkey"]: n for n in json.load(sys.stdin)["neurons"] if n["axon"]["port"]}
    print("SDK", sdk.VERSION, file=sdk.OUT)
    validator, user = hotkey(wallets, "validator1"), hotkey(wallets, "user")
    as_validator, as_user = sdk.dendrite(validator), sdk.dendrite(user)
    one = serving[hotkey(wallets, "miner1").ss58_address]
    for size in (1, 1000, 5_000_000):
        await miner(as_validator, one, size)
    await ask(as_user, one, messages.Retrieve(data_hash="1", seed="00"), 403)
    for size in (1, 5_000_000):
        await gateway(as_user, serving[validator.ss58_address], size)
    await as_validator.aclose_session()
    await as_user.aclose_session()


asyncio.run(main(sdk.ARGS[0]))
