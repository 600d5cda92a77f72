import { finishAnnotations, mergeBelow } from './annotations.ts';
import { isEmptyObject, isPlainObject, memberOf, stringMember } from './plain-object.ts';
import type { AnnotationMap, EntityAnnotations, MergeBudget } from './annotations.ts';
import type { PlainObject } from './plain-object.ts';
import type { LoadedEntity, LoadedGroup, Snapshot } from './snapshot.ts';

/** A role that the principal has, directly or through a group. */
export interface HeldRole {
  readonly id: string;
  /** Undefined when nothing has the id. */
  readonly role: LoadedEntity | undefined;
}

/** Who asks, with every id looked up. */
export interface Identity {
  readonly roles: readonly HeldRole[];
  /** Groups that nothing has the id of, in the request's order. */
  readonly unknownGroups: readonly string[];
  /** As in the request: not de-duplicated. */
  readonly scopes: readonly string[];
  /** What policies see as `input.principal`; undefined leaves the request's value as it is. */
  readonly principal: PlainObject | undefined;
}

/** What is asked about, resolved. */
export interface Resource {
  /** What policies see as `input.resource`. */
  readonly value: PlainObject;
  /** The MRN, or the descriptor's id. */
  readonly id: string;
  /** The id that the resource phase looks up; `''` when there is none. */
  readonly groupId: string;
  readonly group: LoadedEntity | undefined;
  /** False for an MRN that matches nothing while there is no default group. */
  readonly resolved: boolean;
}

/**
 * Looks up the principal's scopes, groups and roles and merges their annotations below the request's own: first scope
 * over later ones over groups over roles. Only a principal that is a non-empty object has any.
 * @throws MergeLimitError, UnencodableAnnotationError
 */
export function realiseIdentity(snapshot: Snapshot, principal: unknown, budget: MergeBudget): Identity {
  if (!isPlainObject(principal) || isEmptyObject(principal)) return nobody;
  const scopes = stringsOf(memberOf(principal, 'scopes'));
  const groupIds = stringsOf(memberOf(principal, 'mgroups'));
  const unknownGroups: string[] = [];
  const groups: LoadedGroup[] = [];
  for (const id of groupIds) {
    const group = snapshot.groups.get(id);
    if (group === undefined) unknownGroups.push(id);
    else groups.push(group);
  }
  const roles = heldRoles(snapshot, stringsOf(memberOf(principal, 'mroles')), groups);
  const sources: EntityAnnotations[] = [];
  for (const id of scopes) addSource(sources, snapshot.scopes.get(id)?.annotations);
  for (const group of groups) addSource(sources, group.annotations);
  for (const { role } of roles) addSource(sources, role?.annotations);
  const own = memberOf(principal, 'mannotations');
  const mannotations = mergeSources(isPlainObject(own) ? own : {}, sources, budget);
  return { roles, unknownGroups, scopes, principal: { ...principal, mannotations } };
}

/** Resolves an MRN by the snapshot's selectors; anything else is a descriptor, of which known fields are taken. */
export function realiseResource(snapshot: Snapshot, resource: unknown): Resource {
  if (typeof resource !== 'string') return describedResource(snapshot, isPlainObject(resource) ? resource : {});
  const match = snapshot.resourceFor(resource);
  const value: Record<string, unknown> = {};
  if (resource !== '') value['id'] = resource;
  if (match === undefined) return { value, id: resource, groupId: '', group: undefined, resolved: false };
  if (match.groupId !== '') value['group'] = match.groupId;
  const annotations = match.annotations();
  if (annotations !== undefined) value['annotations'] = annotations;
  return { value, id: resource, groupId: match.groupId, group: match.group, resolved: true };
}

/** Merges entities' annotations, highest first, below `own`; gives back `own` itself where there are none. */
export function mergeSources(
  own: PlainObject,
  sources: readonly EntityAnnotations[],
  budget: MergeBudget,
): PlainObject {
  if (sources.length === 0) return own;
  const merged: AnnotationMap = new Map();
  for (const name of Object.keys(own)) merged.set(name, { value: own[name], merge: '' });
  let hasNative = false;
  let hasUnencodable = false;
  for (const source of sources) {
    mergeBelow(merged, source.entries, budget);
    hasNative ||= source.hasNative;
    hasUnencodable ||= source.hasUnencodable;
  }
  return finishAnnotations(merged, { hasNative, hasUnencodable });
}

const nobody: Identity = { roles: [], unknownGroups: [], scopes: [], principal: undefined };

function describedResource(snapshot: Snapshot, descriptor: PlainObject): Resource {
  const value: Record<string, unknown> = {};
  for (const field of descriptorFields) {
    const text = stringMember(descriptor, field);
    if (text !== '') value[field] = text;
  }
  const annotations = memberOf(descriptor, 'annotations');
  if (isPlainObject(annotations) && !isEmptyObject(annotations)) value['annotations'] = annotations;
  const groupId = stringMember(descriptor, 'group');
  const group = snapshot.resourceGroups.get(groupId);
  return { value, id: stringMember(descriptor, 'id'), groupId, group, resolved: true };
}

const descriptorFields = ['id', 'owner', 'group', 'classification'] as const;

/** The request's roles in order, then those of the groups in order; each id once. */
function heldRoles(
  snapshot: Snapshot,
  roleIds: readonly string[],
  groups: readonly LoadedGroup[],
): readonly HeldRole[] {
  const roles: HeldRole[] = [];
  const seen = new Set<string>();
  for (const id of roleIds) {
    if (seen.has(id)) continue;
    seen.add(id);
    roles.push({ id, role: snapshot.roles.get(id) });
  }
  for (const group of groups) {
    for (const held of group.roles) {
      if (seen.has(held.id)) continue;
      seen.add(held.id);
      roles.push(held);
    }
  }
  return roles;
}

function addSource(sources: EntityAnnotations[], annotations: EntityAnnotations | undefined): void {
  if (annotations !== undefined) sources.push(annotations);
}

const noStrings: readonly string[] = [];

function stringsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return noStrings;
  return value.every((element) => typeof element === 'string')
    ? value
    : value.filter((element): element is string => typeof element === 'string');
}
