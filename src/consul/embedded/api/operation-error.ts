/** Why one operation of a transaction cannot be done; none of them is, then. */
export class OperationError extends Error {}
