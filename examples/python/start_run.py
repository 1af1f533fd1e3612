"""Starts the main job of Modalmix from Python, follows its progress, and prints its result.

    pip install temporalio==1.35.0
    python start_run.py --store file:/data/store --config run.json --run-id clips-by-python

The config is one of `modalmix run` as JSON, with absolute paths. The signing key is the one of the workers: of the
embedded server's home (MODALMIX_HOME/keys/signing.json), or MODALMIX_SIGNING_KEYS_FILE for a server of one's own.
docs/contract.md says what everything here means.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.service import RPCError

WORKFLOW = "rebuildAndTrain"
TASK_QUEUE = "modalmix-control"
SIGNATURE = "modalmix-signature"


def json_text(value: object) -> bytes:
    """As JavaScript's JSON.stringify writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def framed(data: bytes) -> bytes:
    """Its length first, so that no two lists of pieces are the same bytes."""
    return struct.pack(">I", len(data)) + data


class SigningCodec(PayloadCodec):
    """Signs what goes to one workflow, and refuses what comes from it unsigned."""

    def __init__(self, keys: Sequence[bytes], namespace: str, workflow_id: str) -> None:
        self.keys = {hashlib.sha256(b"modalmix key id\0" + key).hexdigest()[:8]: key for key in keys}
        self.namespace = namespace
        self.workflow_id = workflow_id

    def mac(self, key: bytes, payloads: Sequence[Payload]) -> str:
        place = ["workflow", self.workflow_id]
        bound = json_text(["modalmix payloads 1", self.namespace, place, len(payloads), None])
        message = framed(bound)
        for payload in payloads:
            names = sorted(name for name in payload.metadata if name != SIGNATURE)
            message += framed(json_text(names))
            for name in names:
                message += framed(payload.metadata[name])
            message += framed(payload.data)
        digest = hmac.new(key, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if not payloads:
            return []
        key_id, key = next(iter(self.keys.items()))
        first = Payload()
        first.CopyFrom(payloads[0])
        first.metadata[SIGNATURE] = f"{key_id}.{self.mac(key, payloads)}".encode()
        return [first, *payloads[1:]]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if not payloads:
            return []
        key_id, _, given = payloads[0].metadata[SIGNATURE].decode().partition(".")
        key = self.keys.get(key_id)
        if key is None or not hmac.compare_digest(self.mac(key, payloads), given):
            raise ValueError("what came back is not signed by the workers of this key")
        first = Payload()
        first.CopyFrom(payloads[0])
        del first.metadata[SIGNATURE]
        return [first, *payloads[1:]]


def read_keys() -> list[bytes]:
    """The newest first: it signs, all are believed."""
    file = os.environ.get("MODALMIX_SIGNING_KEYS_FILE")
    if file is not None:
        words = re.split(r"[\s,]+", Path(file).read_text().strip())
    else:
        words = json.loads((home() / "keys" / "signing.json").read_text())["keys"]
    return [
        bytes.fromhex(word) if re.fullmatch("[0-9a-fA-F]{64}", word) else base64.b64decode(word)
        for word in words
    ]


def home() -> Path:
    return Path(os.environ.get("MODALMIX_HOME", ".modalmix"))


def embedded_address() -> str | None:
    """Of the server that Modalmix itself runs, where it has started one."""
    try:
        port = json.loads((home() / "temporal" / "server.json").read_text())["ports"][0]
    except FileNotFoundError:
        return None
    return f"127.0.0.1:{port}"


def store_config(store_uri: str, run_id: str, config: dict) -> None:
    """Leaves the config where workers read it. For s3:// stores: the same key below the prefix."""
    if not store_uri.startswith("file:/"):
        raise SystemExit("this example writes to file: stores alone, with an absolute path")
    path = Path(store_uri.removeprefix("file:")) / "runs" / run_id / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({**config, "store": store_uri}))
    temporary.rename(path)


async def follow(handle: WorkflowHandle) -> None:
    """Prints each stage's state when it changes, until the workflow has ended."""
    shown: dict[str, str] = {}
    while (await handle.describe()).status == WorkflowExecutionStatus.RUNNING:
        try:
            progress = await handle.query("progress")
        except RPCError:  # No worker answers yet.
            progress = {"stages": []}
        for stage in progress["stages"]:
            if shown.get(stage["label"]) != stage["state"]:
                shown[stage["label"]] = stage["state"]
                print(f"{stage['label']}: {stage['state']}", flush=True)
        await asyncio.sleep(0.5)


async def main() -> None:
    words = argparse.ArgumentParser(description="Starts a run, or joins it, and follows it to its end.")
    words.add_argument("--store", required=True, help="file:/… with an absolute path")
    words.add_argument("--config", required=True, type=Path, help="a run's config as JSON, with absolute paths")
    words.add_argument("--run-id", required=True, help="letters, digits, '.', '_' and '-'")
    words.add_argument("--address", default=os.environ.get("TEMPORAL_ADDRESS") or embedded_address())
    words.add_argument("--namespace", default=os.environ.get("TEMPORAL_NAMESPACE", "default"))
    flags = words.parse_args()
    if flags.address is None:
        raise SystemExit("no server: name one by --address, or start the embedded one with any command of modalmix")
    config = json.loads(flags.config.read_text())
    training = config.get("training", {})

    codec = SigningCodec(read_keys(), flags.namespace, workflow_id=flags.run_id)
    client = await Client.connect(
        flags.address, namespace=flags.namespace, data_converter=DataConverter(payload_codec=codec)
    )
    store_config(flags.store, flags.run_id, config)
    run = {"storeUri": flags.store, "runId": flags.run_id}
    handle = await client.start_workflow(
        WORKFLOW,
        args=[
            {**run, "methods": training.get("methods", ["b-mm"]), "seeds": training.get("seeds", [0])},
            # What it is for is signed with it: it starts nothing else.
            {"modalmix:for": f"workflow {WORKFLOW}"},
        ],
        id=flags.run_id,
        task_queue=TASK_QUEUE,
        memo=run,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    await follow(handle)
    print(json.dumps(await handle.result()))


if __name__ == "__main__":
    asyncio.run(main())
    # The SDK's own threads outlive the loop: an interpreter that is taken down beside them may abort.
    sys.stdout.flush()
    os._exit(0)
