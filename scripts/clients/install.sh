#!/usr/bin/env bash
# Installs what `npm run test:clients` drives, on Debian 12 as root. Run by .ci/run; running it again changes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Debian's names. azure-cli is 2.45, rclone is 1.60.
readonly PACKAGES=(azure-cli ca-certificates curl python3-venv rclone)
readonly PYTHON_FOLDER=test/clients/python
# Azure's MCP server, at the version and with the hash of its own package-lock.json.
readonly AZMCP_FOLDER=test/clients/azmcp
readonly TRIES=3
readonly SECONDS_BETWEEN_TRIES=10
# Another package manager may be at work, e.g. on a machine that has just started.
readonly LOCK_TIMEOUT_SECONDS=120

export DEBIAN_FRONTEND=noninteractive

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a command in silence; what it said is shown when its last try fails.
try() {
  local n
  for ((n = 1; n <= TRIES; n++)); do
    if "$@" >"$log" 2>&1 </dev/null; then return 0; fi
    if ((n < TRIES)); then sleep "$SECONDS_BETWEEN_TRIES"; fi
  done
  cat "$log" >&2
  echo "failed $TRIES times: $*" >&2
  return 1
}

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing=()
for package in "${PACKAGES[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]} > 0)); then
  echo "Installing ${missing[*]}"
  try apt-get update
  try apt-get install --yes --no-install-recommends --option "DPkg::Lock::Timeout=$LOCK_TIMEOUT_SECONDS" "${missing[@]}"
fi

echo "Installing the Python SDKs in $PYTHON_FOLDER/.venv"
try python3 -m venv "$PYTHON_FOLDER/.venv"
try "$PYTHON_FOLDER/.venv/bin/python" -m pip install --disable-pip-version-check --requirement "$PYTHON_FOLDER/requirements.txt"

echo "Installing Azure's MCP server in $AZMCP_FOLDER/node_modules"
try npm ci --prefix "$AZMCP_FOLDER" --ignore-scripts --no-audit --no-fund
