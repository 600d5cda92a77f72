import type { Import, RefTerm, Term } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import { BASE_KEYWORDS, V1_KEYWORDS, V2_KEYWORDS } from '../lexer.ts';
import { refParts } from './head.ts';
import type { Parser } from './state.ts';
import { parseTerm, valueName } from './term.ts';

/** A package declaration. */
export interface Package {
  readonly path: readonly string[];
  readonly location: Location;
}

/** Steps to a path behind `package` or `import`. False where the word is the start of a reference, or no path follows. */
const toPath = (p: Parser): boolean => {
  p.scanWhitespace();
  if (p.is('.') || p.is('[')) return false;
  if (p.is('whitespace')) p.scan();
  if (p.is('identifier')) return true;
  if (p.isRefKeyword()) {
    p.kind = 'identifier';
    return true;
  }
  p.illegal();
  return false;
};

/** `package a.b["c"]`. Undefined, and nothing reported, where the text is something else. */
export const parsePackage = (p: Parser): Package | undefined => {
  const location = p.here();
  if (!toPath(p)) return undefined;
  const term = parseTerm(p);
  if (term === undefined) {
    if (p.diagnostics.length === 0) p.error(p.here(), 'expected path');
    return undefined;
  }
  if (term.kind !== 'var' && term.kind !== 'ref') {
    p.illegal();
    return undefined;
  }
  const [head, ...rest] = refParts(term);
  if (head?.kind !== 'var') {
    if (head !== undefined) p.error(head.location, `unexpected ${valueName(head)} token: expecting var`);
    return undefined;
  }
  const path = [head.name];
  for (const part of rest) {
    if (part.kind !== 'string') {
      p.error(part.location, `unexpected ${valueName(part)} token: expecting string`);
      return undefined;
    }
    path.push(part.value);
  }
  return { path, location: p.since(location) };
};

/** `import data.a.b as c`. Undefined, and nothing reported, where the text is something else. */
export const parseImport = (p: Parser): Import | undefined => {
  const location = p.here();
  if (!toPath(p)) return undefined;
  const path = parseImportPath(p);
  if (path === undefined) return undefined;
  const root = path.head.kind === 'var' ? path.head.name : '';
  if (!['data', 'input', 'future', 'rego'].includes(root)) {
    p.hint('if this is unexpected, try updating OPA');
    p.error(path.location, `unexpected import path, must begin with one of: {data, future, input, rego}, got: ${root}`);
    return undefined;
  }
  if (!p.is('as')) {
    rejectKeywordPath(p, path, root);
    return { path, alias: undefined, location: p.since(location) };
  }
  p.scan();
  if (!p.is('identifier')) {
    p.illegal('expected var');
    return undefined;
  }
  const alias = parseTerm(p);
  if (alias?.kind === 'var') return { path, alias: alias.name, location: p.since(location) };
  if (alias?.kind === 'ref' && alias.path.length === 0 && alias.head.kind === 'var') {
    p.error(alias.location, `unexpected import alias, must not be a reserved name, got: ${alias.head.name}`);
    return undefined;
  }
  p.illegal('expected var');
  return undefined;
};

const parseImportPath = (p: Parser): RefTerm | undefined => {
  // `import future.keywords.in` must be readable when `in` is a keyword already.
  p.lexer.onlyBaseKeywords = true;
  const term = p.withOwnCache(() => parseTerm(p));
  p.lexer.onlyBaseKeywords = false;
  let path: RefTerm | undefined;
  if (term?.kind === 'var') path = { kind: 'ref', head: term, path: [], location: term.location };
  if (term?.kind === 'ref') path = term;
  if (path === undefined) {
    p.error(p.here(), 'expected path');
    return undefined;
  }
  for (const part of path.path) {
    if (part.kind === 'string') continue;
    p.error(part.location, `unexpected ${valueName(part)} token: expecting string`);
    return undefined;
  }
  return path;
};

/** Without an alias the last part is the name that the module uses, and cannot be a keyword. */
const rejectKeywordPath = (p: Parser, path: RefTerm, root: string): void => {
  if (root === 'future' && path.path.length > 0) return;
  const last: Term = path.path.at(-1) ?? path.head;
  const name = last.kind === 'string' ? last.value : last.kind === 'var' ? last.name : '';
  if (!BASE_KEYWORDS.has(name) && !(p.version === 'v1' && V1_KEYWORDS.has(name))) return;
  p.hint('import a different path or use an alias');
  p.error(last.location, `unexpected import path, must not end with a keyword, got: ${name}`);
};

/** Switches on what `import future.…` and `import rego.…` ask for. */
export const applyLanguageImport = (p: Parser, { path, alias, location }: Import): void => {
  if (path.head.kind !== 'var' || (path.head.name !== 'future' && path.head.name !== 'rego')) return;
  const parts = path.path.map((part) => (part.kind === 'string' ? part.value : ''));
  if (path.head.name === 'rego') importLanguage(p, path, parts, alias, location);
  else importKeywords(p, path, parts, alias, location);
  // The token behind the import was read before.
  if (!p.is('identifier') || (!V1_KEYWORDS.has(p.text) && !V2_KEYWORDS.has(p.text))) return;
  p.kind = p.lexer.keyword(p.text) ?? p.kind;
};

const importLanguage = (
  p: Parser,
  path: RefTerm,
  parts: readonly string[],
  alias: string | undefined,
  location: Location,
): void => {
  const [version] = parts;
  if (parts.length !== 1 || (version !== 'v1' && version !== 'v2')) {
    const written = ['rego', ...parts].join('.');
    p.error(path.location, `invalid import \`${written}\`, must be one of: \`rego.v1\`, \`rego.v2\``);
    return;
  }
  if (alias !== undefined) {
    p.error(location, '`rego` imports cannot be aliased');
    return;
  }
  for (const [word, kind] of V1_KEYWORDS) p.lexer.addKeyword(word, kind);
  if (version === 'v1') return;
  for (const [word, kind] of V2_KEYWORDS) p.lexer.addKeyword(word, kind);
  p.notBodies = true;
};

const FUTURE_KEYWORDS = new Map([...V1_KEYWORDS, ...V2_KEYWORDS]);

const importKeywords = (
  p: Parser,
  path: RefTerm,
  parts: readonly string[],
  alias: string | undefined,
  location: Location,
): void => {
  const [section, word] = parts;
  if (section !== 'keywords') {
    p.error(path.location, 'invalid import, must be `future.keywords`');
    return;
  }
  if (alias !== undefined) {
    p.error(location, '`future` imports cannot be aliased');
    return;
  }
  const one = parts.length === 2 ? word : undefined;
  if (one !== undefined && !FUTURE_KEYWORDS.has(one)) {
    const known = [...FUTURE_KEYWORDS.keys()].sort().join(' ');
    p.error(path.location, `unexpected keyword, must be one of [${known}]`);
    return;
  }
  for (const [name, kind] of FUTURE_KEYWORDS) {
    if (one !== undefined && name !== one) continue;
    if (name === 'not') p.notBodies = true;
    p.lexer.addKeyword(name, kind);
  }
};
