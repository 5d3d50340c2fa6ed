import type { FlowEvent } from "./events.ts";
import type { FlowInstallation } from "./installation.ts";

/** Everything a feature may know of the world around it. Below `src/cli` nothing reads `process` or prints. */
export interface FlowContext {
  /** Absolute path that relative paths of the user are resolved against. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user interrupts; its reason is a FlowError FLOW_CANCELLED. */
  readonly signal: AbortSignal;
  readonly emit: (event: FlowEvent) => void;
  readonly now: () => Date;
  readonly installation: FlowInstallation;
  /** Whether a person can be asked. Off a terminal and in CI it is false. */
  readonly interactive: boolean;
  /** Asks a yes/no question, default no. With `--yes` it answers true; when nobody can be asked it throws FLOW_CONFIRMATION_REQUIRED. */
  readonly confirm: (question: string) => Promise<boolean>;
}
