/** Orders in SQLite. Several instances of the service may share the file. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface OrderRow {
  id: string;
  productId: string;
  productName: string;
  quantity: number;
  total: string;
}

const database = openDatabase(process.env.FLOW_DATA_DIR ?? join(import.meta.dirname, "../../../../.data/order"));

function openDatabase(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true });
  const database = new DatabaseSync(join(directory, "order.db"));
  database.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL");
  database.exec(
    'CREATE TABLE IF NOT EXISTS "order" (id TEXT PRIMARY KEY, productId TEXT, productName TEXT, quantity INTEGER, total TEXT)',
  );
  return database;
}

export function saveOrder({ id, productId, productName, quantity, total }: OrderRow): void {
  database.prepare('INSERT INTO "order" VALUES (?, ?, ?, ?, ?)').run(id, productId, productName, quantity, total);
}

export function findOrder(id: string): OrderRow | undefined {
  return database.prepare('SELECT * FROM "order" WHERE id = ?').get(id) as OrderRow | undefined;
}

export function closeModel(): void {
  database.close();
}
