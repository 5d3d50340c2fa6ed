import { describe, expect, it } from "vitest";
import { parseTag } from "../../../src/edge/tags.ts";

describe("a service's tags", () => {
  it("offer a method with its flags", () => {
    expect(parseTag("flow.method=/common.Product/Get;enable;public;idempotent")).toEqual({
      kind: "method",
      method: "/common.Product/Get",
      enabled: true,
      public: true,
      upload: false,
      idempotent: true,
    });
  });

  it("leave a method inside that is not enabled", () => {
    expect(parseTag("flow.method=/common.Product/Get;public")).toMatchObject({ enabled: false });
  });

  it("may carry flags of a newer runtime", () => {
    expect(parseTag("flow.method=/a.b.C/D;enable;shiny=1")).toMatchObject({ kind: "method", enabled: true });
  });

  it("claim a prefix, with or without a slash at its end", () => {
    expect(parseTag("flow.http=/hello/")).toEqual({ kind: "prefix", prefix: "/hello", strip: false });
    expect(parseTag("flow.http=/hello/world;strip")).toEqual({ kind: "prefix", prefix: "/hello/world", strip: true });
    expect(parseTag("flow.http=/")).toEqual({ kind: "prefix", prefix: "/", strip: false });
  });

  it.each(["flow.http=/api", "flow.http=/api/x", "flow.http=/-/routes"])(
    "cannot claim the edge's own paths: %s",
    (tag) => {
      expect(parseTag(tag)).toMatchObject({ kind: "invalid", reason: expect.stringContaining("edge's own") });
    },
  );

  it.each(["flow.http=hello", "flow.http=/a/../b", "flow.http=/a//b", "flow.http=/a?b", "flow.http="])(
    "claim no path that makes no sense: %s",
    (tag) => {
      expect(parseTag(tag)).toMatchObject({ kind: "invalid", tag });
    },
  );

  it.each(["flow.method=Get", "flow.method=/Get;enable", "flow.method=/a.B/C/D;enable"])(
    "name no method that makes no sense: %s",
    (tag) => {
      expect(parseTag(tag)).toMatchObject({ kind: "invalid", tag });
    },
  );

  it("of other programs say nothing to the edge", () => {
    expect(parseTag("primary")).toBeUndefined();
    expect(parseTag("traefik.enable=true")).toBeUndefined();
  });
});
