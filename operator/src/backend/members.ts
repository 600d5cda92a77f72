import type { NodeId, NodeTraits } from '@edict/protocol';
import type { PolicySet } from '@edict/crds';

/** Knows which PDPs should serve a set. */
export interface MemberSource {
  /** By node id, with the name to show; undefined while nobody knows. */
  readonly membersOf: (set: PolicySet) => ReadonlyMap<NodeId, string> | undefined;
  /** What waves choose them by; asked for sets whose waves choose. Absent: what authentication says of them counts. */
  readonly traitsOf?: (set: PolicySet) => ReadonlyMap<NodeId, NodeTraits> | undefined;
  /** Calls `listener` after any answer may have changed; the answer ends that. */
  readonly onChange: (listener: () => void) => () => void;
}
