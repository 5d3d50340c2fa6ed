# Sourced, after pins.sh: where flow keeps Node, and which Node to use.

if [ -n "${XDG_CACHE_HOME:-}" ]; then
  flow_cache=$XDG_CACHE_HOME/flow
elif [ -n "${HOME:-}" ]; then
  flow_cache=$HOME/.cache/flow
else
  flow_cache=/tmp/flow-cache
fi

flow_fail() { # CODE EXIT MESSAGE CAUSE HINT
  printf 'error: %s [%s]\n' "$3" "$1" >&2
  [ -z "$4" ] || printf '%s\n' "$4" | sed 's/^/  /' >&2
  printf '\nhint: %s\n' "$5" >&2
  exit "$2"
}

# Sets flow_os, flow_arch and flow_platform.
flow_detect_platform() {
  case $(uname -sm) in
    Linux*) flow_os=linux ;;
    Darwin*) flow_os=darwin ;;
    *) flow_fail FLOW_PLATFORM_UNSUPPORTED 1 "flow runs on Linux and macOS, and this is $(uname -s)" "" \
      "on Windows, install WSL 2 and run it there" ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) flow_arch=x64 ;;
    aarch64 | arm64) flow_arch=arm64 ;;
    *) flow_fail FLOW_PLATFORM_UNSUPPORTED 1 "flow runs on x64 and arm64, and this is $(uname -m)" "" \
      "use another machine" ;;
  esac
  flow_platform=$flow_os-$flow_arch
}

# Whether the Node at $1 is at least as new as the pinned one.
flow_node_is_new_enough() {
  flow_found=$("$1" --version 2>/dev/null) || return 1
  flow_found=${flow_found#v}
  flow_major=${flow_found%%.*}
  flow_minor=${flow_found#*.}
  flow_minor=${flow_minor%%.*}
  flow_wanted_minor=${FLOW_NODE_VERSION#*.}
  flow_wanted_minor=${flow_wanted_minor%%.*}
  [ "$flow_major" -gt "${FLOW_NODE_VERSION%%.*}" ] 2>/dev/null && return 0
  [ "$flow_major" -eq "${FLOW_NODE_VERSION%%.*}" ] 2>/dev/null && [ "$flow_minor" -ge "$flow_wanted_minor" ]
}

# Sets flow_node to the cached Node, else to the machine's when it is new enough; fails when there is neither.
flow_find_node() {
  flow_detect_platform
  flow_node=$flow_cache/node/$FLOW_NODE_VERSION-$flow_platform/bin/node
  [ ! -x "$flow_node" ] || return 0
  flow_node=$(command -v node) && flow_node_is_new_enough "$flow_node"
}
