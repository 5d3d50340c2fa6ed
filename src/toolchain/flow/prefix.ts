/** Where flow's own package lies in the mirror. */
export const flowPrefix = "node_modules/goflow";
