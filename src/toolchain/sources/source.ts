import type { ToolDefinition, Workspace } from "../../config/index.ts";
import type { StepControl } from "../../core/events.ts";
import type { ToolLockEntry } from "../lock-file.ts";
import type { Receipt } from "../receipt.ts";

/** A tool on its way into the workspace. */
export interface ToolRequest {
  name: string;
  tool: ToolDefinition;
  workspace: Workspace;
}

/** One exact version of a tool from one source, known before anything is fetched or copied. */
export interface Candidate extends Pick<Receipt, "version" | "source"> {
  /** As in the receipt; undefined when only fetching tells it (a first, unlocked download). */
  identity: string | undefined;
  /** Fills the staged payload and says what it holds. */
  fill(staging: string, control: StepControl): Promise<Filled>;
}

export interface Filled extends Pick<Receipt, "identity" | "program" | "node"> {
  /** What is to be remembered in tools-lock.json. */
  lock?: ToolLockEntry;
}
