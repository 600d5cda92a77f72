/**
 * The one model that every version of a PolicyDomain is read into, and that everything after reading works on.
 * Order is kept: it decides which operation or resource selector matches first.
 */
export interface DomainModel {
  /** `metadata.name`; references from other domains use it. May be empty when read from a file. */
  readonly name: string;
  readonly policies: readonly PolicyEntity[];
  readonly libraries: readonly PolicyEntity[];
  readonly roles: readonly RoleEntity[];
  readonly groups: readonly GroupEntity[];
  readonly resourceGroups: readonly ResourceGroupEntity[];
  readonly resources: readonly ResourceEntity[];
  readonly scopes: readonly RoleEntity[];
  readonly operations: readonly OperationEntity[];
  readonly mappers: readonly MapperEntity[];
  /**
   * Base documents: a JSON object as text, with keys in order, no spaces, and numbers as they were written. Absent where
   * there are none.
   */
  readonly data?: string;
}

/** `mrn` is `''` when the file gives none; such an entity is reachable by the empty id. */
export interface PolicyEntity {
  readonly mrn: string;
  readonly name: string;
  readonly description: string;
  readonly rego: string;
  readonly dependencies: readonly string[];
}
export interface RoleEntity {
  readonly mrn: string;
  readonly name: string;
  readonly description: string;
  readonly policy: string;
  readonly annotations: readonly AnnotationEntry[];
}
export interface GroupEntity {
  readonly mrn: string;
  readonly name: string;
  readonly description: string;
  readonly roles: readonly string[];
  readonly annotations: readonly AnnotationEntry[];
}
export interface ResourceGroupEntity extends RoleEntity {
  readonly default: boolean;
}
export interface ResourceEntity {
  readonly name: string;
  readonly description: string;
  readonly selector: readonly string[];
  readonly group: string;
  readonly annotations: readonly AnnotationEntry[];
}
export interface OperationEntity {
  readonly name: string;
  readonly selector: readonly string[];
  readonly policy: string;
}
export interface MapperEntity {
  readonly name: string;
  readonly selector: readonly string[];
  readonly rego: string;
}

export interface AnnotationEntry {
  readonly name: string;
  /** Decoded as the reference decodes it: a string that is valid JSON became that JSON value. */
  readonly value: AnnotationValue;
  /** `''` where none is given. */
  readonly merge: string;
}

/**
 * An annotation's value. Integers written natively (YAML or a Kubernetes object) are `bigint`; numbers decoded from JSON
 * text went through float64 and are `number`: the two are different elements in a `union` merge.
 */
export type AnnotationValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Unencodable
  | readonly AnnotationValue[]
  | { readonly [key: string]: AnnotationValue };

/** A native value that JSON cannot hold (`.inf`, `.nan`, a map with keys that are not strings). Deciding with it is DENY. */
export class Unencodable {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}
