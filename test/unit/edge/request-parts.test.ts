import { describe, expect, it } from "vitest";
import { deadlineFor, formatGrpcTimeout, readDeadline } from "../../../src/edge/deadline.ts";
import { RetryBudget } from "../../../src/edge/retry-budget.ts";
import { parseTarget } from "../../../src/edge/target.ts";

describe("a client's deadline", () => {
  it.each([
    [{ "grpc-timeout": "1500m" }, 1_500],
    [{ "grpc-timeout": "5S" }, 5_000],
    [{ "grpc-timeout": "250000u" }, 250],
    [{ "x-request-timeout": "2" }, 2_000],
    [{ "x-request-timeout": "500ms" }, 500],
    [{ "x-request-timeout-ms": "750" }, 750],
    [{ "x-request-timeout": "1.5s" }, 1_500],
    [{ "x-request-timeout": "2m", "grpc-timeout": "1S" }, 1_000],
  ])("is read from %j", (headers, ms) => {
    expect(readDeadline(headers)).toBe(ms);
  });

  it.each([
    {},
    { "grpc-timeout": "5" },
    { "grpc-timeout": "123456789S" },
    { "x-request-timeout": "soon" },
    { "x-request-timeout": "-1" },
  ])("is none in %j", (headers) => {
    expect(readDeadline(headers)).toBeUndefined();
  });

  it("never exceeds what a timer can hold", () => {
    expect(readDeadline({ "grpc-timeout": "99999999H" })).toBe(2 ** 31 - 1);
  });

  it("goes on in the headers that instances read", () => {
    expect(deadlineFor(299.5)).toEqual({ "grpc-timeout": "299m", "x-request-timeout-ms": "299" });
  });

  it("goes on as grpc-timeout of at most eight digits", () => {
    expect(formatGrpcTimeout(1_499.7)).toBe("1499m");
    expect(formatGrpcTimeout(-3)).toBe("0m");
    expect(formatGrpcTimeout(2 ** 31 - 1)).toBe("2147483S");
  });
});

describe("a request's target", () => {
  it("is split at its query", () => {
    expect(parseTarget("/api/a.B/C?x=1?y")).toEqual({ path: "/api/a.B/C", query: "?x=1?y" });
  });

  it("may come in absolute form", () => {
    expect(parseTarget("http://example.test:80/hello?x")).toEqual({ path: "/hello", query: "?x" });
    expect(parseTarget("http://example.test")).toEqual({ path: "/", query: "" });
  });

  it.each(["/a/../b", "/a/%2e%2e/b", "/a/..%2fb", "/a/..\\b", "/./a", "/%", "/%ff", "*", "example.test:443"])(
    "is refused when it is %s",
    (url) => {
      expect(parseTarget(url)).toBeUndefined();
    },
  );

  it("keeps dots that are part of a name, and escapes as they were written", () => {
    expect(parseTarget("/.well-known/a..b/%C3%A4%20")).toEqual({ path: "/.well-known/a..b/%C3%A4%20", query: "" });
  });
});

describe("the budget of repetitions", () => {
  it("allows a few at the start and then one in ten requests", () => {
    const budget = new RetryBudget();
    let early = 0;
    while (budget.spend()) early++;
    expect(early).toBe(20);
    let later = 0;
    for (let request = 0; request < 1_000; request++) {
      budget.earn();
      if (budget.spend()) later++;
    }
    expect(later).toBeGreaterThanOrEqual(99);
    expect(later).toBeLessThanOrEqual(100);
  });
});
