"""Works with a lent credential. Arguments: account address, SAS token, container, a container that it is not for."""

import json
import sys

from azure.core.credentials import AzureSasCredential
from azure.storage.blob import BlobServiceClient

from refusal import refusal

_, account, token, inside, outside = sys.argv
service = BlobServiceClient(account, credential=AzureSasCredential(token))
container = service.get_container_client(inside)
blob = container.get_blob_client("python/hello.txt")
blob.upload_blob(b"hello", overwrite=True)
result = {
    "read": blob.download_blob().readall().decode(),
    "listed": [item.name for item in container.list_blobs(name_starts_with="python/")],
    "outside": refusal(lambda: list(service.get_container_client(outside).list_blobs())),
}
blob.delete_blob()
result["deleted"] = refusal(lambda: blob.download_blob())
print(json.dumps(result))
