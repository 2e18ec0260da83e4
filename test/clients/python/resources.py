"""Lists what a subscription has. Arguments: subscription id."""

import json
import sys

from azure.identity import EnvironmentCredential
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.storage import StorageManagementClient

from refusal import refusal

subscription = sys.argv[1]
credential = EnvironmentCredential()
storage = StorageManagementClient(credential, subscription)
resources = ResourceManagementClient(credential, subscription)
print(
    json.dumps(
        {
            "groups": [group.name for group in resources.resource_groups.list()],
            "accounts": [account.name for account in storage.storage_accounts.list()],
            "containers": sorted(
                container.name for container in storage.blob_containers.list("demo-zenml-demos", "demozenmlartifacts")
            ),
            "missingGroup": refusal(lambda: resources.resource_groups.get("not-there")),
        }
    )
)
