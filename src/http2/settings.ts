import { defaultFrameBytes, defaultWindow, ErrorCode, largestFrameBytes, largestWindow, Setting } from "./constants.ts";
import { ConnectionError } from "./errors.ts";
import type { Frame } from "./frames/reader.ts";
import type { Limits } from "./limits.ts";

/** What the peer said of itself, at first the protocol's defaults. */
export class PeerSettings {
  headerTableSize = 4_096;
  maxConcurrentStreams = Infinity;
  initialWindowSize: number = defaultWindow;
  maxFrameSize: number = defaultFrameBytes;
  maxHeaderListSize = Infinity;

  /** Takes a SETTINGS frame's values in their order. @throws ConnectionError */
  apply({ buffer, start, end }: Frame): void {
    for (let at = start; at < end; at += 6) this.#set(buffer.readUInt16BE(at), buffer.readUInt32BE(at + 2));
  }

  #set(id: number, value: number): void {
    switch (id) {
      case Setting.HeaderTableSize:
        this.headerTableSize = value;
        break;
      case Setting.EnablePush:
        if (value > 1) throw new ConnectionError(ErrorCode.ProtocolError, "SETTINGS_ENABLE_PUSH is neither 0 nor 1");
        break;
      case Setting.MaxConcurrentStreams:
        this.maxConcurrentStreams = value;
        break;
      case Setting.InitialWindowSize:
        if (value > largestWindow)
          throw new ConnectionError(ErrorCode.FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE over 2^31-1");
        this.initialWindowSize = value;
        break;
      case Setting.MaxFrameSize:
        if (value < defaultFrameBytes || value > largestFrameBytes)
          throw new ConnectionError(ErrorCode.ProtocolError, "SETTINGS_MAX_FRAME_SIZE out of range");
        this.maxFrameSize = value;
        break;
      case Setting.MaxHeaderListSize:
        this.maxHeaderListSize = value;
        break;
      default: // RFC 9113 section 6.5.2: unknown settings mean nothing.
    }
  }
}

/** Our first SETTINGS. */
export function ownSettings(limits: Limits, role: "client" | "server"): [id: number, value: number][] {
  const settings: [number, number][] = [
    [Setting.HeaderTableSize, limits.headerTableBytes],
    [Setting.InitialWindowSize, limits.initialWindowBytes],
    [Setting.MaxFrameSize, limits.maxFrameBytes],
    [Setting.MaxHeaderListSize, limits.maxHeaderListBytes],
  ];
  return role === "client"
    ? [[Setting.EnablePush, 0], ...settings]
    : [[Setting.MaxConcurrentStreams, limits.maxConcurrentStreams], ...settings];
}
