import { connect } from "node:net";
import { splitAddress } from "./address.ts";
import { connectionProblem } from "./problem.ts";
import type { ProbeResult, Schedule } from "./probe.ts";

/** Passes when a connection is accepted. */
export function probeTcp({ address, timeoutMs }: { address: string } & Schedule): Promise<ProbeResult> {
  const target = splitAddress(address);
  if (target === undefined) {
    return Promise.resolve({ status: "critical", output: `dial tcp: address ${address}: missing port in address` });
  }
  return new Promise((resolve) => {
    const socket = connect({ ...target, timeout: timeoutMs });
    const finish = (result: ProbeResult) => {
      resolve(result);
      socket.destroy();
    };
    socket.once("connect", () => finish({ status: "passing", output: `TCP connect ${address}: Success` }));
    socket.once("timeout", () => finish({ status: "critical", output: `dial tcp ${address}: i/o timeout` }));
    socket.once("error", (error) => finish({ status: "critical", output: connectionProblem(error) }));
  });
}
