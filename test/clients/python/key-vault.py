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
    "versions": sorted(
        client.get_secret(NAME, version.version).value for version in client.list_properties_of_secret_versions(NAME)
    ),
    "listed": NAME in [secret.name for secret in client.list_properties_of_secrets()],
}
client.begin_delete_secret(NAME).wait()
result["deleted"] = refusal(lambda: client.get_secret(NAME))
client.begin_recover_deleted_secret(NAME).wait()
result["recovered"] = client.get_secret(NAME).value
client.begin_delete_secret(NAME).wait()
client.purge_deleted_secret(NAME)
result["purged"] = refusal(lambda: client.get_deleted_secret(NAME))
print(json.dumps(result))
