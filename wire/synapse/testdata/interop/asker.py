"""The SDK's dendrite, told what to ask: one JSON object a line in, one out.

In: {"key", "host", "port", "hotkey", "name", "fields", "timeout", "how",
"times"}. It asks that many times at once. How
is "" for a call as it is, "forged" for a signature over something else,
"stranger" for another key's signature, "again" for the last call's headers
once more, or "altered" for a body that is not the signed one.

Out: what the caller has in hand after the last of these calls, and the status
of each.
"""

import asyncio
import copy
import json
import sys

import messages
import sdk


class _Forger:
    """Signs what it is not asked to, or with a key that is not its own."""

    def __init__(self, key, how):
        self.key, self.how = key, how
        self.ss58_address = key.ss58_address

    def sign(self, data):
        if self.how == "stranger":
            return sdk.keypair("//Mallory").sign(data)
        return self.key.sign(data + ".")


class Asker:
    def __init__(self):
        self.dendrites, self.last = {}, None

    def dendrite(self, uri):
        if uri not in self.dendrites:
            self.dendrites[uri] = sdk.dendrite(sdk.keypair(uri))
        return self.dendrites[uri]

    async def ask(self, q):
        dendrite, how = self.dendrite(q["key"]), q.get("how", "")
        own_key, own_prepare = dendrite.keypair, type(dendrite).preprocess_synapse_for_request

        def prepare(axon, synapse, timeout=12.0):
            synapse = own_prepare(dendrite, axon, synapse, timeout)
            if how == "again":
                synapse.dendrite = copy.deepcopy(self.last)
            if how == "altered":
                setattr(synapse, q["alter"], "altered")
            self.last = copy.deepcopy(synapse.dendrite)
            return synapse

        if how in ("forged", "stranger"):
            dendrite.keypair = _Forger(own_key, how)
        dendrite.preprocess_synapse_for_request = prepare
        try:
            answers = await asyncio.gather(*[
                dendrite.forward(
                    sdk.peer(q["host"], q["port"], q["hotkey"]), messages.ALL[q["name"]](**q["fields"]),
                    timeout=q["timeout"], deserialize=False,
                )
                for _ in range(q["times"])
            ])
        finally:
            dendrite.keypair = own_key
            del dendrite.preprocess_synapse_for_request
        answer = answers[-1]
        return {
            "statuses": [a.dendrite.status_code for a in answers], "status": answer.dendrite.status_code, "message": answer.dendrite.status_message,
            "axon_status": answer.axon.status_code, "axon_hotkey": answer.axon.hotkey,
            "axon_version": answer.axon.version, "process_time": answer.dendrite.process_time,
            "is_success": answer.is_success, "fields": messages.fields_of(answer),
        }

    async def close(self):
        for dendrite in self.dendrites.values():
            await dendrite.aclose_session()


async def main():
    asker = Asker()
    print(json.dumps({"version": sdk.VERSION}), file=sdk.OUT, flush=True)
    for line in sys.stdin:
        print(json.dumps(await asker.ask(json.loads(line))), file=sdk.OUT, flush=True)
    await asker.close()


asyncio.run(main())
