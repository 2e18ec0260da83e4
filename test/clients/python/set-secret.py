"""Sets a secret. Arguments: vault, name, value."""

import json
import sys

from azure.identity import EnvironmentCredential
from azure.keyvault.secrets import SecretClient

_, vault, name, value = sys.argv
made = SecretClient(vault, EnvironmentCredential()).set_secret(name, value)
print(json.dumps({"version": made.properties.version}))
