#!/usr/bin/env bash
# Builds the programs that flow is tested against, once, and says where they are:
#   eval "$(scripts/build-test-tools.sh [TOOL]...)"
# They come from the Go module proxy at a pinned version, checked by Go against its checksum database, and are kept
# in ${FLOW_CI_CACHE:-${XDG_CACHE_HOME:-~/.cache}/flow-ci}. Needs Go; 3 to 6 minutes the first time on two cores.
set -euo pipefail

all=(consul grpcurl consul-template h2spec grpc-interop grpc-interop-server go-peer)
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

if [ $# -eq 0 ]; then set -- "${all[@]}"; fi
for tool in "$@"; do
  path=$(build "$tool")
  variable=$(tr 'a-z-' 'A-Z_' <<<"$tool")
  printf 'export FLOW_TEST_%s=%q\n' "$variable" "$path"
done
