/**
 * A header field. Names and values are octets, one per UTF-16 unit (ISO 8859-1), names in lower case.
 * Fields are immutable and shared: a field that a peer indexed is one object however often it comes.
 */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  /** Never indexed (RFC 7541 section 7.1.3): whoever passes it on sends it as such. */
  readonly sensitive: boolean;
  /** What `message/rules.ts` found out about it; 0 before. */
  verdict = 0;
  /** Free for whoever uses the layer; 0 at first. */
  note = 0;

  constructor(name: string, value: string, sensitive = false) {
    this.name = name;
    this.value = value;
    this.sensitive = sensitive;
  }

  /** Its size in a table and in a header list: RFC 7541 section 4.1. */
  get size(): number {
    return this.name.length + this.value.length + 32;
  }
}
