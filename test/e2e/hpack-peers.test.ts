import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { HeaderField } from "../../src/http2/hpack/field.ts";
import { randomOf, type Random } from "../fuzz/random.ts";

const goPeer = process.env.FLOW_TEST_GO_PEER;
if (process.env.CI === "true" && goPeer === undefined)
  throw new Error("CI needs test/support/go-peer: FLOW_TEST_GO_PEER");

type Triple = [name: string, value: string, sensitive: string];
type Step = { Reset: number } | { Limit: number } | { Encode: Triple[] } | { Decode: string };
interface Answer {
  block?: string;
  fields?: Triple[];
  error?: string;
}

const names = [":method", ":path", ":status", "accept", "authorization", "cookie", "date", "x-a", "x-b", "x-long-name"];
const values = ["", "GET", "/", "200", "a value", "another value of some length", "100 % größer"];

function randomList(random: Random): Triple[] {
  return Array.from({ length: random(12) }, () => {
    const name = random(8) ? (names[random(names.length)] as string) : `x-${random(2 ** 31)}`;
    const noise = () => String.fromCharCode(...Array.from({ length: random(80) }, () => random(256)));
    const value = random(4) ? (values[random(values.length)] as string) : random(4) ? noise() : noise().repeat(20);
    return [name, value, random(8) === 0 ? "sensitive" : ""];
  });
}

/** Tables of a random size, which change, and lists between: what both sides of the comparison go through. */
function randomSteps(random: Random): { table: number; steps: (number | Triple[])[] } {
  const table = random(3) ? 4_096 : random(9_000);
  const steps = Array.from({ length: 5 + random(40) }, () => (random(8) ? randomList(random) : random(9_000)));
  return { table, steps };
}

async function ask(steps: readonly Step[]): Promise<Answer[]> {
  const input = steps.map((step) => JSON.stringify(step)).join("\n");
  const { stdout } = await execa(goPeer as string, ["hpack"], { input });
  return stdout.split("\n").map((line) => JSON.parse(line) as Answer);
}

const conversations = Array.from({ length: 400 }, (_, seed) => randomSteps(randomOf(seed + 1)));

describe.skipIf(goPeer === undefined)("HPACK against Go's (FLOW_TEST_GO_PEER)", () => {
  test("Go decodes what we encode: lists, never-indexed marks, tables that shrink and grow", async () => {
    const asked: Step[] = [];
    const expected: (Triple[] | undefined)[] = [];
    for (const { table, steps } of conversations) {
      const encoder = new HpackEncoder(table);
      asked.push({ Reset: table });
      expected.push(undefined);
      for (const step of steps) {
        if (typeof step === "number") encoder.limit(step);
        else {
          const fields = step.map(([name, value, sensitive]) => new HeaderField(name, value, sensitive !== ""));
          const target = Buffer.alloc(encoder.room(fields));
          asked.push({ Decode: target.toString("hex", 0, encoder.encode(fields, target, 0)) });
          expected.push(step);
          continue;
        }
        asked.push({ Limit: step });
        expected.push(undefined);
      }
    }
    const answers = await ask(asked);
    expect(answers).toHaveLength(asked.length);
    let lists = 0;
    for (const [index, step] of expected.entries()) {
      if (step === undefined) continue;
      const { fields = [], error } = answers[index] as Answer;
      expect(error).toBeUndefined();
      // We mark short secrets as never indexed, too.
      expect(fields.map(([name, value]) => [name, value])).toEqual(step.map(([name, value]) => [name, value]));
      for (const [at, [, , sensitive]] of step.entries())
        if (sensitive !== "") expect((fields[at] as Triple)[2]).toBe("sensitive");
      lists++;
    }
    expect(lists).toBeGreaterThan(5_000);
  });

  test("we decode what Go encodes", async () => {
    const asked: Step[] = conversations.flatMap(({ table, steps }) => [
      { Reset: table },
      ...steps.map((step) => (typeof step === "number" ? { Limit: step } : { Encode: step })),
    ]);
    const answers = await ask(asked);
    let decoder = new HpackDecoder(4_096);
    let lists = 0;
    for (const [index, step] of asked.entries()) {
      // Go's encoder begins with 4,096 bytes, or less when it is limited, and says so.
      if ("Reset" in step) decoder = new HpackDecoder(Math.max(4_096, step.Reset));
      else if ("Limit" in step) decoder.limit(step.Limit);
      else {
        const block = Buffer.from((answers[index] as Answer).block ?? "", "hex");
        const { fields, tooLarge } = decoder.decode(block, 0, block.length, 1_000_000);
        expect(tooLarge).toBe(false);
        expect(fields.map(({ name, value, sensitive }) => [name, value, sensitive ? "sensitive" : ""])).toEqual(
          (step as { Encode: Triple[] }).Encode,
        );
        lists++;
      }
    }
    expect(lists).toBeGreaterThan(5_000);
  });

  test("what Go refuses we refuse, and what it takes we take: blocks with flipped bits", async () => {
    const random = randomOf(7);
    const blocks = Array.from({ length: 3_000 }, () => {
      const encoder = new HpackEncoder(4_096);
      const fields = randomList(random).map(([name, value, mark]) => new HeaderField(name, value, mark !== ""));
      const target = Buffer.alloc(encoder.room(fields));
      const block = Buffer.from(target.subarray(0, encoder.encode(fields, target, 0)));
      for (let flips = random(4); flips > 0 && block.length > 0; flips--) block[random(block.length)] = random(256);
      return block.subarray(0, random(5) === 0 ? random(block.length + 1) : block.length);
    });
    const asked = blocks.flatMap((block): Step[] => [{ Reset: 4_096 }, { Decode: block.toString("hex") }]);
    const answers = await ask(asked);
    const differ: string[] = [];
    let refused = 0;
    for (const [index, block] of blocks.entries()) {
      const theirs = answers[index * 2 + 1] as Answer;
      const ours = decoded(block);
      // Go lets a size update pass after a field while its table is empty; RFC 7541 section 4.2 does not.
      if (ours === "a table size update after the first field") continue;
      if (theirs.error !== undefined) refused++;
      if (
        theirs.error === undefined ? JSON.stringify(ours) !== JSON.stringify(theirs.fields ?? []) : Array.isArray(ours)
      )
        differ.push(`${block.toString("hex")}: ours ${JSON.stringify(ours)}, Go's ${JSON.stringify(theirs)}`);
    }
    expect(differ).toEqual([]);
    expect(refused).toBeGreaterThan(200);
  });
});

/** The list, or why there is none. */
function decoded(block: Buffer): Triple[] | string {
  try {
    const { fields } = new HpackDecoder(4_096).decode(block, 0, block.length, 10_000_000);
    return fields.map(({ name, value, sensitive }) => [name, value, sensitive ? "sensitive" : ""]);
  } catch (error) {
    return (error as Error).message;
  }
}
