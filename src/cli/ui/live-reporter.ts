import type { createLogUpdate } from "log-update";
import { messageLine, paint, progressText, stepLine } from "./event-lines.ts";
import type { Reporter } from "./reporter.ts";
import type { Streams } from "./streams.ts";

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

interface Running {
  title: string;
  progress: string;
}

/** Finished steps stay as lines; running ones turn below them. */
export function createLiveReporter(streams: Streams): Reporter {
  let update: ReturnType<typeof createLogUpdate> | undefined;
  let loading: Promise<void> | undefined;
  const running = new Map<string, Running>();
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  // At the first step only: most commands have none, and its Unicode tables take 30 ms to load.
  const load = async () => {
    const logUpdate = await import("log-update");
    update = logUpdate.createLogUpdate(streams.stderr as NodeJS.WriteStream, { showCursor: false });
    draw();
  };
  const draw = () => {
    if (running.size === 0) return;
    const spinner = paint("cyan", frames[frame % frames.length] ?? "", streams.stderrColour);
    const lines = [...running.values()].map(({ title, progress }) =>
      `${spinner} ${title}${progress === "" ? "" : ` ${paint("dim", progress, streams.stderrColour)}`}`.slice(
        0,
        2 * streams.columns,
      ),
    );
    update?.(lines.join("\n"));
  };
  const print = (line: string) => {
    update?.clear();
    streams.stderr.write(`${line}\n`);
    draw();
  };
  const finish = () => {
    clearInterval(timer);
    timer = undefined;
    update?.clear();
    update?.done();
    running.clear();
  };

  return {
    finish,
    emit: (event) => {
      if (event.type === "message") {
        if (event.level !== "debug") print(messageLine(event, streams.stderrColour));
        return;
      }
      if (event.phase === "start") {
        running.set(event.id, { title: event.title, progress: "" });
        loading ??= load();
        timer ??= setInterval(() => {
          frame++;
          draw();
        }, 100).unref();
        draw();
        return;
      }
      const step = running.get(event.id);
      if (event.phase === "progress") {
        if (step !== undefined) step.progress = progressText(event);
        return;
      }
      running.delete(event.id);
      print(stepLine(event, step?.title ?? event.id, streams.stderrColour));
      if (running.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    },
  };
}
