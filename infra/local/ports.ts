/** Ports of the local system on 127.0.0.1. Called by emulated-azure.ts, system.ts and start.ts. */
import { createServer } from "node:net";

/** Which server has which port; 0 takes a free one. */
export type Ports = {
  readonly host: number;
  readonly proxy: number;
  readonly control: number;
  readonly identity: number;
};

/** What `npm start` takes: 7071 is where `func start` listens, others are near it. The app alone is told of the last. */
export const DEFAULT_PORTS: Ports = { host: 7071, proxy: 7080, control: 7081, identity: 0 };

/** Thrown before anything is started when another program listens on a port. */
export class PortInUseError extends Error {
  readonly server: keyof Ports;
  readonly port: number;
  constructor(server: keyof Ports, port: number) {
    super(`port ${port} (${server}) is in use`);
    this.server = server;
    this.port = port;
  }
}

/** @throws PortInUseError for the first port that is taken */
export async function checkPortsAreFree(ports: Partial<Ports>): Promise<void> {
  for (const server of ["host", "proxy", "control", "identity"] as const) {
    const port = ports[server] ?? 0;
    if (port !== 0 && !(await isFree(port))) throw new PortInUseError(server, port);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
