import { execa } from "execa";
import getPort from "get-port";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { tempDirectory } from "../temp.ts";
import { whenListening } from "./go-server.ts";

export const nginxPath: string =
  process.env.PATH?.split(":").includes("/usr/sbin") === true ? "nginx" : "/usr/sbin/nginx";

/** An nginx that passes gRPC on to a port of loopback; returns its own. */
export async function proxyByNginx(upstream: number): Promise<number> {
  const dir = await tempDirectory("flow-nginx");
  const port = await getPort();
  await mkdir(join(dir, "temp"));
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${dir}/temp;`);
  await writeFile(
    join(dir, "nginx.conf"),
    `daemon off; pid ${dir}/pid; error_log ${dir}/error.log; worker_processes 1;
     events { worker_connections 256; }
     http {
       access_log off; ${temp.join(" ")} client_max_body_size 0;
       server {
         listen 127.0.0.1:${port} http2;
         location / { grpc_pass grpc://127.0.0.1:${upstream}; }
       }
     }`,
  );
  const child = execa(nginxPath, ["-e", join(dir, "error.log"), "-p", dir, "-c", join(dir, "nginx.conf")], {
    reject: false,
  });
  onTestFinished(async () => {
    child.kill();
    await child;
  });
  await whenListening(port, "nginx");
  return port;
}
