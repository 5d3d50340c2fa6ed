/**
 * An amount as people write it: `formatMoney(1290, "EUR")` is `12.90 EUR`.
 * @param amount in the currency's smallest unit
 * @param currency ISO 4217 code
 */
export declare function formatMoney(amount: number, currency: string): string;
