export {
  currentFlow,
  currentGeneration,
  ensureGeneration,
  flowVersionOf,
  listGenerations,
  nextGeneration,
  nodeVersionOf,
  setParts,
  switchTo,
  type Generation,
} from "./generation.ts";
export { dropDeadLinks, linkProgram, linkPrograms } from "./programs.ts";
