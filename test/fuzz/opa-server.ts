import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';

/** The version of OPA that Edict answers like. */
export const OPA_MODULE = 'github.com/open-policy-agent/opa@v1.22.0';

/** What OPA says of a module: nothing, or the codes of its errors. */
export interface OpaVerdict {
  readonly codes: readonly string[];
  /** There were so many errors that OPA left off. */
  readonly limited: boolean;
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

interface OpaError {
  readonly code: string;
  readonly message: string;
}

/** Milliseconds that OPA may take for an answer. */
const ANSWER_MS = 60_000;

/** What OPA says in place of the errors that it does not list. */
const ERROR_LIMIT = 'error limit reached';

/** OPA gave no answer: it panicked, or ended. */
export class OpaBrokeOff extends Error {
  override readonly name = 'OpaBrokeOff';
}

/** An OPA server on loopback. */
export class OpaServer {
  #child: ChildProcess;
  readonly #base: string;
  readonly #launch: () => ChildProcess;
  readonly #data = new Map<string, string>();

  private constructor(launch: () => ChildProcess, base: string) {
    this.#launch = launch;
    this.#child = launch();
    this.#base = base;
  }

  /** Starts a server, and waits until it answers. */
  static async start(binary: string): Promise<OpaServer> {
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${String(port)}`;
    const launch = (): ChildProcess =>
      spawn(binary, ['run', '--server', '--addr', address, '--log-level', 'error', '--skip-version-check'], {
        // Its standard error is its log; what it says of itself comes as answers.
        stdio: ['ignore', 'ignore', 'ignore'],
      });
    const server = new OpaServer(launch, `http://${address}`);
    await server.#ready();
    return server;
  }

  async #ready(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        if ((await fetch(`${this.#base}/health`)).ok) return;
      } catch (error) {
        if (attempt > 1_200) throw error;
      }
      if (this.#child.exitCode !== null) throw new Error(`OPA ended with ${String(this.#child.exitCode)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /**
   * To be called where OPA broke off: starts the server again if it has ended, which it does where its stack overflows, but
   * not where it panics. It holds the base documents then, and maybe no module.
   */
  async recover(): Promise<void> {
    // A connection breaks before the process is known to have ended.
    const hasEnded = (): boolean => this.#child.exitCode !== null || this.#child.signalCode !== null;
    for (let attempt = 0; attempt < 40 && !hasEnded(); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (!hasEnded()) return;
    this.#child = this.#launch();
    await this.#ready();
    for (const [path, json] of this.#data) await this.putData(path, json);
  }

  /** Where it listens: `http://127.0.0.1:…`. */
  get url(): string {
    return this.#base;
  }

  async #fetch(path: string, request: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.#base}/v1/${path}`, request);
    } catch (cause) {
      if (cause instanceof TypeError) throw new OpaBrokeOff('OPA broke off', { cause });
      throw cause;
    }
  }

  /** Loads the only module. Like all that asks the server, this throws an {@link OpaBrokeOff} where no answer comes. */
  async putModule(source: string): Promise<OpaVerdict> {
    const response = await this.#fetch('policies/fuzz', { method: 'PUT', body: source });
    const reply = (await response.json()) as { readonly errors?: readonly OpaError[] };
    if (response.ok) return { codes: [], limited: false };
    const errors = reply.errors ?? [{ code: 'unknown', message: '' }];
    const named = errors.filter(({ message }) => message !== ERROR_LIMIT);
    return { codes: named.map(({ code }) => code), limited: named.length < errors.length };
  }

  /** Loads base documents at a path. */
  async putData(path: string, json: string): Promise<void> {
    const response = await this.#fetch(`data/${path}`, { method: 'PUT', body: json });
    if (!response.ok) throw new Error(`OPA does not take the data: ${await response.text()}`);
    this.#data.set(path, json);
    await response.text();
  }

  /** Evaluates the document at a path. */
  async evaluate(path: string, inputJson: string, strict: boolean): Promise<OpaAnswer> {
    const response = await this.#fetch(`data/${path}?strict-builtin-errors=${String(strict)}`, {
      method: 'POST',
      body: `{"input":${inputJson}}`,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();
    if (response.ok) return { result: text };
    const reply = JSON.parse(text) as { readonly code: string; readonly errors?: readonly { readonly code: string }[] };
    return { code: reply.errors?.[0]?.code ?? reply.code };
  }

  /** Whether OPA makes an index of a comprehension while it evaluates the document at a path. */
  async makesComprehensionIndex(path: string, inputJson: string): Promise<boolean> {
    const response = await this.#fetch(`data/${path}?instrument=true`, {
      method: 'POST',
      body: `{"input":${inputJson}}`,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const { metrics = {} } = (await response.json()) as { readonly metrics?: Readonly<Record<string, unknown>> };
    return metrics['counter_eval_op_comprehension_cache_build'] !== undefined;
  }

  /** Ends the server. */
  stop(): void {
    this.#child.kill('SIGTERM');
  }
}
