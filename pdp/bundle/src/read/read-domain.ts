import { Decoder } from './decoder.ts';
import { decodeDomain } from './decode-domain.ts';
import { nodeOfObject, ObjectError } from './object-node.ts';
import { objectLabel } from '../object-label.ts';
import { parseYaml } from './parse-yaml.ts';
import { decodeText } from './text.ts';
import { selectorProblems } from '../check/selectors.ts';
import { apiVersions } from '../sourced-domain.ts';
import type { Problem, ProblemClass } from '../problem.ts';
import type { ApiVersion } from '../sourced-domain.ts';
import type { ReadResult } from './result.ts';
import type { YamlNode } from './yaml-node.ts';

/** What {@link readDomain} lets through besides valid domains. */
export interface ReadOptions {
  /** Also read `kind: PolicyDomainReference`, as if its text had been put in already. Default false. */
  readonly references?: boolean;
}

/**
 * Reads one PolicyDomain from a file's content, in any of {@link apiVersions}. Only the first document counts; keys
 * that are not known are ignored. All problems of the first kind that occurs are reported: syntax, then kind and
 * version, then types, then selectors. References and Rego are not looked at: see `checkDomains`.
 */
export function readDomain(text: string | Uint8Array, file: string, options: ReadOptions = {}): ReadResult {
  const parsed = parseDocument(text, file);
  if (!parsed.ok) return { ok: false, problems: [parsed.problem] };
  return readTree(parsed.root, file, parsed.lines, options);
}

/**
 * Reads one PolicyDomain from a parsed Kubernetes object. The same rules as for files hold; whole numbers are integers
 * and so exact. Problems carry no line.
 */
export function domainFromObject(object: unknown): ReadResult {
  const file = objectLabel(object);
  let root: YamlNode;
  try {
    root = nodeOfObject(object);
  } catch (error) {
    if (!(error instanceof ObjectError)) throw error;
    return { ok: false, problems: [problem('registry', 'yaml-type', file, error.message)] };
  }
  return readTree(root, file, [], {});
}

/** The tree of a file's first document with the lines that it stands in, or the one problem that there is. */
export type ParsedDocument =
  | { readonly ok: true; readonly root: YamlNode | null; readonly text: string; readonly lines: readonly string[] }
  | { readonly ok: false; readonly problem: Problem };

/** Largest file that is read. What is applied to a cluster is far smaller: it has to fit one object. */
export const DOMAIN_MAX_BYTES = 16_777_216;

/** Decodes and parses a file's content, without judging what it says. */
export function parseDocument(input: string | Uint8Array, file: string): ParsedDocument {
  if (input.length > DOMAIN_MAX_BYTES) {
    const message = `the file is larger than ${String(DOMAIN_MAX_BYTES)} bytes`;
    return { ok: false, problem: problem('yaml', 'yaml', file, message) };
  }
  const decoded = decodeText(input);
  if (!decoded.ok) return { ok: false, problem: problem('yaml', 'yaml', file, decoded.message) };
  const parsed = parseYaml(decoded.text);
  if (!parsed.ok)
    return { ok: false, problem: { ...problem('yaml', 'yaml', file, parsed.message), ...parsed.position } };
  return { ok: true, root: parsed.root, text: decoded.text, lines: decoded.text.split(/\r\n|\n/) };
}

/** What a document says that it is. Absent fields are empty. */
export interface Preamble {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Reads kind and version, which are judged before anything else is decoded. */
export function readPreamble(
  root: YamlNode | null,
  file: string,
): Preamble | { readonly problems: readonly Problem[] } {
  let apiVersion = '';
  let kind = '';
  const decoder = new Decoder();
  const done = decoder.run(() => {
    if (root === null) return true;
    decoder.struct(root, {
      apiVersion: (node) => {
        apiVersion = decoder.string(node) ?? '';
      },
      kind: (node) => {
        kind = decoder.string(node) ?? '';
      },
    });
    return true;
  });
  return done === undefined ? { problems: typeProblems(decoder, file) } : { apiVersion, kind };
}

function readTree(root: YamlNode | null, file: string, lines: readonly string[], options: ReadOptions): ReadResult {
  const preamble = readPreamble(root, file);
  if ('problems' in preamble) return { ok: false, problems: preamble.problems };
  const { kind, apiVersion } = preamble;
  const reference = kind === 'PolicyDomainReference';
  if (root === null || kind === '') return refuse('kind', file, 'kind is empty; PolicyDomain is needed');
  if (kind !== 'PolicyDomain' && !(reference && options.references === true)) {
    return refuse('kind', file, `kind is ${kind}; PolicyDomain is needed`);
  }
  if (!isApiVersion(apiVersion)) {
    return refuse('api-version', file, `apiVersion '${apiVersion}' is not one of ${apiVersions.join(', ')}`);
  }
  const decoder = new Decoder();
  const decoded = decoder.run(() => decodeDomain(decoder, root, apiVersion, lines));
  if (decoded === undefined) return { ok: false, problems: typeProblems(decoder, file) };
  const sourced = { file, ...decoded };
  const problems = selectorProblems(sourced, 'registry');
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, apiVersion, reference, ...sourced };
}

function isApiVersion(text: string): text is ApiVersion {
  return (apiVersions as readonly string[]).includes(text);
}

function refuse(problemClass: ProblemClass, file: string, message: string): ReadResult {
  return { ok: false, problems: [problem('registry', problemClass, file, message)] };
}

function typeProblems(decoder: Decoder, file: string): readonly Problem[] {
  return decoder.problems.map(({ message, position, fatal }) => {
    return { ...problem('registry', fatal ? 'yaml' : 'yaml-type', file, message), ...position };
  });
}

function problem(source: Problem['source'], problemClass: ProblemClass, file: string, message: string): Problem {
  return { source, severity: 'error', class: problemClass, file, message };
}
