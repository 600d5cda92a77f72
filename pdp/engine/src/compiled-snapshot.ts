import type { Serving } from '@edict/bundle';
import type { Program } from '@edict/rego';

/**
 * Domains in compiled form: plain data that survives `structuredClone`, so that one thread compiles it and another
 * loads it. Entities refer to each other by position, `-1` meaning that there is none.
 */
export interface CompiledSnapshot {
  readonly format: 1;
  /** Each distinct program once, however many policies share it. */
  readonly programs: readonly CompiledProgram[];
  readonly policies: readonly CompiledPolicy[];
  readonly roles: readonly CompiledEntity[];
  readonly scopes: readonly CompiledEntity[];
  readonly resourceGroups: readonly CompiledEntity[];
  readonly groups: readonly CompiledGroup[];
  readonly domains: readonly CompiledDomain[];
  /** Position of the resource group for resources that no selector matches. */
  readonly defaultResourceGroup: number;
  /** How PDPs serve the set besides PORC decisions; empty where the set does not say. */
  readonly serving: Serving;
  /** Present where the set serves documents. */
  readonly documents?: CompiledDocuments;
}

/** The documents of a set: libraries and listed policies as one program, and the base documents. */
export interface CompiledDocuments {
  /** Compiled with `documents`: every package and every rule is an entry point. */
  readonly program: CompiledProgram;
  /** The base documents of all domains as canonical JSON text, numbers as they were written. */
  readonly data: string;
}

/** A program and the digest of everything that it was compiled from; equal keys mean equal programs. */
export interface CompiledProgram {
  readonly key: string;
  readonly program: Program;
}

/** A policy under its identity. */
export interface CompiledPolicy {
  readonly mrn: string;
  /** Base64 of SHA-256. */
  readonly fingerprint: string;
  readonly program: number;
}

/** A role, scope or resource group. Of several with one id only the one that lookups find is kept first. */
export interface CompiledEntity {
  readonly mrn: string;
  /** Position in `policies`; `-1` when the reference resolves to nothing, which makes every use an error. */
  readonly policy: number;
  readonly annotations: readonly CompiledAnnotation[];
}

/** A group; `roles` keep their order and their text, for records. */
export interface CompiledGroup {
  readonly mrn: string;
  readonly roles: readonly { readonly id: string; readonly role: number }[];
  readonly annotations: readonly CompiledAnnotation[];
}

/** What belongs to one domain rather than to all of them together. */
export interface CompiledDomain {
  readonly name: string;
  readonly operations: readonly CompiledOperation[];
  readonly resources: readonly CompiledResource[];
  readonly mappers: readonly CompiledMapper[];
}

/** One entry of `operations`; the first that matches counts. */
export interface CompiledOperation {
  readonly selectors: readonly string[];
  /** Position in `policies`, or `-1` with the reason in `problem`. */
  readonly policy: number;
  readonly problem: string;
}

/** One entry of `resources`; the first that matches counts. */
export interface CompiledResource {
  readonly selectors: readonly string[];
  /** The group's id as written. */
  readonly group: string;
  /** Position in `resourceGroups`, `-1` when the id finds nothing. */
  readonly groupIndex: number;
  readonly annotations: readonly CompiledAnnotation[];
}

/** A mapper's program answers `data.mapper.porc`. */
export interface CompiledMapper {
  readonly name: string;
  readonly program: number;
}

/** One annotation; names are unique within their entity. */
export interface CompiledAnnotation {
  readonly name: string;
  readonly value: MergeValue;
  /** `''` where none is given. */
  readonly merge: string;
}

/**
 * A value as merging sees it: JSON, plus `bigint` for integers written natively, plus `NaN` for a native value that
 * JSON cannot hold (`.inf`, `.nan`, a map whose keys are not strings).
 */
export type MergeValue =
  null | boolean | number | bigint | string | readonly MergeValue[] | { readonly [key: string]: MergeValue };
