import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../support/free-port.ts';

/** The version of OPA that Edict answers like. */
export const OPA_MODULE = 'github.com/open-policy-agent/opa@v1.22.0';

/** What OPA says of a module: nothing, or the codes of its errors. */
export interface OpaVerdict {
  readonly codes: readonly string[];
}

/** What OPA answers: the text of the result, undefined for none, or the code of an error. */
export interface OpaAnswer {
  readonly result?: string | undefined;
  readonly code?: string;
}

/** Builds OPA from its Go module unless `binary` is given or it was built before. Throws an error that says what is missing. */
export function findOpa(binary: string | undefined): string {
  if (binary !== undefined) {
    if (!existsSync(binary)) throw new Error(`no OPA at ${binary}`);
    return binary;
  }
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'edict-opa', 'v1.22.0');
  const built = join(folder, 'opa');
  if (existsSync(built)) return built;
  if (spawnSync('go', ['version']).status !== 0) {
    throw new Error(
      `this needs a real OPA: install Go, so that it can be built from ${OPA_MODULE}, or name one with --opa`,
    );
  }
  mkdirSync(folder, { recursive: true });
  const install = spawnSync('go', ['install', OPA_MODULE], {
    env: { ...process.env, GOBIN: folder },
    encoding: 'utf8',
  });
  if (install.status !== 0) throw new Error(`go install ${OPA_MODULE} failed: ${install.stderr}`);
  return built;
}

/** An OPA server on loopback. */
export class OpaServer {
  readonly #child: ChildProcess;
  readonly #base: string;

  private constructor(child: ChildProcess, base: string) {
    this.#child = child;
    this.#base = base;
  }

  /** Starts a server, and waits until it answers. */
  static async start(binary: string): Promise<OpaServer> {
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${String(port)}`;
    const child = spawn(
      binary,
      ['run', '--server', '--addr', address, '--log-level', 'error', '--skip-version-check'],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    const server = new OpaServer(child, `http://${address}`);
    for (let attempt = 0; ; attempt++) {
      try {
        if ((await fetch(`${server.#base}/health`)).ok) return server;
      } catch (error) {
        if (attempt > 200) throw error;
      }
      if (child.exitCode !== null) throw new Error(`OPA ended with ${String(child.exitCode)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Loads the only module. */
  async putModule(source: string): Promise<OpaVerdict> {
    const response = await fetch(`${this.#base}/v1/policies/fuzz`, { method: 'PUT', body: source });
    const reply = (await response.json()) as { readonly errors?: readonly { readonly code: string }[] };
    if (response.ok) return { codes: [] };
    return { codes: (reply.errors ?? [{ code: 'unknown' }]).map(({ code }) => code) };
  }

  /** Loads base documents at a path. */
  async putData(path: string, json: string): Promise<void> {
    const response = await fetch(`${this.#base}/v1/data/${path}`, { method: 'PUT', body: json });
    if (!response.ok) throw new Error(`OPA does not take the data: ${await response.text()}`);
    await response.text();
  }

  /** Evaluates the document at a path. */
  async evaluate(path: string, inputJson: string): Promise<OpaAnswer> {
    const response = await fetch(`${this.#base}/v1/data/${path}`, { method: 'POST', body: `{"input":${inputJson}}` });
    const text = await response.text();
    if (response.ok) return { result: text };
    const reply = JSON.parse(text) as { readonly code: string; readonly errors?: readonly { readonly code: string }[] };
    return { code: reply.errors?.[0]?.code ?? reply.code };
  }

  /** Ends the server. */
  stop(): void {
    this.#child.kill('SIGTERM');
  }
}
