"""FileTAO's messages as classes of the SDK, fields in the order of the wire.

How a class names the fields that its body hash covers depends on the SDK:
before 7.2 in a field of its own, from then on in a class variable. A class of
the old kind still works on newer SDKs; FILETAO_HASH_LIST=field asks for it.
"""

import os
import typing

import pydantic

import sdk

IN_FIELD = not sdk.AT_LEAST_7_2 or os.environ.get("FILETAO_HASH_LIST") == "field"

Text = typing.Optional[str]
Number = typing.Optional[int]


def _message(name, hashed, fields):
    """A class. A field is a type, then it is required, or a type and its default."""
    notes, body = {}, {"__module__": __name__}
    for field, kind in fields.items():
        notes[field] = kind
        if isinstance(kind, tuple):
            notes[field], body[field] = kind
    if IN_FIELD:
        frozen = {"allow_mutation": False} if pydantic.VERSION.startswith("1.") else {"frozen": True}
        notes["required_hash_fields"] = typing.List[str]
        body["required_hash_fields"] = pydantic.Field(hashed, **frozen)
    else:  # where names that are no fields are errors
        notes["required_hash_fields"] = typing.ClassVar[typing.Tuple[str, ...]]
        body["required_hash_fields"] = tuple(field for field in hashed if field in fields)
    body["__annotations__"] = notes
    return type(name, (sdk.Synapse,), body)


Store = _message(
    "Store",
    ["curve", "g", "h", "seed", "randomness", "commitment", "signature", "commitment_hash"],
    {
        "encrypted_data": str, "curve": str, "g": str, "h": str, "seed": str,
        "randomness": (Number, None), "commitment": (Text, None), "signature": (Text, None),
        "commitment_hash": (Text, None), "ttl": (Number, None),
    },
)

Challenge = _message(
    "Challenge",
    ["commitment_hash", "commitment_proof", "commitment", "data_chunk", "randomness", "merkle_proof", "merkle_root"],
    {
        "challenge_hash": str, "challenge_index": int, "chunk_size": int,
        "g": str, "h": str, "curve": str, "seed": str,
        "commitment_hash": (Text, None), "commitment_proof": (Text, None), "commitment": (Text, None),
        "data_chunk": (Text, None), "randomness": (Number, None),
        "merkle_proof": (Text, None), "merkle_root": (Text, None),
    },
)

Retrieve = _message(
    "Retrieve",
    ["data_hash", "seed", "data", "commtiment_proof", "commitment_hash"],  # the misspelling is the reference's
    {
        "data_hash": str, "seed": str,
        "data": (Text, None), "commitment_hash": (Text, None), "commitment_proof": (Text, None),
    },
)

StoreUser = _message(
    "StoreUser",
    ["encrypted_data", "encryption_payload"],
    {"encrypted_data": str, "encryption_payload": str, "data_hash": (Text, None), "ttl": (Number, None)},
)

RetrieveUser = _message(
    "RetrieveUser",
    ["data_hash"],
    {"data_hash": str, "encrypted_data": (Text, None), "encryption_payload": (Text, None)},
)

DeleteUser = _message(
    "DeleteUser",
    ["data_hash"],
    {"data_hash": str, "encryption_payload": str, "deleted": (bool, False)},
)

# Nobody answers this one.
Unheard = _message("Unheard", [], {"text": (Text, None)})

ALL = {m.__name__: m for m in (Store, Challenge, Retrieve, StoreUser, RetrieveUser, DeleteUser, Unheard)}
ALL["Synapse"] = sdk.Synapse


def fields_of(message):
    """The message's own fields, without those of every synapse."""
    data = dict(message)
    for name in ("name", "timeout", "total_size", "header_size", "dendrite", "axon", "computed_body_hash",
                 "required_hash_fields"):
        data.pop(name, None)
    return data
