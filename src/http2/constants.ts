/** RFC 9113 section 6. */
export const FrameType = {
  Data: 0,
  Headers: 1,
  Priority: 2,
  RstStream: 3,
  Settings: 4,
  PushPromise: 5,
  Ping: 6,
  GoAway: 7,
  WindowUpdate: 8,
  Continuation: 9,
} as const;

export const Flag = { EndStream: 0x1, Ack: 0x1, EndHeaders: 0x4, Padded: 0x8, Priority: 0x20 } as const;

/** RFC 9113 section 7. */
export const ErrorCode = {
  NoError: 0,
  ProtocolError: 1,
  InternalError: 2,
  FlowControlError: 3,
  SettingsTimeout: 4,
  StreamClosed: 5,
  FrameSizeError: 6,
  RefusedStream: 7,
  Cancel: 8,
  CompressionError: 9,
  ConnectError: 10,
  EnhanceYourCalm: 11,
  InadequateSecurity: 12,
  Http11Required: 13,
} as const;

const codeNames = Object.keys(ErrorCode).map((name) => name.replace(/(?<=[a-z\d])(?=[A-Z])/g, "_").toUpperCase());

/** `ENHANCE_YOUR_CALM` for 11. */
export function errorCodeName(code: number): string {
  return codeNames[code] ?? `error ${code}`;
}

/** RFC 9113 section 6.5.2. */
export const Setting = {
  HeaderTableSize: 1,
  EnablePush: 2,
  MaxConcurrentStreams: 3,
  InitialWindowSize: 4,
  MaxFrameSize: 5,
  MaxHeaderListSize: 6,
} as const;

/** RFC 9113 section 3.4. */
export const clientPreface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const frameHeaderBytes = 9;
export const defaultWindow = 65_535;
export const defaultFrameBytes = 16_384;
export const largestFrameBytes = 16_777_215;
export const largestWindow = 0x7fff_ffff;
export const largestStreamId = 0x7fff_ffff;
