"""The JSON Schema of a record, written from its model.

`python cli.py cite --format schema > reports/schema/record.schema.json` writes it again; a test
checks that it is current and that every published record fits it, older ones as they are lifted.
"""

import json
from pathlib import Path
from typing import Any

from benchmark.record.record import SCHEMA, Record

FILE = Path(__file__).resolve().parents[1] / "schema" / "record.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def record_schema() -> dict[str, Any]:
    """The schema of the files in records/: draft 2020-12."""
    return {
        "$schema": DIALECT,
        **Record.model_json_schema(mode="serialization"),
        "title": f"augbench record, schema {SCHEMA}",
    }


def schema_text() -> str:
    """The schema as its file has it."""
    return json.dumps(record_schema(), indent=1, ensure_ascii=False) + "\n"
