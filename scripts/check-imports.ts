/** Enforces DESIGN's table of what may import what: `node scripts/check-imports.ts`. One line per violation. */
import { fs, glob } from "zx";
import {
  dependencyViolations,
  eagerViolations,
  folderViolations,
  globalViolations,
  type Project,
} from "./imports/rules.ts";
import { scanModule } from "./imports/scan.ts";
import { root } from "./pack/inputs.ts";

const project = await readProject();
const violations = [
  ...folderViolations(project),
  ...dependencyViolations(project),
  ...globalViolations(project),
  ...eagerViolations(project),
];
for (const { path, line, message } of violations) console.error(`${path}:${line}: ${message}`);
console.error(
  violations.length === 0
    ? `${project.modules.size} modules import what they may`
    : `${violations.length} imports break the table`,
);
process.exitCode = violations.length === 0 ? 0 : 1;

async function readProject(): Promise<Project> {
  const paths = await glob(["src/**/*.ts", "scripts/**/*.ts", "test/**/*.ts"], {
    cwd: root,
    ignore: ["test/fixtures/**"],
  });
  const modules = await Promise.all(paths.map((path) => scanModule(root, path)));
  const manifest = (await fs.readJson(`${root}/package.json`)) as {
    exports: Record<string, string | { default: string }>;
    dependencies: Record<string, string>;
    peerDependencies?: Record<string, string>;
  };
  const publicPatterns = Object.values(manifest.exports)
    .filter((target) => typeof target !== "string")
    .map(({ default: file }) => file.replace("./dist/", "src/").replace(/\.js$/, ".ts").split("*"));
  return {
    modules: new Map(modules.map((module) => [module.path, module])),
    publicRuntime: (path) =>
      publicPatterns.some(([start = "", end]) =>
        end === undefined ? path === start : path.startsWith(start) && path.endsWith(end),
      ),
    dependencies: Object.keys(manifest.dependencies),
    peers: Object.keys(manifest.peerDependencies ?? {}),
  };
}
