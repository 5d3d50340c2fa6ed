/** How many digits a currency has behind the point. */
function minorUnits() {
  return 2;
}

export function formatMoney(amount, currency) {
  const digits = minorUnits(currency);
  return `${(amount / 10 ** digits).toFixed(digits)} ${currency}`;
}
