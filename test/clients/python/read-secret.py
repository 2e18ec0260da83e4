"""Asks the app for a secret. Arguments: address of the app, token for it, request as JSON."""

import json
import sys

import requests

_, app, token, wanted = sys.argv
answer = requests.post(
    f"{app}/api/secrets/read",
    data=wanted,
    headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    timeout=60,
)
credential = answer.json().get("credential", {})
print(
    json.dumps({"status": answer.status_code, "value": credential.get("value"), "version": credential.get("version")})
)
