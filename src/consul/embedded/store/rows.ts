/** Rows as they are stored and, for the most part, answered: the names are Consul's JSON names. */
export interface Indexes {
  CreateIndex: number;
  ModifyIndex: number;
}

export interface NodeRow extends Indexes {
  ID: string;
  Node: string;
  Address: string;
  Datacenter: string;
  TaggedAddresses: Record<string, string> | null;
  Meta: Record<string, string> | null;
}

export interface ServiceRow extends Indexes {
  Node: string;
  Kind?: "typical";
  ID: string;
  Service: string;
  Tags: string[];
  Address: string;
  TaggedAddresses?: Record<string, { Address?: string; Port?: number }>;
  Meta: Record<string, string> | null;
  Port: number;
  SocketPath?: string;
  Weights: { Passing: number; Warning: number };
  EnableTagOverride: boolean;
}

export type HealthStatus = "passing" | "warning" | "critical";

export interface CheckRow extends Indexes {
  Node: string;
  CheckID: string;
  Name: string;
  /** Written to the catalog directly it may be any text. */
  Status: string;
  Notes: string;
  Output: string;
  ServiceID: string;
  ServiceName: string;
  ServiceTags: string[];
  Type: string;
  Interval: string;
  Timeout: string;
  Definition: Readonly<Record<string, unknown>>;
}

export interface KvRow extends Indexes {
  Key: string;
  /** Base64; null for an empty value. */
  Value: string | null;
  /** Decimal digits: 64 bits. */
  Flags: string;
  LockIndex: number;
  Session?: string;
}

export interface SessionRow extends Indexes {
  ID: string;
  Name: string;
  Node: string;
  /** Nanoseconds. */
  LockDelay: number;
  Behavior: "release" | "delete";
  /** A Go duration, or empty. */
  TTL: string;
  NodeChecks: string[];
  ServiceChecks: { ID: string; Namespace: string }[] | null;
}

/** Whether two rows say the same, apart from when they were written. */
export function sameContent(a: Indexes, b: Indexes): boolean {
  return content(a) === content(b);
}

function content(row: Indexes): string {
  return JSON.stringify(row, (key, value: unknown) => {
    if (key === "CreateIndex" || key === "ModifyIndex") return undefined;
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).toSorted(([x], [y]) => (x < y ? -1 : 1)));
  });
}
