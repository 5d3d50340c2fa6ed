import { codeLengths, codes, endOfString } from "./huffman-code.ts";

/*
 * Decoding walks the code's tree four bits at a time. A state is an inner node of the tree; a step leads to the next
 * state and gives at most one symbol, since no code is shorter than five bits.
 */
const emits = 0x1_0000;
const fails = 0x2_0000;

/** By state × 16 + four bits: next state (bits 0–7), symbol (8–15), and the two marks above. */
const steps: Uint32Array = new Uint32Array(256 * 16);
/** States in which a string may end: at most seven bits into the code of {@link endOfString}. */
const accepts: Uint8Array = new Uint8Array(256);

buildSteps();

/** Decodes into `target`, which has room for 8/5 of the input; returns the end, or -1 for what is no Huffman string. */
export function huffmanDecode(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let state = 0;
  let at = 0;
  for (let index = start; index < end; index++) {
    const byte = source[index] as number;
    const first = steps[(state << 4) | (byte >> 4)] as number;
    if (first & emits) target[at++] = (first >> 8) & 0xff;
    const second = steps[((first & 0xff) << 4) | (byte & 15)] as number;
    if (second & emits) target[at++] = (second >> 8) & 0xff;
    if ((first | second) & fails) return -1;
    state = second & 0xff;
  }
  return accepts[state] === 1 ? at : -1;
}

/** Bytes that `text` takes when it is encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += codeLengths[text.charCodeAt(index)] as number;
  return (bits + 7) >> 3;
}

/** Encodes `text`, whose units are octets, and returns the end. */
export function huffmanEncode(text: string, target: Uint8Array, start: number): number {
  let at = start;
  let held = 0;
  let bits = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index);
    let length = codeLengths[symbol] as number;
    let code = codes[symbol] as number;
    // At most seven bits are held, so that codes up to 24 bits fit; longer ones go in two parts.
    if (length > 24) {
      length -= 8;
      held = (held << 8) | (code >>> length);
      target[at++] = held >>> bits;
      held &= (1 << bits) - 1;
      code &= (1 << length) - 1;
    }
    held = (held << length) | code;
    bits += length;
    while (bits >= 8) {
      bits -= 8;
      target[at++] = held >>> bits;
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) target[at++] = (held << (8 - bits)) | (0xff >> bits);
  return at;
}

function buildSteps(): void {
  // Children of inner nodes: an inner node's number, or -1 - symbol.
  const children: [number, number][] = [[0, 0]];
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    let node = 0;
    for (let bit = (codeLengths[symbol] as number) - 1; bit >= 0; bit--) {
      const pair = children[node] as [number, number];
      const side = ((codes[symbol] as number) >>> bit) & 1;
      if (bit === 0) pair[side] = -1 - symbol;
      else if (pair[side] === 0) pair[side] = children.push([0, 0]) - 1;
      node = pair[side] as number;
    }
  }
  for (let state = 0; state < children.length; state++) {
    for (let bits = 0; bits < 16; bits++) steps[(state << 4) | bits] = step(children, state, bits);
  }
  for (let node = 0, depth = 0; depth < 8; depth++) {
    accepts[node] = 1;
    node = (children[node] as [number, number])[1];
  }
}

function step(children: readonly [number, number][], state: number, nibble: number): number {
  let node = state;
  let marks = 0;
  for (let bit = 3; bit >= 0; bit--) {
    node = (children[node] as [number, number])[(nibble >> bit) & 1] as number;
    if (node >= 0) continue;
    const symbol = -1 - node;
    if (symbol === endOfString) return fails;
    marks = emits | (symbol << 8);
    node = 0;
  }
  return marks | node;
}
