"""Asks for one storage account without the right to. Arguments: subscription id."""

import json
import sys

from azure.identity import EnvironmentCredential
from azure.mgmt.storage import StorageManagementClient

from refusal import refusal

storage = StorageManagementClient(EnvironmentCredential(), sys.argv[1])
print(json.dumps(refusal(lambda: storage.storage_accounts.get_properties("demo-zenml-demos", "demozenmlartifacts"))))
