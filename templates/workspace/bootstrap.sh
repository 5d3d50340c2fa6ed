#!/bin/sh
# A fresh machine → this workspace, ready: flow itself comes out of the team's mirror, and brings the rest.
# Needs sh, git and tar; where the mirror holds no Node, curl, wget or an npm too. Run again, it mends what is missing.
set -eu

home=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
cd "$home"

fail() { # MESSAGE CAUSE HINT
  printf 'error: %s\n' "$1" >&2
  [ -z "$2" ] || printf '%s\n' "$2" | sed 's/^/  /' >&2
  printf '\nhint: %s\n' "$3" >&2
  exit 1
}

# The value of a top-level key of flow.yaml, or with two names of a key below one.
setting() { # KEY [INNER]
  awk -v key="$1" -v inner="${2:-}" '
    function value(line) { sub(/^[^:]*:[ \t]*/, "", line); sub(/[ \t]+#.*$/, "", line); gsub(/["'\'']/, "", line); return line }
    /^[^ \t#]/ { inside = ($0 ~ "^" key ":") ; if (inside && inner == "") { print value($0); exit } }
    inside && inner != "" && $0 ~ "^[ \t]+" inner ":" { print value($0); exit }' flow.yaml
}

vendor=$home/src/$(setting module)/vendor
flow=$vendor/node_modules/goflow/bin/flow
if [ ! -f "$flow" ]; then
  url=$(setting mirror url)
  case $url in
    ./mirror.git)
      [ -d mirror.git ] || fail "this workspace's mirror is on the machine that it was made on" \
        "mirror.url in flow.yaml is $url, the bare repository inside the workspace" \
        "there, publish it: flow bootstrap --publish-mirror GIT-URL; commit flow.yaml, push, and pull here"
      url=$home/mirror.git
      ;;
  esac
  seed=$home/.flow/seed
  rm -rf "$seed"
  mkdir -p "$home/.flow"
  printf 'Taking flow out of the mirror %s\n' "$(printf '%s\n' "$url" | sed 's#://[^/@]*@#://***@#')" >&2
  trap 'rm -rf "$seed"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # Only what flow itself needs is fetched where the server can filter.
  git -c core.hooksPath=/dev/null -c http.lowSpeedLimit=100 -c http.lowSpeedTime=30 \
    clone --quiet --no-local --depth 1 --filter=blob:none --no-checkout -- "$url" "$seed" ||
    fail "the mirror could not be cloned" "" "check the network and mirror.url in flow.yaml, then run ./bootstrap.sh again"
  tip=HEAD
  if ! git -C "$seed" rev-parse --quiet --verify HEAD >/dev/null; then
    # A bare repository's HEAD may name a branch that nobody pushed.
    tip=FETCH_HEAD
    git -C "$seed" fetch --quiet --depth 1 --filter=blob:none origin main || :
  fi
  mkdir -p "$seed/.git/info"
  echo '* -text -ident -filter !eol !working-tree-encoding' >"$seed/.git/info/attributes"
  git -C "$seed" -c core.hooksPath=/dev/null -c core.autocrlf=false checkout --quiet "$tip" -- node_modules/goflow 2>/dev/null ||
    fail "the mirror holds no flow" "there is no node_modules/goflow in it" \
      "in a workspace that works: flow bootstrap brings it into the mirror"
  flow=$seed/node_modules/goflow/bin/flow
  # The mirror may hold Node too. It is large: it is fetched only when this machine has none.
  platform=$(cd "$seed" && . node_modules/goflow/bin/pins.sh && . node_modules/goflow/bin/find-node.sh &&
    if flow_find_node; then :; else echo "$flow_platform"; fi)
  if [ -n "$platform" ] && git -C "$seed" cat-file -e "$tip:nodejs/$platform" 2>/dev/null; then
    git -C "$seed" -c core.hooksPath=/dev/null -c core.autocrlf=false checkout --quiet "$tip" -- "nodejs/$platform"
    export FLOW_NODE_ARCHIVE="$seed/nodejs/$platform/node.tgz"
  fi
fi
sh "$flow" bootstrap "$home" "$@"
