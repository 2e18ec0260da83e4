"""What a service refused, as status and code. Imported by the scripts beside it."""

from azure.core.exceptions import HttpResponseError


def refusal(call):
    """Runs `call`, which must be refused."""
    try:
        call()
    except HttpResponseError as error:
        inner = getattr(error, "error", None)
        code = getattr(error, "error_code", None) or getattr(inner, "code", None)
        return {"status": error.status_code, "code": code}
    raise SystemExit("expected a refusal")
