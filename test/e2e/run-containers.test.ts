import { execa } from "execa";
import { expect, test } from "vitest";
import { noContainers, testContainers, type TestContainers } from "../support/containers.ts";
import { patienceMs, runDirectory } from "../support/run-directory.ts";

const runningIds = (containers: TestContainers) => containers.podman("ps", "--all", "--quiet");

test.skipIf(noContainers !== undefined)(
  `an image is run, reached, registered, logged and ended like any other service (${noContainers ?? "podman"})`,
  async () => {
    const containers = await testContainers();
    const run = await runDirectory(
      `services:
  web:
    image: ${containers.image}
    command: echo "key is $KEY, colour is $COLOUR"; echo kept >> /data/file; exec httpd -f -p $PORT -h /www
    containerPort: 8000
    volumes: ["./www:/www:ro", "data:/data"]
    env: {COLOUR: green, KEY: {secretFile: key}}
    ready: {http: /page}
    consul: true
    stop: {timeout: 500ms}
`,
      { files: { "www/page": "hello\n", key: "s3cr3t-key\n" }, env: containers.env },
    );
    expect(await run.flow("run", "-d", "--consul", "embedded")).toMatchObject({ exitCode: 0 });
    const { port, consulId } = await run.service("web");
    expect(consulId).toBe(`web-${port}`);
    expect(await (await fetch(`http://127.0.0.1:${port}/page`)).text()).toBe("hello\n");
    expect((await run.flow("logs", "web")).stdout).toContain("key is ***, colour is green");
    expect((await execa("ps", ["-ww", "-eo", "args"])).stdout).not.toContain("s3cr3t-key");
    // httpd as a container's first process does not end at TERM: it is killed.
    expect(await run.flow("restart", "web")).toMatchObject({ exitCode: 0 });
    expect(await run.service("web")).toMatchObject({ port, state: "ready" });
    expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
    expect(await runningIds(containers)).toBe("");
    const volumes = (await containers.podman("volume", "ls", "--quiet")).split("\n");
    expect(volumes).toEqual([expect.stringMatching(/^flow-[0-9a-f]{12}-web-data$/)]);
    const kept = await containers.podman(
      "run",
      "--rm",
      "-v",
      `${volumes[0]}:/data`,
      containers.image,
      "/bin/cat",
      "/data/file",
    );
    expect(kept).toBe("kept\nkept");
  },
);

test.skipIf(noContainers !== undefined)("kill -9 of the supervisor leaves no container", async () => {
  const containers = await testContainers();
  const run = await runDirectory(
    `services:\n  web:\n    image: ${containers.image}\n    command: [/bin/sleep, "600"]\n    port: none\n`,
    { env: containers.env },
  );
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  await expect.poll(() => runningIds(containers), { timeout: patienceMs }).not.toBe("");
  process.kill((await run.document()).run?.supervisorPid as number, "SIGKILL");
  await expect.poll(() => runningIds(containers), { timeout: patienceMs }).toBe("");
});

test.skipIf(noContainers !== undefined)("the run ends with a container's own exit code", async () => {
  const containers = await testContainers();
  const run = await runDirectory(
    `services:\n  job:\n    image: ${containers.image}\n    command: exit 3\n    port: none\n    restart: never\n`,
    { env: containers.env },
  );
  expect(await run.flow("run")).toMatchObject({ exitCode: 3 });
  expect(await runningIds(containers)).toBe("");
});

test.skipIf(noContainers !== undefined)(
  "an image that is not there is named, with the command that brings it",
  async () => {
    const containers = await testContainers();
    const run = await runDirectory(`services:\n  db: {image: "localhost/absent:2"}\n`, { env: containers.env });
    expect(await run.flow("run")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/localhost\/absent:2 is not on this machine[^]*podman pull localhost\/absent:2/),
    });
  },
);
