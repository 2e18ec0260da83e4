/** Real container and Kubernetes clients, each run with files of its own. Called by the tests in test/clients. */
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClientOptions, ClientRun, ClientSystem } from "./client-system.ts";

/** The folder that scripts/clients/install.sh fills. */
const BIN_FOLDER = fileURLToPath(new URL("./bin", import.meta.url));

/** Installed as packages of Debian, so they are found by name. */
const SYSTEM_TOOLS = ["skopeo", "buildah", "podman"] as const;
/** Unpacked in the folder above: the machine's own docker or kubectl is of another version or not there. */
const UNPACKED_TOOLS = ["docker", "docker-registry", "crane", "kubectl-1.20", "kubectl-1.35"] as const;

/** A client; `docker-registry` is a server, start it by `toolPath`. */
export type ContainerTool = (typeof SYSTEM_TOOLS)[number] | (typeof UNPACKED_TOOLS)[number];
/** The oldest kubectl that can be had (exec plugins up to v1beta1) and a new one (v1 and v1beta1). */
export const KUBECTLS = ["kubectl-1.20", "kubectl-1.35"] as const satisfies readonly ContainerTool[];

/** What a tool gets beside its arguments. */
export type ToolOptions = ClientOptions & {
  /** A folder of `newHome`: runs that share it share logins, images and caches. A new one when absent. */
  readonly home?: string;
};

/** Runs the tools in the environment of a local system: its proxy and its certificate authority. */
export type ContainerTools = {
  /** An empty home: no login, no image, no cache. */
  newHome(): string;
  /**
   * Runs a tool whatever its exit code.
   * @throws Error when the tool is not installed or does not end
   */
  run(tool: ContainerTool, args: readonly string[], options?: ToolOptions): Promise<ClientRun>;
};

/** @throws Error when scripts/clients/install.sh has not put the tool in place */
export function toolPath(tool: ContainerTool): string {
  if (SYSTEM_TOOLS.some((name) => name === tool)) return tool;
  const path = join(BIN_FOLDER, tool);
  if (!existsSync(path)) throw new Error(`${tool} is not installed. Run scripts/clients/install.sh first.`);
  return path;
}

/** The homes are made in the system's own home, so that they go when it stops. */
export function containerTools(system: Pick<ClientSystem, "home" | "run">): ContainerTools {
  const newHome = () => createHome(system.home);
  return {
    newHome,
    run(tool, args, { home = newHome(), env, ...options } = {}) {
      return system.run(toolPath(tool), args, { cwd: home, ...options, env: { ...environmentOf(home), ...env } });
    },
  };
}

function createHome(parent: string): string {
  const home = mkdtempSync(join(parent, "tools-"));
  for (const folder of ["tmp", "run"]) mkdirSync(join(home, folder));
  // buildah and podman refuse a login file that is not there.
  writeFileSync(join(home, "auth.json"), "{}");
  // TOML takes the strings of JSON. Only vfs works on every file system, also within a container.
  const storage = [
    ["driver", "vfs"],
    ["graphroot", join(home, "storage")],
    ["runroot", join(home, "run")],
  ];
  writeFileSync(join(home, "storage.conf"), `[storage]\n${tomlOf(storage)}`);
  const engine = [
    ["tmp_dir", join(home, "libpod")],
    ["cgroup_manager", "cgroupfs"],
    ["events_logger", "none"],
  ];
  writeFileSync(join(home, "containers.conf"), `[engine]\n${tomlOf(engine)}`);
  return home;
}

function tomlOf(pairs: readonly (readonly string[])[]): string {
  return pairs.map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`).join("");
}

function environmentOf(home: string): Record<string, string> {
  return {
    HOME: home,
    TMPDIR: join(home, "tmp"),
    XDG_RUNTIME_DIR: join(home, "run"),
    DOCKER_CONFIG: join(home, ".docker"),
    REGISTRY_AUTH_FILE: join(home, "auth.json"),
    CONTAINERS_STORAGE_CONF: join(home, "storage.conf"),
    CONTAINERS_CONF: join(home, "containers.conf"),
    STORAGE_DRIVER: "vfs",
    BUILDAH_ISOLATION: "chroot",
    // For root, which registry has which blob is remembered in /var/lib for all of them: a later test would ask to mount
    // blobs of repositories that an earlier one pushed to. Another user's memory is in the home.
    _CONTAINERS_ROOTLESS_UID: "1000",
  };
}
