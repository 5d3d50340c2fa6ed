/** Which Consul agent a run uses, and how it is started. The agents are processes of their own. */
export { chooseConsul, type ConsulChoice } from "./choose.ts";
export { consulAgent, waitForConsul, type AgentCommand, type AgentOptions } from "./agent-command.ts";
