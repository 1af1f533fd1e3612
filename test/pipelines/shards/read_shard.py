"""Prints what pyarrow and DuckDB see in a shard, as JSON."""

import json
import sys

import duckdb
import numpy as np
import pyarrow as pa

table = pa.ipc.open_file(sys.argv[1]).read_all()
rows = []
for row in table.to_pylist():
    rows.append(
        {
            "clip_id": row["clip_id"],
            "label": row["label"],
            "group": row["group"],
            "missing": row["missing"],
            "audio_sum": None if row["audio"] is None else float(np.sum(np.asarray(row["audio"], dtype="f8"))),
            "rgb_sum": None if row["rgb"] is None else int(np.sum(np.frombuffer(row["rgb"], dtype="u1"), dtype="i8")),
            "rgb_shape": row["rgb_shape"],
        }
    )
shard = table  # DuckDB finds it by this name
counted = duckdb.sql(
    "select label, count(*), sum(octet_length(rgb)), sum(missing) from shard group by label order by label"
).fetchall()
metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
shape = table.schema.field("audio").metadata[b"shape"].decode()
print(json.dumps({"rows": rows, "duckdb": [[int(v or 0) for v in r] for r in counted], "metadata": metadata, "shape": shape}))
