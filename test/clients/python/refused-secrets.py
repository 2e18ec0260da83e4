"""Asks for a secret of the app's key vault without the right to."""

import json

from azure.identity import EnvironmentCredential
from azure.keyvault.secrets import SecretClient

from refusal import refusal

client = SecretClient("https://latchkey-vault.vault.azure.net", EnvironmentCredential())
print(json.dumps(refusal(lambda: client.get_secret("any"))))
