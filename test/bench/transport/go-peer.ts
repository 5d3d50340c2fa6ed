import { execa } from "execa";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { checkoutRoot } from "../../support/context.ts";

const modules = ["google.golang.org/grpc@v1.85.0", "google.golang.org/protobuf@v1.36.12"];
const proto = "test/bench.proto";
/** Go wants to know where the generated package lies. */
const opt = `M${proto}=flow.test/bench/pb`;

/** Builds the grpc-go peer below `dir` and returns its path; undefined without Go. */
export async function buildGoPeer(dir: string): Promise<string | undefined> {
  const work = join(dir, "go-peer");
  await mkdir(work);
  const run = async (file: string, ...args: string[]) =>
    await execa(file, args, { cwd: work, env: { GOFLAGS: "-mod=mod", GOWORK: "off", CGO_ENABLED: "0" } });
  try {
    await run("go", "version");
  } catch {
    return undefined;
  }
  await copyFile(join(checkoutRoot, "test/bench/transport/go/main.go"), join(work, "main.go"));
  await run("go", "mod", "init", "flow.test/bench");
  await run("go", "get", ...modules);
  await run("go", "build", "-o", "protoc-gen-go", "google.golang.org/protobuf/cmd/protoc-gen-go");
  const template = {
    version: "v2",
    plugins: [
      { local: join(work, "protoc-gen-go"), out: "pb", opt: [opt, "paths=import", "module=flow.test/bench/pb"] },
    ],
  };
  const fixtures = join(checkoutRoot, "test/fixtures/proto");
  const buf = join(checkoutRoot, "node_modules/.bin/buf");
  await run(buf, "generate", fixtures, "--template", JSON.stringify(template), "--path", join(fixtures, proto));
  await run("go", "build", "-o", "peer", ".");
  return join(work, "peer");
}
