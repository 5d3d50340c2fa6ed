import { styleText } from "node:util";
import type { FlowEvent } from "../../core/events.ts";

type StepEvent = Extract<FlowEvent, { type: "step" }>;
type MessageEvent = Extract<FlowEvent, { type: "message" }>;
type Format = Parameters<typeof styleText>[0];

export function paint(format: Format, text: string, colour: boolean): string {
  return colour ? styleText(format, text, { validateStream: false }) : text;
}

export function stepLine(event: StepEvent, title: string, colour: boolean): string {
  switch (event.phase) {
    case "start":
      return `${paint("cyan", "…", colour)} ${title}`;
    case "progress":
      return `  ${title}: ${progressText(event)}`;
    case "done":
      return `${paint("green", "✓", colour)} ${title}${event.detail === undefined ? "" : `: ${event.detail}`} ${paint("dim", `(${seconds(event.durationMs)})`, colour)}`;
    case "skip":
      return `${paint("green", "✓", colour)} ${event.title}: ${paint("dim", event.detail, colour)}`;
    case "fail":
      return `${paint("red", "✗", colour)} ${title}`;
  }
}

export function progressText(event: Extract<StepEvent, { phase: "progress" }>): string {
  const count =
    event.done === undefined ? "" : event.total === undefined ? `${event.done}` : `${event.done}/${event.total}`;
  return [count, event.detail].filter(Boolean).join(" ");
}

export function messageLine(event: MessageEvent, colour: boolean): string {
  if (event.level === "warn") return `${paint("yellow", "warning:", colour)} ${event.text}`;
  return event.level === "debug" ? paint("dim", event.text, colour) : event.text;
}

export function seconds(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
