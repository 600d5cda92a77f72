import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDomain } from '@edict/bundle';
import { compileSourcedSnapshot, loadSnapshot, resolveAuditEnv } from '@edict/engine';
import { load } from 'js-yaml';
import type { SourcedDomain } from '@edict/bundle';
import type { AuditEnvEntry, Snapshot } from '@edict/engine';
import type { Setup } from './porc-cases.ts';

/** An engine as one case wants it. */
export interface CaseEngine {
  readonly snapshot: Snapshot;
  readonly includeAll: boolean;
  readonly env: Readonly<Record<string, string>>;
}

/** Makes the engines that cases run on, one for each distinct setup. */
export class CaseEngines {
  readonly #dir: string;
  readonly #engines = new Map<string, CaseEngine>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws Error if the domains do not load */
  engineFor({ domains, args, env, config }: Setup): CaseEngine {
    const key = JSON.stringify([domains, args, env, config]);
    let engine = this.#engines.get(key);
    if (engine === undefined) {
      engine = this.#make({ domains, args, env, config });
      this.#engines.set(key, engine);
    }
    return engine;
  }

  #make({ domains, args, env, config }: Setup): CaseEngine {
    const settings = new Settings(config === undefined ? '' : this.#read(config), env);
    const sourced = domains.map((name): SourcedDomain => {
      const read = readDomain(this.#read(name), name);
      if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join('; '));
      return read;
    });
    const unsafe = settings.text('opa.unsafebuiltins');
    const result = compileSourcedSnapshot(sourced, {
      // Any flags text that is not known means v0 again; only the absence of flags selects v1.
      regoVersion: args.includes('--no-opa-flags') ? 'v1' : 'v0',
      unsafeBuiltins: unsafe === undefined ? undefined : unsafe.split(','),
    });
    if (!result.ok) throw new Error(result.problems.map(({ mrn, message }) => `${mrn ?? ''}: ${message}`).join('; '));
    const audit = settings.auditEntries();
    return {
      snapshot: loadSnapshot(result.compiled),
      includeAll: settings.text('bundles.includeall') !== 'false',
      env: resolveAuditEnv(audit, { env, podLabels: '', podAnnotations: '' }).env,
    };
  }

  #read(name: string): Buffer {
    return readFileSync(join(this.#dir, 'domains', name));
  }
}

/** The reference's configuration file, and the environment variables that override it. */
class Settings {
  readonly #file: unknown;
  readonly #env: Readonly<Record<string, string>>;

  constructor(file: string | Buffer, env: Readonly<Record<string, string>>) {
    this.#file = load(file.toString() === '' ? '{}' : file.toString());
    this.#env = env;
  }

  text(key: string): string | undefined {
    const variable = this.#env[`MPE_${key.toUpperCase().replaceAll('.', '_')}`];
    const value = variable ?? this.#at(key);
    return typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined;
  }

  auditEntries(): readonly AuditEnvEntry[] {
    const entries = this.#at('audit.env');
    return Array.isArray(entries) ? (entries as AuditEnvEntry[]) : [];
  }

  #at(key: string): unknown {
    let node: unknown = this.#file;
    for (const part of key.split('.')) {
      if (typeof node !== 'object' || node === null) return undefined;
      node = (node as Record<string, unknown>)[part];
    }
    return node;
  }
}
