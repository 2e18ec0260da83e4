"""The life of one secret in the app's key vault."""

import json

from azure.identity import EnvironmentCredential
from azure.keyvault.secrets import SecretClient

from refusal import refusal

NAME = "python-client"

client = SecretClient("https://latchkey-vault.vault.azure.net", EnvironmentCredential())
first = client.set_secret(NAME, "first", content_type="text/plain", tags={"made-by": "python"})
client.set_secret(NAME, "second")
result = {
    "read": client.get_secret(NAME).value,
    "before": client.get_secret(NAME, first.properties.version).value,
}
client.begin_delete_secret(NAME).wait()
result["deleted"] = refusal(lambda: client.get_secret(NAME))
client.begin_recover_deleted_secret(NAME).wait()
result["recovered"] = client.get_secret(NAME).value
client.begin_delete_secret(NAME).wait()
client.purge_deleted_secret(NAME)
result["purged"] = refusal(lambda: client.get_deleted_secret(NAME))
print(json.dumps(result))
