"""Reads one row of the app's state. Arguments: table, row key."""

import json
import sys

from azure.data.tables import TableServiceClient
from azure.identity import EnvironmentCredential

_, table, row_key = sys.argv
service = TableServiceClient("https://latchkeystate.table.core.windows.net", credential=EnvironmentCredential())
rows = list(service.get_table_client(table).query_entities("RowKey eq @key", parameters={"key": row_key}))
print(json.dumps({"record": dict(rows[0])}, default=str))
