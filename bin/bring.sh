#!/bin/sh
# Brings the pinned Node or npm into flow's cache, unless it is there.
#   bring.sh node       prints the path of the node program
#   bring.sh npm        prints the directory that holds npm and npx
#   bring.sh registry   prints the npm registry that this machine's settings name; nothing when none do
# Progress and errors go to stderr. What is fetched is checked, staged and renamed: it is whole or absent.
# FLOW_NETWORK_TIMEOUT is how many seconds a transfer may stand still (default 30); FLOW_NODE_DIST is where the official
# archives lie, for platforms without a recorded hash (default https://nodejs.org/dist). FLOW_NODE_ARCHIVE names a copy of
# the registry's tarball, such as a mirror holds: then nothing is fetched.
set -eu

here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
. "$here/pins.sh"
. "$here/find-node.sh"
idle=${FLOW_NETWORK_TIMEOUT:-30}
stage=

main() {
  flow_detect_platform
  case ${1:-} in
    node) bring_node ;;
    npm) bring_npm ;;
    registry) find_registry && printf '%s\n' "$registry" ;;
    *) flow_fail FLOW_USAGE 2 "usage: bring.sh node|npm|registry" "" "see the head of $here/bring.sh" ;;
  esac
}

say() { printf '%s\n' "$*" >&2; }

bring_node() {
  target=$flow_cache/node/$FLOW_NODE_VERSION-$flow_platform
  if [ ! -x "$target/bin/node" ]; then
    case $flow_platform in
      linux-x64) hash=$FLOW_NODE_SHA512_LINUX_X64 ;;
      linux-arm64) hash=$FLOW_NODE_SHA512_LINUX_ARM64 ;;
      *) hash= ;;
    esac
    refuse_musl
    make_stage "$target"
    say "Bringing Node $FLOW_NODE_VERSION for $flow_platform into $flow_cache"
    package=yes
    if [ -z "$hash" ] || ! is_archive_of "$hash"; then
      find_registry
      if [ -n "$hash" ] && [ -n "$registry" ]; then
        fetch_package "node-$flow_platform" "$FLOW_NODE_VERSION" "$hash"
      else
        package=
        fetch_official
      fi
    fi
    if [ -n "$package" ]; then
      unpack package/bin/node package/LICENSE
      mv "$stage/package" "$stage/ready"
    else
      mv "$stage/node-v$FLOW_NODE_VERSION-$flow_platform" "$stage/ready"
    fi
    chmod 755 "$stage/ready/bin/node"
    found=$("$stage/ready/bin/node" --version 2>&1) || found="it does not run here: $found"
    [ "$found" = "v$FLOW_NODE_VERSION" ] ||
      flow_fail FLOW_NODE_UNUSABLE 1 "the Node that was brought does not work" "$found" \
        "install Node $FLOW_NODE_VERSION or newer by hand, first on PATH"
    publish "$target"
  fi
  printf '%s\n' "$target/bin/node"
}

# Takes FLOW_NODE_ARCHIVE for the download when it is the tarball that is wanted: a mirror may hold another version's.
is_archive_of() { # SHA512
  [ -n "${FLOW_NODE_ARCHIVE:-}" ] && [ -f "$FLOW_NODE_ARCHIVE" ] && [ "$(digest 512 <"$FLOW_NODE_ARCHIVE")" = "$1" ] || return 1
  cp "$FLOW_NODE_ARCHIVE" "$stage/download"
}

bring_npm() {
  target=$flow_cache/npm/$FLOW_NPM_VERSION
  if [ ! -x "$target/bin/npm" ]; then
    make_stage "$target"
    find_registry
    [ -n "$registry" ] || flow_fail FLOW_HTTP_FAILED 5 "npm $FLOW_NPM_VERSION cannot be fetched: no registry is known" \
      "neither npm_config_registry, nor .npmrc, nor an npm on PATH names one" \
      "set it: npm_config_registry=https://… $0"
    say "Bringing npm $FLOW_NPM_VERSION into $flow_cache"
    fetch_package npm "$FLOW_NPM_VERSION" "$FLOW_NPM_SHA512"
    unpack package
    mkdir -p "$stage/ready/bin" "$stage/ready/lib"
    mv "$stage/package" "$stage/ready/lib/npm"
    for name in npm npx; do
      printf '#!/bin/sh\nexec node "${0%%/*}/../lib/npm/bin/%s-cli.js" "$@"\n' "$name" >"$stage/ready/bin/$name"
      chmod 755 "$stage/ready/bin/$name"
    done
    publish "$target"
  fi
  printf '%s\n' "$target/bin"
}

refuse_musl() {
  [ "$flow_os" = linux ] || return 0
  for loader in /lib/ld-linux* /lib64/ld-linux*; do
    [ ! -e "$loader" ] || return 0
  done
  for loader in /lib/ld-musl-*; do
    [ ! -e "$loader" ] || flow_fail FLOW_PLATFORM_UNSUPPORTED 1 \
      "the pinned Node needs glibc, and this system has musl" "" \
      "install the system's own Node $FLOW_NODE_VERSION or newer (on Alpine: apk add nodejs-current)"
  done
}

# Staging.

make_stage() { # TARGET
  parent=${1%/*}
  mkdir -p "$parent" 2>/dev/null || flow_fail FLOW_CACHE_UNWRITABLE 1 "$parent cannot be made" "" \
    "make it writable, or set XDG_CACHE_HOME"
  for old in "$parent"/.staging.*; do
    [ ! -d "$old" ] || kill -0 "${old##*.}" 2>/dev/null || rm -rf "$old"
  done
  stage=$parent/.staging.$$
  rm -rf "$stage"
  mkdir "$stage"
  trap 'rm -rf "$stage"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

# Renames the staged directory. Where another run was faster, mv moves into its directory, and that is taken out again.
publish() { # TARGET
  mv "$stage/ready" "$stage/new.$$"
  if [ -e "$1" ] && [ ! -x "$1/bin/node" ] && [ ! -x "$1/bin/npm" ]; then mv "$1" "$stage/broken"; fi
  mv "$stage/new.$$" "$1"
  rm -rf "$1/new.$$"
}

unpack() { # ENTRY...
  tar -xzf "$stage/download" -C "$stage" "$@" 2>"$stage/why" ||
    flow_fail FLOW_COMMAND_FAILED 1 "what was fetched cannot be unpacked" "$(cat "$stage/why")" \
      "is the disk full? Run the command again"
}

# Where npm packages come from.

# Sets registry (with a final slash), or leaves it empty when nothing names one.
find_registry() {
  registry=$(npm_setting registry)
  if [ -z "$registry" ]; then
    official=$flow_cache/node/$FLOW_NODE_VERSION-$flow_platform
    if [ -f "$official/lib/node_modules/npm/bin/npm-cli.js" ]; then
      registry=$(quiet_npm "$official/bin/node" "$official/lib/node_modules/npm/bin/npm-cli.js" config get registry)
    elif command -v npm >/dev/null; then
      registry=$(quiet_npm npm config get registry)
    fi
  fi
  case $registry in
    http://* | https://*) registry=${registry%/}/ ;;
    '' | undefined | null) registry= ;;
    *) flow_fail FLOW_CONFIG_INVALID 3 "the npm registry \"$registry\" is not an http address" "" \
      "correct npm_config_registry or .npmrc" ;;
  esac
}

# npm, with its cache and logs kept out of the home directory.
quiet_npm() {
  npm_config_cache=$flow_cache/npm-cache npm_config_update_notifier=false npm_config_logs_max=0 "$@" 2>/dev/null || :
}

# What the environment, ./.npmrc or the user's .npmrc say, in npm's order. ${VARIABLE} is filled in as npm does.
npm_setting() { # KEY
  awk -v key="$1" -v user="$(npm_userconfig)" '
    function fill(text,   at, name) {
      while (match(text, /[$][{][A-Za-z_][A-Za-z0-9_]*[}]/)) {
        name = substr(text, RSTART + 2, RLENGTH - 3)
        text = substr(text, 1, RSTART - 1) ENVIRON[name] substr(text, RSTART + RLENGTH)
      }
      return text
    }
    function from(file,   line, name, value, at, found) {
      while ((getline line < file) > 0) {
        sub(/^[ \t]+/, "", line); sub(/[ \t\r]+$/, "", line)
        if (line ~ /^[;#]/ || !(at = index(line, "="))) continue
        name = substr(line, 1, at - 1); value = substr(line, at + 1)
        sub(/[ \t]+$/, "", name); sub(/^[ \t]+/, "", value)
        if (value ~ /^".*"$/) value = substr(value, 2, length(value) - 2)
        if (name == key) found = fill(value)
      }
      close(file)
      return found
    }
    BEGIN {
      for (name in ENVIRON) if (tolower(name) == tolower("npm_config_" key) && ENVIRON[name] != "") value = ENVIRON[name]
      if (value == "") value = from(".npmrc")
      if (value == "") value = from(user)
      print value
    }' </dev/null
}

npm_userconfig() {
  printf '%s\n' "${npm_config_userconfig:-${NPM_CONFIG_USERCONFIG:-${HOME:-}/.npmrc}}"
}

# The Authorization header that .npmrc gives for the registry, looked up from its full path upwards, as npm does.
authorization() {
  scope=//${registry#*://}
  while :; do
    token=$(npm_setting "$scope:_authToken")
    [ -z "$token" ] || { printf 'Bearer %s\n' "$token" && return; }
    token=$(npm_setting "$scope:_auth")
    [ -z "$token" ] || { printf 'Basic %s\n' "$token" && return; }
    scope=${scope%/}
    case $scope in
      //*/*) scope=${scope%/*}/ ;;
      *) return 0 ;;
    esac
  done
}

# Fetching: into $stage/download.

fetch_package() { # NAME VERSION SHA512
  url=$registry$1/-/$1-$2.tgz
  if command -v curl >/dev/null || command -v wget >/dev/null; then
    fetch "$url" "$(authorization)"
  else
    fetch_by_npm "$1@$2"
  fi
  check_digest 512 "$3" "$url"
}

fetch_official() {
  dist=${FLOW_NODE_DIST:-https://nodejs.org/dist}
  archive=node-v$FLOW_NODE_VERSION-$flow_platform.tar.gz
  fetch "$dist/v$FLOW_NODE_VERSION/SHASUMS256.txt" ""
  sum=$(sed -n "s/^\([0-9a-f]*\)  $archive\$/\1/p" "$stage/download")
  [ -n "$sum" ] || flow_fail FLOW_HTTP_FAILED 5 "there is no Node $FLOW_NODE_VERSION for $flow_platform" \
    "$dist/v$FLOW_NODE_VERSION/SHASUMS256.txt does not list $archive" \
    "install Node $FLOW_NODE_VERSION or newer by hand, first on PATH"
  fetch "$dist/v$FLOW_NODE_VERSION/$archive" ""
  check_digest 256 "$sum" "$dist/v$FLOW_NODE_VERSION/$archive"
  unpack
}

fetch() { # URL AUTHORIZATION
  if command -v curl >/dev/null; then
    fetch_by_curl "$1" "$2"
  elif command -v wget >/dev/null; then
    fetch_by_wget "$1" "$2"
  else
    flow_fail FLOW_COMMAND_NOT_FOUND 1 "nothing here can download: there is no curl, wget or npm" "" "install curl"
  fi
}

fetch_by_curl() { # URL AUTHORIZATION
  attempt=1
  while :; do
    code=0
    curl_settings "$2" | run_curl "$1" || code=$?
    [ "$code" -ne 0 ] || return 0
    status=$(cat "$stage/status" 2>/dev/null || :)
    case $code:$status in
      22:401 | 22:403) hint="the registry wants a login: put its _authToken into .npmrc" ;;
      22:404) hint="this registry does not hold it; name another in npm_config_registry or .npmrc" ;;
      *)
        hint="check the network, HTTPS_PROXY, and the registry in npm_config_registry or .npmrc; then run the command again"
        if [ "$attempt" -lt 3 ] && [ "$code" -ne 28 ]; then
          attempt=$((attempt + 1))
          sleep 1
          continue
        fi
        ;;
    esac
    flow_fail FLOW_HTTP_FAILED 5 "$(redacted "$1") could not be fetched" "$(curl_reason "$code" "$status")" "$hint"
  done
}

# Settings for curl's standard input: everybody on the machine can read arguments, and the token is a secret.
curl_settings() { # AUTHORIZATION
  [ -z "$1" ] || curl_setting header "Authorization: $1"
  for pair in cacert:cafile proxy:https-proxy; do
    value=$(npm_setting "${pair#*:}")
    [ -z "$value" ] || curl_setting "${pair%:*}" "$value"
  done
}

curl_setting() { # KEY VALUE
  printf '%s = "%s"\n' "$1" "$(printf '%s\n' "$2" | sed 's/[\\"]/\\&/g')"
}

run_curl() { # URL
  set -- --config - --fail --location --connect-timeout "$idle" --speed-limit 100 --speed-time "$idle" \
    --output "$stage/download" --write-out '%{http_code}' "$1"
  if [ -t 2 ]; then
    curl --progress-bar "$@" >"$stage/status"
  else
    curl --silent --show-error "$@" >"$stage/status" 2>"$stage/why"
  fi
}

curl_reason() { # CODE STATUS
  case $1 in
    6) echo "its host name cannot be resolved: is there a network?" ;;
    7) echo "the host refused the connection, or there is no network" ;;
    18) echo "the transfer broke off" ;;
    22) echo "the server answered $2" ;;
    28) echo "no progress for $idle s" ;;
    35 | 51 | 58 | 60 | 77) echo "the TLS connection failed: $(sed 's/^curl: //' "$stage/why" 2>/dev/null || :)" ;;
    *) echo "curl ended with $1: $(cat "$stage/why" 2>/dev/null || :)" ;;
  esac
}

fetch_by_wget() { # URL AUTHORIZATION
  url=$1
  auth=$2
  set -- -O "$stage/download" -T "$idle" -t 2
  # wget would send the header on to every host that it is redirected to.
  [ -z "$auth" ] || set -- "$@" --max-redirect=0 --header "Authorization: $auth"
  code=0
  if [ -t 2 ]; then
    wget "$@" "$url" || code=$?
  else
    wget -q "$@" "$url" 2>"$stage/why" || code=$?
  fi
  [ "$code" -eq 0 ] || flow_fail FLOW_HTTP_FAILED 5 "$(redacted "$url") could not be fetched" \
    "wget ended with $code: no network, no progress for $idle s, or an error of the server" \
    "check the network, https_proxy, and the registry in npm_config_registry or .npmrc; then run the command again"
}

fetch_by_npm() { # SPEC
  mkdir "$stage/pack"
  (cd "$stage/pack" && npm_config_cache=$flow_cache/npm-cache npm_config_update_notifier=false \
    npm_config_fetch_timeout="${idle}000" npm_config_fetch_retries=1 \
    npm pack "$1" --registry "$registry" >/dev/null 2>"$stage/why") ||
    flow_fail FLOW_HTTP_FAILED 5 "npm could not fetch $1" "$(tail -n 5 "$stage/why")" \
      "check the network and the registry in npm_config_registry or .npmrc; then run the command again"
  mv "$stage/pack"/*.tgz "$stage/download"
}

check_digest() { # BITS HEX URL
  actual=$(digest "$1" <"$stage/download")
  [ "$actual" = "$2" ] || flow_fail FLOW_HTTP_FAILED 5 "$(redacted "$3") is not what was published" \
    "its sha$1 is $actual
expected    $2" \
    "it was changed or cut on the way, and nothing of it was kept. Check the proxy or registry it came from"
}

digest() { # BITS
  if command -v "sha$1sum" >/dev/null; then
    sum=$("sha$1sum")
  elif command -v shasum >/dev/null; then
    sum=$(shasum -a "$1")
  elif command -v openssl >/dev/null; then
    sum=$(openssl dgst "-sha$1" -r)
  else
    flow_fail FLOW_COMMAND_NOT_FOUND 1 "nothing here can compute a sha$1" "" "install coreutils, perl or openssl"
  fi
  printf '%s\n' "${sum%%[!0-9a-f]*}"
}

redacted() { printf '%s\n' "$1" | sed 's#://[^/@]*@#://***@#'; }

main "$@"
