import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { FlowError } from "../core/errors.ts";
import { readArchive } from "./archive.ts";
import { packageIncoming, packageManifest } from "./npm/fetch.ts";
import type { ProvidedPackage } from "./npm/staging.ts";
import type { Incoming } from "./types.ts";

export interface Release {
  provided: ProvidedPackage;
  incoming: Incoming;
}

/**
 * A packed release: a tarball on this machine, such as flow's own. It lies among the npm packages, and no registry is
 * asked for its name.
 * @throws FlowError FLOW_VENDOR_FETCH, FLOW_VENDOR_BAD_ARCHIVE
 */
export async function readRelease(path: string): Promise<Release> {
  const tarball = await readFile(path).catch((error: unknown) => {
    throw new FlowError("FLOW_VENDOR_FETCH", `${path} cannot be read`, { cause: error, hint: "check the path" });
  });
  const files = await readArchive(tarball, path);
  const manifest = packageManifest(files, path);
  const { name, version } = manifest;
  if (typeof name !== "string" || typeof version !== "string") {
    throw new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${path}: its package.json lacks a name or a version`);
  }
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  const prefix = `node_modules/${name}`;
  return {
    provided: { name, version, prefix, integrity, manifest },
    incoming: packageIncoming({ prefix, source: `release:${name}`, ref: version, version, integrity, files }),
  };
}

/** One file at the top of a packed release; undefined when it has none, or cannot be read. */
export async function readPackedFile(path: string, name: string): Promise<Uint8Array | undefined> {
  const tarball = await readFile(path).catch(() => undefined);
  if (tarball === undefined) return undefined;
  return (await readArchive(tarball, path)).find((file) => file.path === name)?.data;
}
