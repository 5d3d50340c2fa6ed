import type { FlowContext } from "../context.ts";

/**
 * Settings that a person's git configuration must not change under flow. Credentials, proxies, `insteadOf` and
 * ssh settings stay theirs. Passed by environment (`GIT_CONFIG_COUNT`) so that git's own children see them too.
 */
const settings: ReadonlyArray<readonly [string, string]> = [
  ["advice.detachedHead", "false"],
  ["clone.defaultRemoteName", "origin"],
  ["color.advice", "false"],
  ["color.diff", "false"],
  ["color.push", "false"],
  ["color.remote", "false"],
  ["color.status", "false"],
  ["color.transport", "false"],
  ["color.ui", "false"],
  ["commit.gpgSign", "false"],
  ["core.autocrlf", "false"],
  ["core.attributesFile", "/dev/null"],
  ["core.excludesFile", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.hooksPath", "/dev/null"],
  ["core.precomposeUnicode", "false"],
  ["core.quotePath", "false"],
  ["core.safecrlf", "false"],
  ["core.untrackedCache", "false"],
  ["diff.ignoreSubmodules", "none"],
  ["diff.mnemonicPrefix", "false"],
  ["diff.noprefix", "false"],
  ["diff.renames", "true"],
  ["diff.submodule", "short"],
  ["fetch.fsckObjects", "false"],
  ["fetch.prune", "false"],
  ["fetch.recurseSubmodules", "false"],
  // git tells nothing of a few objects that it unpacks, however large they are: only of a pack that arrives.
  ["fetch.unpackLimit", "1"],
  ["gc.auto", "0"],
  ["grep.patternType", "default"],
  ["i18n.commitEncoding", "UTF-8"],
  ["i18n.logOutputEncoding", "UTF-8"],
  ["init.defaultBranch", "main"],
  ["init.defaultObjectFormat", "sha1"],
  ["log.follow", "false"],
  ["log.showSignature", "false"],
  ["maintenance.auto", "false"],
  ["merge.conflictStyle", "merge"],
  ["merge.directoryRenames", "conflict"],
  ["merge.ff", "true"],
  ["merge.renames", "true"],
  ["merge.renormalize", "false"],
  ["protocol.ext.allow", "never"],
  ["push.followTags", "false"],
  ["push.gpgSign", "false"],
  ["push.recurseSubmodules", "no"],
  ["submodule.recurse", "false"],
  ["tag.gpgSign", "false"],
  ["transfer.fsckObjects", "false"],
];

/** Variables of a surrounding git (a hook, an alias) that would point flow at the wrong repository. */
const leaking = [
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_NAMESPACE",
  "GIT_PREFIX",
  "GIT_CEILING_DIRECTORIES",
  "GIT_EDITOR",
  "GIT_PAGER",
  "GIT_EXTERNAL_DIFF",
  "GIT_DIFF_OPTS",
  "GIT_DEFAULT_HASH",
  "GIT_ATTR_SOURCE",
  "GIT_LITERAL_PATHSPECS",
  "GIT_GLOB_PATHSPECS",
  "GIT_NOGLOB_PATHSPECS",
  "GIT_ICASE_PATHSPECS",
];

/** The environment every git of flow runs in: English, no prompts, no hooks, no signing, bytes unchanged. */
export function gitEnvironment(ctx: Pick<FlowContext, "env">): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(ctx.env)) {
    if (
      value !== undefined &&
      !leaking.includes(name) &&
      !/^GIT_CONFIG_(COUNT|KEY_\d+|VALUE_\d+|PARAMETERS)$/.test(name)
    )
      env[name] = value;
  }
  env.LC_ALL = "C";
  env.GIT_TERMINAL_PROMPT = "0";
  env.GIT_PAGER = "cat";
  env.GIT_MERGE_AUTOEDIT = "no";
  env.GIT_ATTR_NOSYSTEM = "1";
  env.GIT_SSH_COMMAND ??= "ssh -o BatchMode=yes -o ConnectTimeout=20";
  // A person's identity wins; these only fill the gap, so that nothing fails on a machine without any.
  for (const role of ["AUTHOR", "COMMITTER"]) {
    if (env[`GIT_${role}_NAME`] === undefined && env.FLOW_GIT_NAME !== undefined)
      env[`GIT_${role}_NAME`] = env.FLOW_GIT_NAME;
    if (env[`GIT_${role}_EMAIL`] === undefined && env.FLOW_GIT_EMAIL !== undefined)
      env[`GIT_${role}_EMAIL`] = env.FLOW_GIT_EMAIL;
  }
  env.GIT_CONFIG_COUNT = String(settings.length);
  settings.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
}
