/** Exit codes of the `flow` command; `flow help exit-codes` prints this table. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  configuration: 3,
  conflict: 4,
  unavailable: 5,
  timeout: 124,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * Every known error and the exit code it ends the command with.
 * A code is stable: scripts match on it. What is not listed here is a bug and is reported as one.
 */
export const errorCodes = {
  // core
  FLOW_CANCELLED: exitCodes.interrupted,
  FLOW_COMMAND_FAILED: exitCodes.failure,
  FLOW_COMMAND_NOT_FOUND: exitCodes.failure,
  FLOW_CONFIRMATION_REQUIRED: exitCodes.usage,
  FLOW_DISK_FULL: exitCodes.failure,
  FLOW_GIT_FAILED: exitCodes.failure,
  FLOW_GIT_TOO_OLD: exitCodes.failure,
  FLOW_GIT_UNREACHABLE: exitCodes.unavailable,
  FLOW_HTTP_FAILED: exitCodes.unavailable,
  FLOW_INVALID_JSON: exitCodes.configuration,
  FLOW_LOCKED: exitCodes.unavailable,
  FLOW_TIMEOUT: exitCodes.timeout,
  FLOW_UNSAFE_PATH: exitCodes.usage,
  FLOW_USAGE: exitCodes.usage,
  // config
  FLOW_CONFIG_INVALID: exitCodes.configuration,
  FLOW_CONFIG_NOT_FOUND: exitCodes.configuration,
  FLOW_NOT_A_WORKSPACE: exitCodes.configuration,
  // codegen
  FLOW_GEN_FAILED: exitCodes.failure,
  FLOW_GEN_NOT_OURS: exitCodes.conflict,
  FLOW_GEN_TOOL_MISSING: exitCodes.failure,
  FLOW_METHOD_UNKNOWN: exitCodes.usage,
  FLOW_PROTO_INVALID: exitCodes.failure,
  FLOW_SCAFFOLD_EXISTS: exitCodes.conflict,
  FLOW_SCAFFOLD_REFUSED: exitCodes.failure,
  // consul
  FLOW_CONSUL_NOT_FOUND: exitCodes.unavailable,
  FLOW_CONSUL_UNREACHABLE: exitCodes.unavailable,
  // edge
  FLOW_CALL_FAILED: exitCodes.failure,
  FLOW_CALL_NO_METHOD: exitCodes.usage,
  FLOW_CALL_UNAVAILABLE: exitCodes.unavailable,
  FLOW_EDGE_CANNOT_LISTEN: exitCodes.failure,
  // runner
  FLOW_RUN_ALREADY: exitCodes.failure,
  FLOW_RUN_FAILED: exitCodes.failure,
  FLOW_RUN_NONE: exitCodes.failure,
  FLOW_RUN_NO_ENGINE: exitCodes.unavailable,
  FLOW_RUN_NO_IMAGE: exitCodes.failure,
  FLOW_RUN_NO_SERVICE: exitCodes.usage,
  FLOW_RUN_STOPPING: exitCodes.failure,
  FLOW_RUN_SUPERVISOR_LOST: exitCodes.failure,
  FLOW_RUN_UNREACHABLE: exitCodes.unavailable,
  // toolchain
  FLOW_TOOL_BROKEN: exitCodes.failure,
  FLOW_TOOL_HASH: exitCodes.failure,
  FLOW_TOOL_UNAVAILABLE: exitCodes.unavailable,
  FLOW_TOOL_UNKNOWN: exitCodes.usage,
  FLOW_UPDATE_BAD_RELEASE: exitCodes.failure,
  FLOW_UPDATE_BROKEN: exitCodes.failure,
  FLOW_UPDATE_NONE: exitCodes.usage,
  FLOW_UPDATE_REFUSED: exitCodes.usage,
  FLOW_UPDATE_UNTRUSTED: exitCodes.failure,
  FLOW_VERSION_PINNED: exitCodes.configuration,
  // vendoring
  FLOW_VENDOR_BAD_ARCHIVE: exitCodes.failure,
  FLOW_VENDOR_BAD_LOCK: exitCodes.usage,
  FLOW_VENDOR_BAD_MANIFEST: exitCodes.configuration,
  FLOW_VENDOR_BAD_PREFIX: exitCodes.usage,
  FLOW_VENDOR_BAD_SPEC: exitCodes.usage,
  FLOW_VENDOR_BUILD: exitCodes.failure,
  FLOW_VENDOR_CONFLICT: exitCodes.conflict,
  FLOW_VENDOR_DIRTY: exitCodes.conflict,
  FLOW_VENDOR_FETCH: exitCodes.unavailable,
  FLOW_VENDOR_FILE_TOO_LARGE: exitCodes.failure,
  FLOW_VENDOR_NOT_A_MIRROR: exitCodes.configuration,
  FLOW_VENDOR_MOVED_TAG: exitCodes.conflict,
  FLOW_VENDOR_NO_CONFLICT: exitCodes.usage,
  FLOW_VENDOR_NO_PATCHES: exitCodes.usage,
  FLOW_VENDOR_NO_PREFIX: exitCodes.usage,
  FLOW_VENDOR_OWN_NAME: exitCodes.failure,
  FLOW_VENDOR_REJECTED: exitCodes.conflict,
  FLOW_VENDOR_RESOLVE: exitCodes.failure,
  FLOW_VENDOR_SHALLOW: exitCodes.conflict,
  // workspace
  FLOW_DIRECTORY_NOT_EMPTY: exitCodes.usage,
  FLOW_MIRROR_NOT_PUBLISHED: exitCodes.configuration,
  FLOW_NODE_UNUSABLE: exitCodes.failure,
  FLOW_SCRIPT_UNKNOWN: exitCodes.usage,
  FLOW_WORKSPACE_MISMATCH: exitCodes.usage,
  // bin/flow and bootstrap.sh
  FLOW_CACHE_UNWRITABLE: exitCodes.failure,
  FLOW_NOT_INSTALLED: exitCodes.failure,
  FLOW_PLATFORM_UNSUPPORTED: exitCodes.failure,
} as const satisfies Record<string, ExitCode>;

export type ErrorCode = keyof typeof errorCodes;
