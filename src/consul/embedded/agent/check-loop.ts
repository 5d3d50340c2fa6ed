import { runProbe, type ActiveProbe, type Probe, type ProbeResult } from "../checks/probe.ts";

/** Runs one check for as long as it is registered. */
export interface CheckLoop {
  /** Restarts the time of a TTL check, which was told this output. */
  renew(output: string): void;
  stop(): void;
}

/** Starts a check's loop; `report` gets every result, on time for a TTL that expired. */
export function startCheck(probe: Probe, report: (result: ProbeResult) => void): CheckLoop {
  if (probe.type === "maintenance") return { renew: () => {}, stop: () => {} };
  return probe.type === "ttl" ? countDown(probe.ttlMs, report) : repeat(probe, report);
}

function countDown(ttlMs: number, report: (result: ProbeResult) => void): CheckLoop {
  let last = "";
  const expire = () => {
    const told = last === "" ? "" : ` (last output before timeout follows): ${last}`;
    report({ status: "critical", output: `TTL expired${told}` });
  };
  let timer = setTimeout(expire, ttlMs);
  return {
    renew: (output) => {
      last = output;
      clearTimeout(timer);
      timer = setTimeout(expire, ttlMs);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Runs at once, and then each interval after the run before it ended. */
function repeat(probe: ActiveProbe, report: (result: ProbeResult) => void): CheckLoop {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async () => {
    const result = await runProbe(probe);
    if (stopped) return;
    report(result);
    timer = setTimeout(() => void run(), probe.intervalMs);
  };
  void run();
  return {
    renew: () => {},
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
