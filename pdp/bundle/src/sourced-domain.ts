import type { DomainModel } from './model.ts';
import type { Position } from './problem.ts';

/** The Manetu versions that are read, and ours, whose `spec` is that of Manetu's `v1beta1`. */
export const apiVersions = [
  'iamlite.manetu.io/v1alpha3',
  'iamlite.manetu.io/v1alpha4',
  'iamlite.manetu.io/v1beta1',
  'edict.dev/v1beta1',
] as const;

/** One of {@link apiVersions}. */
export type ApiVersion = (typeof apiVersions)[number];

/**
 * Where a domain's parts stand in its file. Keys are paths in the model: `policies/0` is an entity, `policies/0/rego`
 * a field, `groups/1/roles/0` an element. Absent keys mean that the part was not written there.
 */
export type Places = ReadonlyMap<string, Position>;

/** Where each row of a Rego text stands in its file: index 0 is row 1. Absent when rows cannot be told apart. */
export type RegoRows = ReadonlyMap<string, readonly Position[]>;

/** A domain together with where it came from, for messages. */
export interface SourcedDomain {
  readonly domain: DomainModel;
  /** The file as the caller named it; for Kubernetes objects `namespace/name`. */
  readonly file: string;
  readonly places: Places;
  readonly regoRows: RegoRows;
}

/** Wraps a domain that has no text, so that it can be checked. */
export function withoutPlaces(domain: DomainModel, file: string): SourcedDomain {
  return { domain, file, places: new Map(), regoRows: new Map() };
}
