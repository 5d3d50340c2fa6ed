import type { Connection } from "./connection.ts";
import { ErrorCode, Flag, FrameType, largestWindow } from "./constants.ts";
import { ConnectionError, StreamError } from "./errors.ts";
import { removePadding, type Frame } from "./frames/reader.ts";
import { HeaderBlocks } from "./header-blocks.ts";
import type { Stream } from "./stream.ts";

/** Streams that we reset, of which the peer may still send for a while. */
const mostRemembered = 4_096;

/** Acts on the frames of a connection in their order. */
export class Receiver {
  readonly #connection: Connection;
  readonly #blocks: HeaderBlocks;
  readonly #reset = new Set<number>();
  /** Streams that ended last, as a ring. */
  readonly #ended: Uint32Array = new Uint32Array(64);
  #endedAt = 0;
  #settled = false;
  #acknowledged = false;
  /** What was sent until the peer's last PING. */
  #productiveAtPing = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#blocks = new HeaderBlocks(connection, this);
  }

  /** @throws ConnectionError */
  frame(frame: Frame): void {
    if (!this.#settled) this.#expectSettings(frame);
    if (this.#blocks.open && frame.type !== FrameType.Continuation)
      throw new ConnectionError(ErrorCode.ProtocolError, "another frame inside a header block");
    try {
      this.#dispatch(frame);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.streamFault(error);
    }
  }

  stop(): void {
    this.#blocks.stop();
  }

  watchBlock(begun: number | undefined): void {
    this.#blocks.watch(begun === FrameType.Headers || begun === FrameType.Continuation || begun === -1);
  }

  #expectSettings({ type, flags }: Frame): void {
    if (type === FrameType.Settings && (flags & Flag.Ack) === 0) {
      this.#settled = true;
      return;
    }
    throw new ConnectionError(
      ErrorCode.ProtocolError,
      "the peer does not speak HTTP/2: its first frame is not SETTINGS",
    );
  }

  #dispatch(frame: Frame): void {
    switch (frame.type) {
      case FrameType.Data:
        return this.#data(frame);
      case FrameType.Headers:
        return this.#blocks.headers(frame);
      case FrameType.Continuation:
        return this.#blocks.continuation(frame);
      case FrameType.Priority:
        return this.#priority(frame);
      case FrameType.RstStream:
        return this.#rstStream(frame);
      case FrameType.Settings:
        return this.#settings(frame);
      case FrameType.PushPromise:
        throw new ConnectionError(ErrorCode.ProtocolError, "PUSH_PROMISE, which was never allowed");
      case FrameType.Ping:
        return this.#ping(frame);
      case FrameType.GoAway:
        return this.#goAway(frame);
      case FrameType.WindowUpdate:
        return this.#windowUpdate(frame);
      default:
        this.#idle("unknown");
    }
  }

  /** Counts a frame that does no work. */
  #idle(kind: string): void {
    if (!this.#connection.idleFrames.spend())
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, `a flood of ${kind} frames`);
  }

  /** Resets one stream for what the peer did to it; one that never began cannot be reset. @throws ConnectionError */
  streamFault({ streamId, code, message }: StreamError): void {
    if (this.isIdle(streamId)) throw new ConnectionError(code, message);
    this.countReset();
    const stream = this.#connection.streams.get(streamId);
    this.#connection.reset(streamId, code);
    stream?.finish({ code, message, remote: false, unprocessed: false });
  }

  /** Counts a reset that the peer caused: its own, or ours for its fault. */
  countReset(): void {
    if (!this.#connection.resets.spend())
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, "a flood of stream resets");
  }

  resetByUs(streamId: number): void {
    this.#reset.add(streamId);
    if (this.#reset.size > mostRemembered) {
      for (const oldest of this.#reset) {
        this.#reset.delete(oldest);
        break;
      }
    }
  }

  /**
   * What a frame for a stream that is not open means: nothing for one that we reset or ignore.
   * @throws ConnectionError for one that never was, StreamError for one that is over
   */
  notOpen(streamId: number, what: string): void {
    if (this.isIdle(streamId))
      throw new ConnectionError(ErrorCode.ProtocolError, `${what} on a stream that never began`);
    if (this.#reset.has(streamId) || streamId > this.#connection.ending.lastAccepted) return this.#idle(what);
    throw new StreamError(streamId, ErrorCode.StreamClosed, `${what} on a closed stream`);
  }

  ended(streamId: number): void {
    this.#ended[this.#endedAt++ & 63] = streamId;
  }

  /** HEADERS for a stream that is not open: as {@link notOpen}, but a client that goes back in its ids is out of step. */
  lateHeaders(streamId: number): void {
    if (this.#connection.role === "client" || this.isIdle(streamId) || this.#reset.has(streamId))
      return this.notOpen(streamId, "HEADERS");
    throw this.#ended.includes(streamId)
      ? new ConnectionError(ErrorCode.StreamClosed, "HEADERS on a closed stream")
      : new ConnectionError(ErrorCode.ProtocolError, "a stream with a smaller number than the last one");
  }

  isIdle(streamId: number): boolean {
    const ofPeer = (streamId & 1) === (this.#connection.role === "server" ? 1 : 0);
    return ofPeer ? streamId > this.#connection.lastPeerId : !this.#connection.begun(streamId);
  }

  #data(frame: Frame): void {
    const { streamId, flags } = frame;
    const connection = this.#connection;
    if (streamId === 0) throw new ConnectionError(ErrorCode.ProtocolError, "DATA on stream 0");
    const size = frame.end - frame.start;
    if (flags & Flag.Padded) removePadding(frame);
    const bytes = frame.end - frame.start;
    if (!connection.receiving.arrived(size))
      throw new ConnectionError(ErrorCode.FlowControlError, "DATA beyond the connection's window");
    const stream = connection.streams.get(streamId);
    if (stream === undefined) {
      // The end of a request that was answered early: each stream has one.
      if (flags & Flag.EndStream && this.#reset.delete(streamId)) return;
      return this.notOpen(streamId, "DATA");
    }
    if (stream.remoteClosed)
      throw new StreamError(streamId, ErrorCode.StreamClosed, "DATA after the end of the stream");
    if (connection.role === "client" && !stream.responded)
      throw new StreamError(streamId, ErrorCode.ProtocolError, "DATA before the header list");
    const end = (flags & Flag.EndStream) !== 0;
    if (bytes === 0 && !end) this.#idle("empty DATA");
    stream.receiveWindow -= size;
    if (stream.receiveWindow < 0)
      throw new StreamError(streamId, ErrorCode.FlowControlError, "DATA beyond the stream's window");
    if (stream.expected >= 0) {
      stream.expected -= bytes;
      if (stream.expected < 0 || (end && stream.expected > 0))
        throw new StreamError(streamId, ErrorCode.ProtocolError, "more or less DATA than content-length says");
    }
    this.#hand(stream, { frame, end });
  }

  #hand(stream: Stream, { frame, end }: { frame: Frame; end: boolean }): void {
    const { start, buffer } = frame;
    const bytes = frame.end - start;
    const connection = this.#connection;
    stream.unread += bytes;
    connection.unread += bytes;
    if (connection.unread > connection.limits.maxUnreadBytes)
      throw new StreamError(
        stream.id,
        ErrorCode.EnhanceYourCalm,
        `more than ${connection.limits.maxUnreadBytes} bytes wait to be consumed on this connection`,
      );
    if (end) stream.remoteClosed = true;
    if (bytes > 0 || end) stream.events.data(buffer.subarray(start, frame.end), end);
    if (end) stream.endRemote();
  }

  #priority({ streamId, buffer, start, end }: Frame): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.ProtocolError, "PRIORITY on stream 0");
    if (end - start !== 5) throw new StreamError(streamId, ErrorCode.FrameSizeError, "a PRIORITY frame is 5 bytes");
    if ((buffer.readUInt32BE(start) & 0x7fff_ffff) === streamId)
      throw new StreamError(streamId, ErrorCode.ProtocolError, "a stream that depends on itself");
    this.#idle("PRIORITY");
  }

  #rstStream({ streamId, buffer, start, end }: Frame): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.ProtocolError, "RST_STREAM on stream 0");
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FrameSizeError, "a RST_STREAM frame is 4 bytes");
    const stream = this.#connection.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId))
        throw new ConnectionError(ErrorCode.ProtocolError, "RST_STREAM on a stream that never began");
      return this.#idle("RST_STREAM");
    }
    if (this.#connection.role === "server") this.countReset();
    const code = buffer.readUInt32BE(start);
    const unprocessed = code === ErrorCode.RefusedStream && this.#connection.role === "client";
    stream.finish({ code, message: "the peer reset the stream", remote: true, unprocessed });
  }

  #settings(frame: Frame): void {
    const size = frame.end - frame.start;
    const connection = this.#connection;
    if (frame.streamId !== 0) throw new ConnectionError(ErrorCode.ProtocolError, "SETTINGS on a stream");
    if (frame.flags & Flag.Ack) {
      if (size !== 0) throw new ConnectionError(ErrorCode.FrameSizeError, "a SETTINGS acknowledgement is empty");
      // The first acknowledges the only one that names the table.
      if (!this.#acknowledged) connection.decoder.limit(connection.limits.headerTableBytes);
      this.#acknowledged = true;
      return this.#idle("SETTINGS");
    }
    if (size % 6 !== 0) throw new ConnectionError(ErrorCode.FrameSizeError, "a SETTINGS frame is pairs of 6 bytes");
    this.#idle("SETTINGS");
    const { peer } = connection;
    const before = peer.initialWindowSize;
    const tableBefore = peer.headerTableSize;
    peer.apply(frame);
    // Acknowledged before anything that the new values allow.
    connection.sender.acknowledge(FrameType.Settings, none);
    const change = peer.initialWindowSize - before;
    if (change !== 0) for (const stream of connection.streams.values()) this.#widen(stream, change);
    if (peer.headerTableSize !== tableBefore) connection.encoder.limit(peer.headerTableSize);
    connection.settled();
  }

  #ping({ streamId, flags, buffer, start, end }: Frame): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.ProtocolError, "PING on a stream");
    if (end - start !== 8) throw new ConnectionError(ErrorCode.FrameSizeError, "a PING frame is 8 bytes");
    if (flags & Flag.Ack) {
      if (!this.#connection.pings.acknowledged(buffer.readUInt32BE(start + 4))) this.#idle("PING");
      return;
    }
    // A peer that receives measures its bandwidth so: after what we sent, one PING is no idle talk.
    const { productive } = this.#connection;
    if (productive === this.#productiveAtPing) this.#idle("PING");
    this.#productiveAtPing = productive;
    this.#connection.events.pinged?.();
    this.#connection.sender.acknowledge(FrameType.Ping, buffer.subarray(start, end));
  }

  #goAway({ streamId, buffer, start, end }: Frame): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.ProtocolError, "GOAWAY on a stream");
    if (end - start < 8) throw new ConnectionError(ErrorCode.FrameSizeError, "a GOAWAY frame is at least 8 bytes");
    this.#idle("GOAWAY");
    this.#connection.ending.peerGoesAway({
      lastStreamId: buffer.readUInt32BE(start) & 0x7fff_ffff,
      code: buffer.readUInt32BE(start + 4),
      debug: buffer.toString("utf8", start + 8, Math.min(end, start + 8 + 1_024)),
    });
  }

  #windowUpdate({ streamId, buffer, start, end }: Frame): void {
    const connection = this.#connection;
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FrameSizeError, "a WINDOW_UPDATE frame is 4 bytes");
    const increment = buffer.readUInt32BE(start) & 0x7fff_ffff;
    // A window that grows in small steps makes every byte a frame.
    if (increment < 1_024) this.#idle("WINDOW_UPDATE");
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.ProtocolError, "WINDOW_UPDATE by nothing");
      if (!connection.sender.widen(increment))
        throw new ConnectionError(ErrorCode.FlowControlError, "the connection's window over 2^31-1");
      return connection.sender.pump();
    }
    const stream = connection.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId))
        throw new ConnectionError(ErrorCode.ProtocolError, "WINDOW_UPDATE on a stream that never began");
      return this.#idle("WINDOW_UPDATE");
    }
    if (increment === 0) throw new StreamError(streamId, ErrorCode.ProtocolError, "WINDOW_UPDATE by nothing");
    this.#widen(stream, increment);
    if (stream.sendWindow > largestWindow)
      throw new StreamError(streamId, ErrorCode.FlowControlError, "the stream's window over 2^31-1");
  }

  #widen(stream: Stream, change: number): void {
    stream.sendWindow += change;
    if (change > 0 && stream.sendWindow > largestWindow && change < largestWindow) return;
    if (stream.sendWindow > 0) this.#connection.sender.enqueue(stream);
  }
}

const none = Buffer.alloc(0);
