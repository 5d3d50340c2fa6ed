/** Products in SQLite. Several instances of the service may share the file. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface ProductRow {
  id: string;
  name: string;
  price: number;
  currency: string;
  stock: number;
}

const initial: readonly ProductRow[] = [
  { id: "012345", name: "Espresso cup", price: 1290, currency: "EUR", stock: 12 },
  { id: "012346", name: "Coffee grinder", price: 8900, currency: "EUR", stock: 3 },
  { id: "012347", name: "Pour-over kettle", price: 6450, currency: "USD", stock: 7 },
  { id: "012348", name: "Matcha whisk", price: 1980, currency: "JPY", stock: 1 },
];

const database = openDatabase(process.env.FLOW_DATA_DIR ?? join(import.meta.dirname, "../../../../.data/product"));

function openDatabase(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true });
  const database = new DatabaseSync(join(directory, "product.db"));
  database.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL");
  database.exec(
    "CREATE TABLE IF NOT EXISTS product (id TEXT PRIMARY KEY, name TEXT, price INTEGER, currency TEXT, stock INTEGER)",
  );
  const insert = database.prepare("INSERT OR IGNORE INTO product VALUES (?, ?, ?, ?, ?)");
  for (const { id, name, price, currency, stock } of initial) insert.run(id, name, price, currency, stock);
  return database;
}

export function findProduct(id: string): ProductRow | undefined {
  return database.prepare("SELECT * FROM product WHERE id = ?").get(id) as ProductRow | undefined;
}

/** Products whose name holds `text`, cheapest first. */
export function searchProducts(text: string, limit: number): ProductRow[] {
  const statement = database.prepare("SELECT * FROM product WHERE instr(lower(name), lower(?)) ORDER BY price, id LIMIT ?");
  return statement.all(text, limit) as unknown as ProductRow[];
}

/** Changes a product and gives it back; undefined when there is none, or not enough of it. */
export function changeProduct(
  id: string,
  change: { name: string | undefined; price: number | undefined; stock: number },
): ProductRow | undefined {
  // One statement decides and takes, so that two orders at once never sell the same piece.
  const statement = database.prepare(
    `UPDATE product SET name = coalesce(?, name), price = coalesce(?, price), stock = stock + ?
     WHERE id = ? AND stock + ? >= 0 RETURNING *`,
  );
  const { name = null, price = null, stock } = change;
  return statement.get(name, price, stock, id, stock) as ProductRow | undefined;
}

export function closeModel(): void {
  database.close();
}
