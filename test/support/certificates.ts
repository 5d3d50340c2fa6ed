import { execa } from "execa";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDirectory } from "./temp.ts";

export interface Authority {
  /** PEM file of the authority. */
  ca: string;
  /** Signs a certificate for names such as `DNS:localhost` or `IP:127.0.0.1`; files of it and its key. */
  issue(...names: readonly string[]): Promise<{ cert: string; key: string }>;
}

/** A certificate authority of its own for one test, made with openssl; in `dir`, default a directory of the test. */
export async function createAuthority(dir?: string): Promise<Authority> {
  dir ??= await tempDirectory("flow-certificates");
  const openssl = (...args: readonly string[]) => execa("openssl", args, { cwd: dir });
  const key = (name: string) => [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    `${name}.key`,
  ];
  await openssl("req", "-x509", ...key("ca"), "-out", "ca.pem", "-days", "30", "-subj", "/CN=test authority");
  let count = 0;
  return {
    ca: join(dir, "ca.pem"),
    issue: async (...names) => {
      const name = `leaf-${++count}`;
      await writeFile(join(dir, `${name}.ext`), `subjectAltName=${names.join(",")}\n`);
      await openssl("req", ...key(name), "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      const request = ["x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, "-days", "30"];
      await openssl(...request, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${name}.ext`);
      return { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
    },
  };
}
