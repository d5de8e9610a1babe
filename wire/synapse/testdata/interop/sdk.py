"""Bittensor's SDK, 6.x to 10.x, without a chain, a network or wallet files.

Its axon, dendrite, synapse and stream modules run as published. Replaced are
the look-up of the machine's address over the Internet and, where it is not
installed, torch, of which SDK 6.x needs names only.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import types

# The SDK logs to stdout; that is for what the scripts say, so it gets stderr.
OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
ARGS, sys.argv = sys.argv[1:], sys.argv[:1]  # the SDK reads options of its own
os.environ.setdefault("BT_NO_PARSE_CLI_ARGS", "1")


class _Anything(type):
    """A class whose every attribute is another such class."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})


class _Torch(types.ModuleType):
    """A torch that has every name and does nothing."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})


class _Module:
    """torch.nn.Module as the dendrite of SDK 6.x uses it: a call is forward()."""

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)


def _stand_in_for_torch():
    if importlib.util.find_spec("torch") is not None:
        return
    torch, nn = _Torch("torch"), _Torch("torch.nn")
    nn.Module = _Module
    torch.nn = nn
    sys.modules.update({"torch": torch, "torch.nn": nn})


def _find(*places):
    for place in places:
        module, _, name = place.rpartition(".")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            pass
    raise ImportError(places)


if importlib.metadata.version("bittensor").startswith("6."):
    _stand_in_for_torch()
import bittensor  # noqa: E402

VERSION = bittensor.__version__
AT_LEAST_7_2 = tuple(int(n) for n in VERSION.split(".")[:2]) >= (7, 2)

Synapse = _find("bittensor.core.synapse.Synapse", "bittensor.synapse.Synapse")
AxonInfo = _find("bittensor.core.chain_data.AxonInfo", "bittensor.chain_data.AxonInfo")
Keypair = _find("bittensor_wallet.Keypair", "substrateinterface.Keypair")
_Axon = _find("bittensor.core.axon.Axon", "bittensor.axon.axon", "bittensor.axon")
_Dendrite = _find("bittensor.core.dendrite.Dendrite", "bittensor.dendrite.dendrite", "bittensor.dendrite")
_networking = importlib.import_module("bittensor.utils.networking")
_networking.get_external_ip = lambda: "192.0.2.1"


def keypair(uri):
    """A development key, for example //Alice."""
    return Keypair.create_from_uri(uri)


def dendrite(key):
    """A dendrite that signs with key; it also takes anything with ss58_address and sign()."""
    return _Dendrite(key)


def axon(key, port):
    """An axon that is not announced anywhere."""
    wallet = types.SimpleNamespace(hotkey=key, coldkeypub=key)
    return _Axon(wallet=wallet, ip="127.0.0.1", port=port, external_ip="127.0.0.1", external_port=port)


def peer(host, port, hotkey):
    """Another axon as the chain would tell of it."""
    return AxonInfo(version=0, ip=host, port=port, ip_type=4, hotkey=hotkey, coldkey=hotkey)
