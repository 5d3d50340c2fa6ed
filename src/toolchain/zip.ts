import { FlowError, messageOf } from "../core/errors.ts";
import { readZip } from "../core/zip.ts";

const mostBytes = 1024 ** 3;

/**
 * One file of a release's ZIP archive. Such archives are small and hold one program; the file is read as a whole.
 * @throws FlowError FLOW_TOOL_BROKEN when the archive is broken or does not hold `path`
 */
export function readZipEntry(archive: Buffer, path: string): Buffer {
  try {
    const entries = readZip(archive);
    const entry = entries.find(({ name }) => name === path);
    if (entry === undefined) {
      throw new FlowError("FLOW_TOOL_BROKEN", `the archive holds no ${path}`, {
        cause: `it holds: ${entries.map(({ name }) => name).join(", ")}`,
      });
    }
    if (entry.size > mostBytes) throw new Error(`${path} is larger than a program can be`);
    return entry.read();
  } catch (error) {
    if (error instanceof FlowError) throw error;
    throw new FlowError("FLOW_TOOL_BROKEN", `the ZIP archive is broken: ${messageOf(error)}`, { cause: error });
  }
}
