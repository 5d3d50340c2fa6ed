import { execFile } from "node:child_process";
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { LineSplitter } from "./line-splitter.ts";

const { O_NONBLOCK, O_RDWR, O_WRONLY } = constants;
const chunkBytes = 64 * 1024;

/**
 * Where one program writes, over all its restarts: a named pipe for both its streams. One pipe, so that what it
 * writes to the one and the other stays in order; a real one (Node's own are sockets), so that a program can open
 * /dev/stdout; and one that never ends, so that nothing ever waits for a grandchild that holds it.
 */
export class OutputPipe {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #socket: Socket;
  readonly #lines: LineSplitter;
  #closed = false;

  /** `path` is a named pipe. */
  constructor(path: string, take: (lines: string[]) => void) {
    this.#path = path;
    this.#lines = new LineSplitter(take);
    // Held for writing too: without writers the pipe would end.
    this.#descriptor = openSync(path, O_RDWR | O_NONBLOCK);
    this.#socket = new Socket({
      fd: this.#descriptor,
      readable: true,
      writable: false,
      onread: {
        buffer: Buffer.allocUnsafe(chunkBytes),
        callback: (length, buffer) => {
          this.#lines.push((buffer as Buffer).subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.on("error", () => {});
    this.#socket.resume();
  }

  /**
   * Calls `start` with the descriptors of standard output and error for a program. They are two openings of the pipe:
   * a program that makes the one non-blocking must not change the other, nor its successor's.
   */
  lend<T>(start: (stdout: number, stderr: number) => T): T {
    const stdout = openSync(this.#path, O_WRONLY);
    const stderr = openSync(this.#path, O_WRONLY);
    try {
      return start(stdout, stderr);
    } finally {
      closeSync(stdout);
      closeSync(stderr);
    }
  }

  /** Takes what lies in the pipe, and the last line even if nothing ended it. To be called when the program ended. */
  drain(): void {
    if (this.#closed) return;
    const buffer = Buffer.allocUnsafe(chunkBytes);
    // A grandchild may write for ever: what a pipe can hold is all that its program left.
    for (let taken = 0; taken < 16 * chunkBytes;) {
      let length: number;
      try {
        length = readSync(this.#descriptor, buffer);
      } catch {
        break;
      }
      if (length === 0) break;
      taken += length;
      this.#lines.push(buffer.subarray(0, length));
    }
    this.#lines.end();
  }

  close(): void {
    this.drain();
    this.#closed = true;
    this.#socket.destroy();
  }
}

export interface PipeDirectory {
  path(name: string): string;
  remove(): void;
}

/** Makes a named pipe for each name, in `directory`, or in a temporary one where the file system has no such thing. */
export async function makePipes(directory: string, names: readonly string[]): Promise<PipeDirectory> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    return await makePipesIn(directory, names);
  } catch {
    return await makePipesIn(mkdtempSync(join(tmpdir(), "flow-pipes-")), names);
  }
}

async function makePipesIn(directory: string, names: readonly string[]): Promise<PipeDirectory> {
  const path = (name: string) => join(directory, name);
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    await promisify(execFile)("mkfifo", ["-m", "600", ...names.map(path)]);
  } catch (error) {
    remove();
    throw error;
  }
  return { path, remove };
}
