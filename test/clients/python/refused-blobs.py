"""Tries to write with a lent credential for reading. Arguments: account address, SAS token, container."""

import json
import sys

from azure.core.credentials import AzureSasCredential
from azure.storage.blob import BlobServiceClient

from refusal import refusal

_, account, token, container = sys.argv
service = BlobServiceClient(account, credential=AzureSasCredential(token))
blob = service.get_blob_client(container, "python/refused.txt")
print(json.dumps(refusal(lambda: blob.upload_blob(b"no", overwrite=True))))
