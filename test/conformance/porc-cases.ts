import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the reference engine recorded for one consulted entity. */
export interface ExpectedReference {
  readonly phase: string;
  readonly id: string;
  readonly decision: string;
  readonly reasonCode: string;
  readonly policy: string | null;
  readonly fingerprint: string | null;
}

/** What the reference engine answered. Fields that are absent were not recorded, or vary. */
export interface Expectation {
  readonly decision: 'GRANT' | 'DENY' | 'UNSTABLE';
  readonly observed?: readonly string[];
  readonly references?: readonly ExpectedReference[];
  readonly systemOverride?: boolean;
  readonly grantReason?: string;
  readonly denyReason?: string;
  readonly subject?: string;
  readonly realm?: string;
  readonly operation?: string;
  readonly resource?: string;
  readonly porc?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly unstable?: readonly string[];
}

/** What kind of engine a case runs on. */
export interface Setup {
  readonly domains: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Path of an `mpe-config.yaml` below `domains/`. */
  readonly config: string | undefined;
}

/** One decision case. */
export interface DecisionCase extends Setup {
  readonly id: string;
  /** The request's own text: parsing and printing it again would change some numbers and surrogates. */
  readonly porcText: string;
  readonly expect: Expectation;
}

/** One mapper case: attributes to PORC, then to a decision. */
export interface MapperCase extends Setup {
  readonly id: string;
  readonly inputText: string;
  readonly expect: {
    readonly mapper: { readonly exit: number; readonly porc?: unknown };
    readonly envoy: Partial<Expectation> & { readonly exit: number };
  };
}

/** Every case below `cases/`, file by file, in order. */
export function* readDecisionCases(dir: string): Generator<DecisionCase> {
  const files = readdirSync(join(dir, 'cases')).filter((name) => name.endsWith('.jsonl'));
  for (const file of files.sort()) {
    for (const line of readLines(join(dir, 'cases', file))) {
      const parsed = JSON.parse(line) as Partial<Setup> & { readonly id: string; readonly expect: Expectation };
      yield { ...setupOf(parsed), id: parsed.id, porcText: rawMember(line, 'porc'), expect: parsed.expect };
    }
  }
}

/** Every case of `contract/mapper.jsonl`. */
export function* readMapperCases(dir: string): Generator<MapperCase> {
  for (const line of readLines(join(dir, 'contract', 'mapper.jsonl'))) {
    const parsed = JSON.parse(line) as Partial<Setup> & Pick<MapperCase, 'id' | 'expect'>;
    yield { ...setupOf(parsed), id: parsed.id, inputText: rawMember(line, 'input'), expect: parsed.expect };
  }
}

/**
 * The text of a member of the object that `line` is, exactly as written.
 * @throws Error if there is no such member
 */
export function rawMember(line: string, name: string): string {
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;
  let depth = 0;
  let key: string | undefined;
  let start = -1;
  for (let match = token.exec(line); match !== null; match = token.exec(line)) {
    const [found] = match;
    if (found === '{' || found === '[') depth++;
    else if (found === '}' || found === ']') depth--;
    else if (depth === 1 && found === ':' && key === name) start = token.lastIndex;
    else if (depth === 1 && found.startsWith('"') && start < 0) key = JSON.parse(found) as string;
    const ends = (depth === 1 && found === ',') || depth === 0;
    if (ends && start >= 0) return line.slice(start, match.index).trim();
  }
  throw new Error(`no member '${name}' in: ${line.slice(0, 80)}`);
}

function setupOf({ domains = [], args = [], env = {}, config }: Partial<Setup>): Setup {
  return { domains, args, env, config };
}

function readLines(path: string): readonly string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
