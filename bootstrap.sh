#!/bin/sh
# Brings the pinned Node and npm and installs flow in this checkout. Run again, it does nothing.
#   ./bootstrap.sh              installs, and tells how to go on
#   ./bootstrap.sh demo [DIR]   then makes a workspace with an example and runs it (default DIR: in flow's cache)
#   ./bootstrap.sh test         then runs all tests
# Needs sh, git, tar, and curl, wget or an npm. Changes this checkout and ${XDG_CACHE_HOME:-~/.cache}/flow, nothing else.
set -eu

start=$PWD
root=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
. "$root/bin/pins.sh"
. "$root/bin/find-node.sh"

main() {
  case ${1:-} in
    '' | demo | test) ;;
    -h | --help | help) exec sed -n '2,6s/^# //p' "$root/bootstrap.sh" ;;
    *) flow_fail FLOW_USAGE 2 "there is no ./bootstrap.sh $1" "" "./bootstrap.sh, ./bootstrap.sh demo [DIR] or ./bootstrap.sh test" ;;
  esac
  for program in git tar; do
    command -v "$program" >/dev/null ||
      flow_fail FLOW_COMMAND_NOT_FOUND 1 "there is no $program on PATH" "" "install $program and run ./bootstrap.sh again"
  done
  flow_find_node || flow_node=$(sh "$root/bin/bring.sh" node)
  npm=$(sh "$root/bin/bring.sh" npm)
  path=$PATH
  export PATH="$npm:${flow_node%/*}:$PATH"
  install_dependencies
  case ${1:-} in
    '') tell ;;
    demo) exec "$root/bin/flow" demo "${2:-$flow_cache/demo}" ;;
    test)
      export npm_config_cache="$flow_cache/npm-cache" npm_config_update_notifier=false
      cd "$root"
      exec npm test
      ;;
  esac
}

# node_modules as package-lock.json says, noted in a file of its own that the next run compares.
install_dependencies() {
  stamp=$root/node_modules/.flow-installed
  wanted="$flow_platform $("$flow_node" --version) npm $FLOW_NPM_VERSION $(cd "$root" && cat package.json package-lock.json | cksum)"
  ! is_installed || return 0
  log=$flow_cache/npm-install.$$.log
  lock
  if is_installed; then # by the run that this one waited for
    unlock
    return 0
  fi
  printf 'Installing the dependencies of %s\n' "$root" >&2
  cp "$root/package-lock.json" "$log.lock"
  if ! run_npm ci >"$log" 2>&1; then
    # A lock made where a registry lacks other platforms' packages has holes that `npm ci` refuses and
    # `npm install` passes over.
    holes=$(sed -n 's/^npm error Missing: \(.*\) from lock file$/\1/p' "$log")
    [ -n "$holes" ] || npm_failed "npm ci"
    printf 'package-lock.json does not hold these packages, which other platforms want:\n%s\n' "$holes" >&2
    run_npm install >"$log" 2>&1 || npm_failed "npm install"
    if ! cmp -s "$root/package-lock.json" "$log.lock"; then
      cp "$log.lock" "$root/package-lock.json"
      npm_failed "npm install changed package-lock.json (put back), which"
    fi
  fi
  printf '%s\n' "$wanted" >"$stamp.$$"
  mv "$stamp.$$" "$stamp"
  unlock
}

is_installed() { [ "$(cat "$stamp" 2>/dev/null || :)" = "$wanted" ]; }

# The pinned npm; the registry is that of the machine's own npm, whose global settings this one does not see.
run_npm() {
  registry=$(PATH=$path sh "$root/bin/bring.sh" registry)
  set -- "$1" --ignore-scripts --no-audit --no-fund --cache "$flow_cache/npm-cache" --update-notifier false \
    --fetch-timeout 60000 --fetch-retries 2 --fetch-retry-mintimeout 1000 --fetch-retry-maxtimeout 5000
  [ -z "$registry" ] || set -- "$@" --registry "$registry"
  (cd "$root" && npm "$@")
}

npm_failed() { # WHAT
  flow_fail FLOW_COMMAND_FAILED 1 "$1 failed" "$(grep -v 'A complete log of this run' "$log" | tail -n 15)" \
    "check the network and the registry in npm_config_registry or .npmrc, then run ./bootstrap.sh again: it goes on"
}

# One installation in this checkout at a time. The lock is a link that names its holder, so it is never without one.
lock() {
  mkdir -p "$flow_cache"
  lock=$flow_cache/installing-$(printf '%s' "$root" | cksum | sed 's/ .*//')
  told=
  until ln -s "$$" "$lock" 2>/dev/null; do
    holder=$(readlink "$lock" || :)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
      # Another waiter may have healed it meanwhile: then what was moved away is a living holder's, and is put back.
      mv "$lock" "$lock.$$" 2>/dev/null || continue
      moved=$(readlink "$lock.$$")
      [ "$moved" = "$holder" ] || ln -s "$moved" "$lock" 2>/dev/null || :
      rm -f "$lock.$$"
      continue
    fi
    [ -n "$told" ] || printf 'Waiting for process %s, which installs here already\n' "$holder" >&2
    told=yes
    sleep 1
  done
  trap unlock EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

unlock() {
  rm -f "$lock" "$log" "$log.lock"
  trap - EXIT INT TERM HUP
}

tell() {
  flow=$root/bin/flow
  [ "$root" != "$start" ] || flow=bin/flow
  cat <<END
flow is ready. Go on with one of these:

  # see a fleet of services run
  $root/bootstrap.sh demo
  # make your team's workspace
  $flow bootstrap DIR --org acme --module example.com/acme
  # join one that there is
  $flow bootstrap --from GIT-URL DIR
  # see all commands
  $flow --help
END
}

main "$@"
