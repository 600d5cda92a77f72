import { compileSelector } from '@edict/bundle';
import { instantiate } from '@edict/rego';
import { programUsesNetwork } from '@edict/rego/network';
import { loadAnnotations } from './annotations.ts';
import { loadDocuments } from './load-documents.ts';
import { BoundedCache } from './bounded-cache.ts';
import { defaultDecisionLimits } from './limits.ts';
import { mergeSources } from './realise.ts';
import type { EntityAnnotations } from './annotations.ts';
import type {
  CompiledDomain,
  CompiledEntity,
  CompiledProgram,
  CompiledResource,
  CompiledSnapshot,
} from './compiled-snapshot.ts';
import type { Serving } from '@edict/bundle';
import type { LoadedPolicy, LoadedProgram } from './evaluation.ts';
import type { LoadedDocuments } from './load-documents.ts';
import type { PlainObject } from './plain-object.ts';

/** A role, scope or resource group. Without a policy it contributes nothing and every use is an error. */
export interface LoadedEntity {
  readonly policy: LoadedPolicy | undefined;
  readonly annotations: EntityAnnotations | undefined;
}

/** A group: roles and annotations, no policy. */
export interface LoadedGroup {
  readonly roles: readonly { readonly id: string; readonly role: LoadedEntity | undefined }[];
  readonly annotations: EntityAnnotations | undefined;
}

/** The policy of a matched operation, or why it has none. */
export type OperationMatch =
  | { readonly policy: LoadedPolicy; readonly problem?: undefined }
  | { readonly policy: undefined; readonly problem: string };

/** What an MRN resolves to. */
export interface ResourceMatch {
  /** The group's id as written; may be `''` or the id of nothing. */
  readonly groupId: string;
  readonly group: LoadedEntity | undefined;
  /**
   * The resource's annotations over its group's, undefined when there are none.
   * @throws UnencodableAnnotationError, MergeLimitError
   */
  readonly annotations: () => PlainObject | undefined;
}

/** A mapper of one domain. */
export interface LoadedMapper {
  readonly domain: string;
  readonly name: string;
  readonly program: LoadedProgram;
}

/**
 * One revision ready to decide with. Immutable: replacing a snapshot is replacing one reference, and a decision that
 * started on it ends on it. Bound to the thread that loaded it.
 */
export interface Snapshot {
  readonly compiled: CompiledSnapshot;
  /** How the set is served besides PORC decisions; empty where it does not say. */
  readonly serving: Serving;
  /** The Rego documents of the set; undefined where it serves none. */
  readonly documents: LoadedDocuments | undefined;
  /** Programs by key, for loading the next revision without what did not change. */
  readonly programs: ReadonlyMap<string, LoadedProgram>;
  readonly roles: ReadonlyMap<string, LoadedEntity>;
  readonly groups: ReadonlyMap<string, LoadedGroup>;
  readonly scopes: ReadonlyMap<string, LoadedEntity>;
  readonly resourceGroups: ReadonlyMap<string, LoadedEntity>;
  readonly mappers: readonly LoadedMapper[];
  /** Whether a policy can ask the network: decisions then may have to wait. */
  readonly usesNetwork: boolean;
  /** Undefined when no domain or more than one has a matching operation. */
  readonly operationFor: (operation: string) => OperationMatch | undefined;
  /** Undefined when no resource entry matches and there is no default group. */
  readonly resourceFor: (mrn: string) => ResourceMatch | undefined;
}

/** How many operations, and how many MRNs, a snapshot remembers the matching entry of (times two, see BoundedCache). */
export const matchCacheSize = 4_096;

/** Longest operation or MRN that is remembered, in UTF-16 units. */
export const matchCacheKeyLength = 512;

/**
 * Makes a compiled snapshot ready to decide with. Programs that `previous` already has are taken over with all that the
 * runtime learnt about them. Throws only if `compiled` did not come from `compileSnapshot`.
 */
export function loadSnapshot(compiled: CompiledSnapshot, previous?: Snapshot): Snapshot {
  const programs = compiled.programs.map((entry) => previous?.programs.get(entry.key) ?? loadProgram(entry));
  const policies = compiled.policies.map(({ mrn, fingerprint, program }) => {
    return { identity: { mrn, fingerprint }, program: at(programs, program) };
  });
  const loadEntity = ({ policy, annotations }: CompiledEntity): LoadedEntity => {
    const loaded = policies[policy];
    return { policy: loaded, annotations: loaded === undefined ? undefined : loadAnnotations(annotations) };
  };
  const roles = compiled.roles.map(loadEntity);
  const resourceGroups = compiled.resourceGroups.map(loadEntity);
  const groups = compiled.groups.map((group): LoadedGroup => {
    const held = group.roles.map(({ id, role }) => ({ id, role: roles[role] }));
    return { roles: held, annotations: loadAnnotations(group.annotations) };
  });
  const defaultGroup = compiled.resourceGroups[compiled.defaultResourceGroup];
  const fallback =
    defaultGroup === undefined
      ? undefined
      : resourceMatch(defaultGroup.mrn, resourceGroups[compiled.defaultResourceGroup], undefined);
  return {
    compiled,
    serving: compiled.serving,
    documents: compiled.documents === undefined ? undefined : loadDocuments(compiled.documents, previous?.documents),
    programs: new Map(compiled.programs.map(({ key }, index) => [key, at(programs, index)])),
    roles: byMrn(compiled.roles, roles),
    groups: byMrn(compiled.groups, groups),
    scopes: byMrn(compiled.scopes, compiled.scopes.map(loadEntity)),
    resourceGroups: byMrn(compiled.resourceGroups, resourceGroups),
    mappers: compiled.domains.flatMap(({ name: domain, mappers }) => {
      return mappers.map(({ name, program }) => ({ domain, name, program: at(programs, program) }));
    }),
    usesNetwork: policies.some(({ program }) => program.usesNetwork),
    operationFor: operationMatcher(compiled.domains, policies),
    resourceFor: resourceMatcher(compiled.domains, resourceGroups, fallback),
  };
}

function loadProgram({ program }: CompiledProgram): LoadedProgram {
  return {
    instance: instantiate(program),
    usesClock: program.builtins.includes('time.now_ns'),
    usesNetwork: programUsesNetwork(program),
  };
}

function operationMatcher(domains: readonly CompiledDomain[], policies: readonly LoadedPolicy[]) {
  const tables = domains.map(({ operations }) => {
    return operations.map(({ selectors, policy, problem }) => {
      const loaded = policies[policy];
      const match: OperationMatch = loaded === undefined ? { policy: undefined, problem } : { policy: loaded };
      return { test: anySelector(selectors), match };
    });
  });
  const find = (operation: string): OperationMatch | undefined => {
    let found: OperationMatch | undefined;
    for (const table of tables) {
      const match = table.find(({ test }) => test(operation))?.match;
      if (match === undefined) continue;
      if (found !== undefined) return undefined; // two domains claim it
      found = match;
    }
    return found;
  };
  const cache = new BoundedCache(matchCacheSize, matchCacheKeyLength, find);
  return (operation: string) => cache.get(operation);
}

function resourceMatcher(
  domains: readonly CompiledDomain[],
  groups: readonly LoadedEntity[],
  fallback: ResourceMatch | undefined,
) {
  const table = domains.flatMap(({ resources }) => {
    return resources.map((resource) => ({
      test: anySelector(resource.selectors),
      match: resourceMatch(resource.group, groups[resource.groupIndex], resource),
    }));
  });
  const find = (mrn: string) => table.find(({ test }) => test(mrn))?.match ?? fallback;
  if (table.length === 0) return () => fallback;
  const cache = new BoundedCache(matchCacheSize, matchCacheKeyLength, find);
  return (mrn: string) => cache.get(mrn);
}

function resourceMatch(
  groupId: string,
  group: LoadedEntity | undefined,
  resource: CompiledResource | undefined,
): ResourceMatch {
  const sources = [resource === undefined ? undefined : loadAnnotations(resource.annotations), group?.annotations];
  const present = sources.filter((source) => source !== undefined);
  if (present.length === 0) return { groupId, group, annotations: () => undefined };
  // Merged on first use: until then an annotation that cannot be expressed harms nobody.
  let merged: PlainObject | undefined;
  const annotations = () => {
    merged ??= mergeSources({}, present, { remaining: defaultDecisionLimits.maxMergeSteps });
    return merged;
  };
  return { groupId, group, annotations };
}

function anySelector(selectors: readonly string[]): (text: string) => boolean {
  const tests = selectors.map((text) => {
    const selector = compileSelector(text);
    if (!selector.ok) throw new Error(`selector '${text}' of a compiled snapshot does not compile: ${selector.error}`);
    return selector.test;
  });
  const [first] = tests;
  if (tests.length === 1 && first !== undefined) return first;
  return (text) => tests.some((test) => test(text));
}

/** Entities come in lookup order: of equal ids the first one is found. */
function byMrn<T>(compiled: readonly { readonly mrn: string }[], loaded: readonly T[]): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const [index, { mrn }] of compiled.entries()) if (!map.has(mrn)) map.set(mrn, at(loaded, index));
  return map;
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`compiled snapshot refers to position ${String(index)}, which is not there`);
  return item;
}
