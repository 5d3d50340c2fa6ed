// The {{service}} service: one thin method per RPC. Yours to edit; `flow new rpc` adds a method and its import.
import { serve, Service, type Context, type Server } from "goflow/runtime";
import { register{{protoService}} } from "{{packageName}}/rpc/{{protoDirectory}}";

export class {{protoService}}Service extends Service {
  override desc() {
    return "{{service}} service";
  }

  override register(server: Server) {
    register{{protoService}}(server, this);
  }
}

if (import.meta.main) await serve(new {{protoService}}Service());
