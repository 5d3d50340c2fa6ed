import { describe, expect, it } from "vitest";
import { addRpc } from "../../../src/codegen/skeleton/proto-file.ts";

const rpc = { name: "Rename", request: "ThingRename", response: "ThingRenameResp", newMessages: ["ThingRename"] };

describe("addRpc", () => {
  it("adds the RPC before the service's end and its messages at the file's", () => {
    const text = "service Thing {\n  // one\n  rpc Get(A) returns (B);\n}\n\nmessage A {}\n";
    expect(addRpc(text, { line: 3, column: 1 }, rpc)).toBe(
      "service Thing {\n  // one\n  rpc Get(A) returns (B);\n\n  rpc Rename(ThingRename) returns (ThingRenameResp);\n}\n\nmessage A {}\n\nmessage ThingRename {\n}\n",
    );
  });

  it("adds it to a service on one line", () => {
    expect(addRpc("service Thing {}\n", { line: 0, column: 16 }, { ...rpc, newMessages: [] })).toBe(
      "service Thing {\n  rpc Rename(ThingRename) returns (ThingRenameResp);\n}\n",
    );
  });
});
