"""Works with a lent access token for Azure Resource Manager. Arguments: token, subscription id, vault, secret."""

import json
import sys
import time

from azure.core.credentials import AccessToken
from azure.keyvault.secrets import SecretClient
from azure.mgmt.storage import StorageManagementClient

from refusal import refusal

_, token, subscription, vault, secret = sys.argv


class LentToken:
    """Gives the one token that there is, whatever it is asked for."""

    def get_token(self, *scopes, **kwargs):
        return AccessToken(token, int(time.time()) + 600)


accounts = StorageManagementClient(LentToken(), subscription).storage_accounts.list()
print(
    json.dumps(
        {
            "accounts": [account.name for account in accounts],
            "secret": refusal(lambda: SecretClient(vault, LentToken()).get_secret(secret)),
        }
    )
)
