/** What other services may use of product beyond its RPCs. */
import { formatMoney } from "@acme-labs/money";
import type { ProductItem } from "@{{organization}}/{{name}}/rpc/common";

/** The price of some pieces of a product as people write it: `12.90 EUR`, `1980 JPY`. */
export function priceText(product: ProductItem, quantity = 1): string {
  return formatMoney(product.price * quantity, product.currency);
}
