import { expect, test } from "vitest";
import { describeConsul } from "../support/consul-suite.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const noSession = "00000000-0000-0000-0000-000000000000";

describeConsul("KV", (consul) => {
  test("an empty store has no keys, and its index is 1", async () => {
    expect(await consul.get("kv/?keys")).toMatchObject({ status: 200, body: [], index: "1" });
    expect(await consul.get("kv/?recurse")).toMatchObject({ status: 404, body: "", index: "1" });
    expect(await consul.get("kv/none")).toMatchObject({ status: 404, body: "", index: "1" });
  });

  test("a value comes back in base64, or raw, with its flags and indexes", async () => {
    expect(await consul.put("kv/round/trip?flags=42", "hello")).toMatchObject({ status: 200, body: true });
    const { body, headers, index } = await consul.get("kv/round/trip");
    const [row] = body as { CreateIndex: number; ModifyIndex: number }[];
    expect(body).toEqual([
      {
        LockIndex: 0,
        Key: "round/trip",
        Flags: 42,
        Value: base64("hello"),
        CreateIndex: row?.ModifyIndex,
        ModifyIndex: Number(index),
      },
    ]);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "application/json",
      "x-consul-knownleader": "true",
      "x-consul-lastcontact": "0",
      vary: "Accept-Encoding",
    });
    const raw = await consul.get("kv/round/trip?raw");
    expect(raw).toMatchObject({ status: 200, body: "hello", index });
    expect(Object.fromEntries(raw.headers)).toMatchObject({
      "content-type": "text/plain",
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox",
    });
  });

  test("bytes, names beyond ASCII and the largest flags survive", async () => {
    const bytes = Buffer.from([0, 1, 254, 255]);
    await consul.write("kv/odd/%C3%A4%20b%3Fc?flags=18446744073709551615", bytes);
    const response = await fetch(`http://${consul.address}/v1/kv/odd/%C3%A4%20b%3Fc`);
    const text = await response.text();
    expect(text).toContain('"Flags": 18446744073709551615,');
    expect(JSON.parse(text)).toMatchObject([{ Key: "odd/ä b?c", Value: bytes.toString("base64") }]);
  });

  test("an empty value is null, and raw it is nothing", async () => {
    await consul.write("kv/empty");
    expect(await consul.read("kv/empty")).toMatchObject([{ Value: null }]);
    expect(await consul.get("kv/empty?raw")).toMatchObject({ status: 200, body: "" });
  });

  test("524,288 bytes pass, one more is 413 and changes nothing", async () => {
    expect(await consul.put("kv/big", Buffer.alloc(524_288, "a"))).toMatchObject({ status: 200, body: true });
    const refused = await consul.put("kv/too-big", Buffer.alloc(524_289, "a"));
    expect(refused.status).toBe(413);
    expect(refused.body).toMatch(/^Request body\(524289 bytes\) too large, max size: 524288 bytes/);
    expect((await consul.get("kv/too-big")).status).toBe(404);
  });

  test("keys come in the order of their bytes, folded at a separator", async () => {
    for (const key of ["t/b/c", "t/b/d", "t/a", "tt", "t/%F0%9F%98%80", "t/%EF%BF%BD"]) await consul.write(`kv/${key}`);
    expect(await consul.read("kv/t/?keys")).toEqual(["t/a", "t/b/c", "t/b/d", "t/\ufffd", "t/😀"]);
    expect(await consul.read("kv/t/?keys&separator=/")).toEqual(["t/a", "t/b/", "t/\ufffd", "t/😀"]);
    expect(await consul.read("kv/t?keys&separator=/")).toEqual(["t/", "tt"]);
    expect(await consul.read("kv/t/b?keys&separator=/")).toEqual(["t/b/"]);
    expect(await consul.read("kv/t/b?recurse")).toMatchObject([{ Key: "t/b/c" }, { Key: "t/b/d" }]);
    expect(await consul.get("kv/nowhere?keys")).toMatchObject({ status: 404, body: "" });
  });

  test("a check-and-set writes at its index alone, at 0 only a new key", async () => {
    expect(await consul.write("kv/cas?cas=0", "1")).toBe(true);
    expect(await consul.write("kv/cas?cas=0", "2")).toBe(false);
    const { index } = await consul.get("kv/cas");
    expect(await consul.write(`kv/cas?cas=${index}`, "3")).toBe(true);
    expect(await consul.write(`kv/cas?cas=${index}`, "4")).toBe(false);
    expect(await consul.get("kv/cas?raw")).toMatchObject({ body: "3" });
    expect(await consul.delete(`kv/cas?cas=${index}`)).toMatchObject({ status: 200, body: false });
    expect(await consul.delete("kv/cas?cas=0")).toMatchObject({ status: 200, body: false });
    expect(await consul.delete(`kv/cas?cas=${(await consul.get("kv/cas")).index}`)).toMatchObject({ body: true });
    expect((await consul.get("kv/cas")).status).toBe(404);
  });

  test("a prefix is deleted with everything below it, and deleting what is not there is fine", async () => {
    for (const key of ["gone/1", "gone/2/3", "gonee"]) await consul.write(`kv/${key}`);
    expect(await consul.delete("kv/gone/?recurse")).toMatchObject({ status: 200, body: true });
    expect(await consul.read("kv/gone?keys")).toEqual(["gonee"]);
    expect(await consul.delete("kv/gone/1")).toMatchObject({ status: 200, body: true });
  });

  test("contradictions are 400, and numbers and sessions that are none 500, each with a sentence", async () => {
    const answers = [
      ["PUT", "kv/", 400, "Missing key name"],
      ["PUT", "kv/bad?cas=1&acquire=x", 400, /^Conflicting flags: /],
      ["PUT", "kv/bad?acquire=x&release=x", 400, /^Conflicting flags: /],
      ["DELETE", "kv/bad?recurse&cas=1", 400, /^Conflicting flags: /],
      ["PUT", "kv/bad?cas=abc", 500, 'strconv.ParseUint: parsing "abc": invalid syntax'],
      ["PUT", "kv/bad?flags=-1", 500, 'strconv.ParseUint: parsing "-1": invalid syntax'],
      ["PUT", "kv/bad?flags=18446744073709551616", 500, /value out of range$/],
      ["DELETE", "kv/bad?cas=abc", 500, 'strconv.ParseUint: parsing "abc": invalid syntax'],
      ["PUT", "kv/bad?acquire=nobody", 500, 'raft apply failed: invalid session "nobody"'],
      ["PUT", "kv/bad?acquire=", 500, "raft apply failed: missing session"],
    ] as const;
    for (const [method, path, status, sentence] of answers) {
      const answer = await consul.send(method, path, "x");
      expect(answer.status, path).toBe(status);
      expect(answer.body).toMatch(sentence);
    }
    expect((await consul.get("kv/bad")).status).toBe(404);
  });

  test("a path with empty elements is redirected, and only GET, PUT and DELETE are allowed", async () => {
    const redirected = await consul.get("kv//a?raw");
    expect(redirected.status).toBe(307);
    expect(redirected.headers.get("location")).toBe("/v1/kv/a?raw");
    expect((await consul.put("kv/a//b", "x")).status).toBe(307);
    for (const method of ["HEAD", "POST", "PATCH"]) {
      const answer = await consul.send(method, "kv/a");
      expect(answer.status).toBe(405);
      expect(answer.headers.get("allow")).toBe("OPTIONS,GET,PUT,DELETE");
    }
    expect(await consul.send("OPTIONS", "kv/a")).toMatchObject({ status: 200 });
  });

  test("only what changes a key wakes who follows it: not the same value again", async () => {
    for (const key of ["kv/w/x", "kv/other"]) await consul.write(key, "1");
    const watched = ["kv/w/x", "kv/w/?recurse", "kv/w?keys"];
    await consul.effect(() => consul.write("kv/w/x", "2"), { wakes: watched, sleeps: ["kv/other"] });
    const { index } = await consul.get("kv/w/x");
    await consul.effect(() => consul.write("kv/w/x", "2"), { sleeps: watched });
    expect((await consul.get("kv/w/x")).index).toBe(index);
    await consul.effect(() => consul.write("kv/elsewhere", "1"), { sleeps: watched });
    await consul.effect(() => consul.write("kv/w/x?flags=1", "2"), { wakes: watched });
    await consul.effect(() => consul.write("kv/w/y", "1"), { wakes: ["kv/w/?recurse", "kv/w/y"], sleeps: ["kv/w/x"] });
    await consul.effect(() => consul.delete("kv/w/x"), { wakes: watched });
  });

  test("whoever follows a key sees it go: 404 with an index that has risen", async () => {
    await consul.write("kv/leaving", "1");
    const { next, index } = await consul.follow("kv/leaving");
    await consul.delete("kv/leaving");
    const gone = await next;
    expect(gone).toMatchObject({ status: 404, body: "" });
    expect(Number(gone.index)).toBeGreaterThan(Number(index));
  });
});

describeConsul("sessions and locks", (consul) => {
  test("a session has the node's check, a lock delay of 15 s and releases by default", async () => {
    const ID = await consul.createSession();
    const [session] = await consul.read<object[]>(`session/info/${ID}`);
    expect(session).toEqual({
      ID,
      Name: "",
      Node: "test",
      LockDelay: 15_000_000_000,
      Behavior: "release",
      TTL: "",
      NodeChecks: ["serfHealth"],
      ServiceChecks: null,
      CreateIndex: expect.any(Number) as number,
      ModifyIndex: expect.any(Number) as number,
    });
    expect(await consul.read("session/node/test")).toContainEqual(session);
    expect(await consul.read("session/list")).toContainEqual(session);
    expect(await consul.write(`session/renew/${ID}`)).toEqual([session]);
  });

  test.each([
    [{ LockDelay: "1s" }, 1_000_000_000],
    [{ LockDelay: 5 }, 5_000_000_000],
    [{ LockDelay: 5_000_000_000 }, 5_000_000_000],
    [{ LockDelay: "0s" }, 0],
  ])("%j is a lock delay of %i ns", async (definition, nanoseconds) => {
    const id = await consul.createSession(definition);
    expect(await consul.read(`session/info/${id}`)).toMatchObject([{ LockDelay: nanoseconds }]);
  });

  test("bad input is 500, renewing an unknown session 404, ending one 200", async () => {
    const refused = [
      [{ TTL: "9s" }, /^Invalid Session TTL '9000000000', must be between/],
      [{ TTL: "86401s" }, /^Invalid Session TTL/],
      [{ TTL: "soon" }, /^Session TTL 'soon' invalid/],
      [{ Behavior: "explode" }, "Invalid Behavior setting 'explode'"],
      [{ Node: "nowhere" }, "apply failed: Missing node registration"],
      [{ NodeChecks: ["none"] }, "apply failed: Missing check 'none' registration"],
    ] as const;
    for (const [definition, sentence] of refused) {
      const answer = await consul.put("session/create", definition);
      expect(answer.status, JSON.stringify(definition)).toBe(500);
      expect(answer.body).toMatch(sentence);
    }
    expect(await consul.put("session/create", "{")).toMatchObject({ status: 400 });
    expect(await consul.put("session/create", { LockDelay: "soon" })).toMatchObject({ status: 400 });
    expect(await consul.put(`session/renew/${noSession}`)).toMatchObject({
      status: 404,
      body: `Session id '${noSession}' not found`,
    });
    expect(await consul.put(`session/destroy/${noSession}`)).toMatchObject({ status: 200, body: true });
    expect(await consul.get(`session/info/${noSession}`)).toMatchObject({ status: 200, body: [] });
    expect(await consul.get("session/node/nowhere")).toMatchObject({ status: 200, body: [] });
    expect(await consul.put("session/destroy/")).toMatchObject({ status: 400 });
  });

  test("one session at a time holds a key; acquiring again as the holder does not raise LockIndex", async () => {
    const [first, second] = [await consul.createSession(), await consul.createSession()];
    expect(await consul.write(`kv/lock/a?acquire=${first}`, "1")).toBe(true);
    expect(await consul.write(`kv/lock/a?acquire=${second}`, "2")).toBe(false);
    expect(await consul.write(`kv/lock/a?release=${second}`, "2")).toBe(false);
    expect(await consul.write(`kv/lock/a?acquire=${first}`, "3")).toBe(true);
    expect(await consul.read("kv/lock/a")).toMatchObject([{ LockIndex: 1, Session: first, Value: base64("3") }]);
    expect(await consul.write(`kv/lock/a?release=${first}`, "4")).toBe(true);
    const [free] = await consul.read<object[]>("kv/lock/a");
    expect(free).toMatchObject({ LockIndex: 1, Value: base64("4") });
    expect(free).not.toHaveProperty("Session");
    expect(await consul.write(`kv/lock/a?acquire=${second}`, "5")).toBe(true);
    expect(await consul.read("kv/lock/a")).toMatchObject([{ LockIndex: 2, Session: second }]);
  });

  test("a plain write to a held key succeeds, keeps the session and sets LockIndex to 0", async () => {
    const session = await consul.createSession();
    await consul.write(`kv/lock/plain?acquire=${session}`, "1");
    expect(await consul.write("kv/lock/plain", "2")).toBe(true);
    expect(await consul.read("kv/lock/plain")).toMatchObject([{ LockIndex: 0, Session: session, Value: base64("2") }]);
  });

  test("the end of a session releases its keys, or deletes them, and wakes their followers", async () => {
    const keeper = await consul.createSession({ LockDelay: "0s" });
    const remover = await consul.createSession({ LockDelay: "0s", Behavior: "delete" });
    await consul.write(`kv/ends/kept?acquire=${keeper}`, "1");
    await consul.write(`kv/ends/removed?acquire=${remover}`, "1");
    await consul.effect(() => consul.write(`session/destroy/${keeper}`), {
      wakes: ["kv/ends/kept", "session/list", "session/node/test", `session/info/${keeper}`],
      sleeps: ["kv/ends/removed"],
    });
    const [kept] = await consul.read<object[]>("kv/ends/kept");
    expect(kept).toMatchObject({ LockIndex: 1, Value: base64("1") });
    expect(kept).not.toHaveProperty("Session");
    await consul.effect(() => consul.write(`session/destroy/${remover}`), { wakes: ["kv/ends/removed"] });
    expect((await consul.get("kv/ends/removed")).status).toBe(404);
    // Without a lock delay the next one may have it at once.
    expect(await consul.write(`kv/ends/kept?acquire=${await consul.createSession()}`)).toBe(true);
  });

  test("a session ends when a check that it names turns critical", async () => {
    await consul.register({ Name: "elected", Check: { TTL: "1h", Status: "passing" } });
    await consul.settles<unknown[]>("health/checks/elected", (checks) => checks.length === 1);
    const session = await consul.createSession({ NodeChecks: ["serfHealth", "service:elected"] });
    const { next } = await consul.follow(`session/info/${session}`);
    await consul.write("agent/check/fail/service:elected");
    expect((await next).body).toEqual([]);
    expect(await consul.put("session/create", { NodeChecks: ["service:elected"] })).toMatchObject({
      status: 500,
      body: expect.stringContaining("Check 'service:elected' is in critical state") as string,
    });
  });

  test("renewing a session, and a lock that is taken again, wake nobody", async () => {
    const session = await consul.createSession({ TTL: "60s" });
    await consul.write(`kv/quiet?acquire=${session}`, "1");
    await consul.effect(
      async () => {
        await consul.write(`session/renew/${session}`);
        await consul.write(`kv/quiet?acquire=${session}`, "1");
      },
      { sleeps: ["kv/quiet", "session/list", `session/info/${session}`] },
    );
  });
});
