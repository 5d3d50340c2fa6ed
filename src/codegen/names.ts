/** `ProductSKU` → `product_sku` */
export function snakeCase(name: string): string {
  return name
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[-.\s]+/g, "_")
    .toLowerCase();
}

/** `StockReport` → `stock-report` */
export function kebabCase(name: string): string {
  return snakeCase(name).replaceAll("_", "-");
}

/** `stock-report` → `StockReport` */
export function pascalCase(name: string): string {
  return snakeCase(name).replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `product_get` → `productGet` */
export function camelCase(name: string): string {
  const pascal = pascalCase(name);
  return pascal.charAt(0).toLowerCase() + pascal.slice(1);
}

/**
 * Where the code of a service lies in its repository: `service/<service>/<service>.ts`.
 * @param service its name in flow.yaml and in Consul
 */
export function servicePath(service: string): string {
  return `service/${service}/${service}.ts`;
}

/** `product_get` for method Get of proto service Product: the name of its folder and of its file. */
export function methodFolder(protoService: string, method: string): string {
  return `${snakeCase(protoService)}_${snakeCase(method)}`;
}

/** *Interface path = code path*: `service/product/internal/product_get/product_get.ts`, relative to the repository. */
export function implementationPath(service: string, protoService: string, method: string): string {
  const folder = methodFolder(protoService, method);
  return `service/${service}/internal/${folder}/${folder}.ts`;
}
