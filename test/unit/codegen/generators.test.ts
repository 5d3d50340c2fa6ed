import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generate } from "../../../src/codegen/index.ts";
import { writeFiles } from "../../support/codegen-repository.ts";
import { testContext } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

async function makeRepository(command: readonly string[]) {
  const dir = await tempDirectory("flow-generators");
  await writeFiles(dir, {
    "flow.yaml": `name: data\ngenerators:\n  model:\n    command: ${JSON.stringify(command)}\n    inputs: ["schema/*.txt"]\n    outputs: ["internal/gen_*"]\n`,
    "schema/a.txt": "a\n",
    "internal/kept": "",
  });
  const ctx = testContext(dir);
  return { dir, gen: async () => (await generate(ctx, { repository: dir })).generators };
}

describe("generators of flow.yaml", () => {
  const copy = ["sh", "-c", "cat schema/*.txt > internal/gen_model; echo ran >> internal/kept"];

  it("run when their inputs, their outputs or they themselves changed, and only then", async () => {
    const { dir, gen } = await makeRepository(copy);
    const ran = async () => (await gen())[0]?.ran;
    expect(await ran()).toBe(true);
    expect(await ran()).toBe(false);

    await writeFile(join(dir, "schema/b.txt"), "b\n");
    expect(await ran()).toBe(true);
    expect(await readFile(join(dir, "internal/gen_model"), "utf8")).toBe("a\nb\n");

    await rm(join(dir, "internal/gen_model"));
    expect(await ran()).toBe(true);
    expect(await ran()).toBe(false);

    const flowYaml = join(dir, "flow.yaml");
    await writeFile(flowYaml, (await readFile(flowYaml, "utf8")).replace("echo ran", "echo run"));
    expect(await ran()).toBe(true);
  });

  it("run again after a failure, which shows what the program said", async () => {
    const { gen } = await makeRepository(["sh", "-c", "echo the schema is odd >&2; exit 3"]);
    const failure = { code: "FLOW_COMMAND_FAILED", cause: expect.stringContaining("the schema is odd") as string };
    await expect(gen()).rejects.toMatchObject(failure);
    await expect(gen()).rejects.toMatchObject(failure);
  });

  it("fail loudly when nothing matches their inputs, or they write none of their outputs", async () => {
    const { dir, gen } = await makeRepository(["true"]);
    await expect(gen()).rejects.toMatchObject({
      code: "FLOW_GEN_FAILED",
      message: expect.stringContaining("wrote none") as string,
    });
    await rm(join(dir, "schema/a.txt"));
    await expect(gen()).rejects.toMatchObject({
      code: "FLOW_GEN_FAILED",
      message: expect.stringContaining("match no file") as string,
    });
  });
});
