import { describe, expect, test } from "vitest";
import { errorCodes } from "../../../src/core/error-codes.ts";
import { FlowError, messageOf, systemCode } from "../../../src/core/errors.ts";
import { redact } from "../../../src/core/redact.ts";

describe("secrets", () => {
  test.each([
    ["a password in a URL", "cloning https://ann:hunter2@git.example.com/x.git", "hunter2"],
    ["a token as user in a URL", "https://ghp_abcdefghijklmnop1234@git.example.com/x.git", "ghp_abcdefghijklmnop1234"],
    ["a query parameter", "GET https://x.example.com/a?b=1&access_token=s3cr3t&c=2", "s3cr3t"],
    ["an authorization header", "Authorization: Bearer abc.def.ghi", "abc.def.ghi"],
    ["a token line of npm", "//registry.example.com/:_authToken=npm_0123456789", "npm_0123456789"],
    ["a Consul token", "X-Consul-Token: 8f7d-11", "8f7d-11"],
  ])("%s never reaches an error's message, hint or cause text", (_name, text, secret) => {
    const error = new FlowError("FLOW_USAGE", text, { hint: text });
    expect(error.message).not.toContain(secret);
    expect(error.hint).not.toContain(secret);
    expect(messageOf(new Error(text))).not.toContain(secret);
    expect(error.message).toContain("***");
  });

  test("ordinary addresses stay readable", () => {
    for (const text of [
      "https://git.example.com/a/b.git",
      "git@github.com:acme/shop.git",
      "http://127.0.0.1:8500/v1/kv/a?key=1x",
    ]) {
      expect(redact(text).replace("***", "1x")).toBe(text);
    }
  });
});

test("an error ends the command with its code's exit code, or with the one it was given", () => {
  expect(new FlowError("FLOW_TIMEOUT", "slow").exitCode).toBe(errorCodes.FLOW_TIMEOUT);
  expect(new FlowError("FLOW_COMMAND_FAILED", "no", { exitCode: 42 }).exitCode).toBe(42);
});

test("the system code is found through causes", () => {
  const inner = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  expect(systemCode(new Error("fetch failed", { cause: new Error("x", { cause: inner }) }))).toBe("ECONNREFUSED");
  expect(systemCode(new Error("none"))).toBeUndefined();
});
