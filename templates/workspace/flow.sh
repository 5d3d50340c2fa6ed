# Activates this workspace in a shell: `source flow.sh`, and `flow_deactivate` ends it. (fish: flow env fish | source)
# Starts no program, so that it costs nothing in a shell's start-up file.

if [ -n "${BASH_VERSION:-}" ]; then
  _flow_file=${BASH_SOURCE[0]}
elif [ -n "${ZSH_VERSION:-}" ]; then
  eval '_flow_file=${(%):-%x}'
else
  # Other shells do not tell a sourced file its name.
  _flow_file=${FLOW_HOME:-$PWD}/flow.sh
fi
case $_flow_file in
  */*) _flow_dir=${_flow_file%/*} ;;
  *) _flow_dir=. ;;
esac
_flow_home=$(CDPATH= cd -P -- "${_flow_dir:-/}" && pwd) || _flow_home=

if [ -f "$_flow_home/flow.yaml" ]; then
  if command -v flow_deactivate >/dev/null 2>&1; then flow_deactivate; fi
  for _flow_name in PATH FLOW_HOME npm_config_cache BUF_CACHE_DIR GOCACHE GOMODCACHE; do
    eval "_flow_old_$_flow_name=\${$_flow_name-}"
  done
  export FLOW_HOME="$_flow_home"
  export PATH="$FLOW_HOME/bin:$PATH"
  export npm_config_cache="$FLOW_HOME/pkg/cache/npm"
  export BUF_CACHE_DIR="$FLOW_HOME/pkg/cache/buf"
  export GOCACHE="$FLOW_HOME/pkg/cache/go/build"
  export GOMODCACHE="$FLOW_HOME/pkg/cache/go/mod"

  flow_deactivate() {
    for _flow_name in PATH FLOW_HOME npm_config_cache BUF_CACHE_DIR GOCACHE GOMODCACHE; do
      eval "_flow_old=\$_flow_old_$_flow_name; unset _flow_old_$_flow_name"
      if [ -n "$_flow_old" ]; then
        eval "export $_flow_name=\$_flow_old"
      else
        unset "$_flow_name"
      fi
    done
    unset _flow_name _flow_old
    unset -f flow_deactivate
  }
else
  echo "flow.sh: source it from its workspace: cd THE-WORKSPACE && . ./flow.sh" >&2
fi
unset _flow_file _flow_dir _flow_home _flow_name
