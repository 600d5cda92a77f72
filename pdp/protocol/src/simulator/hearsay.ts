import type { NodeId, RevisionId } from '../identifiers.ts';
import type { PdpMessage } from '../messages.ts';
import { SIM_SET } from './sim-store.ts';

/** The newest revision that a node said it had prepared, served at all, and began to serve to all; of one UID of the set. */
interface Word {
  readonly prepared: number;
  readonly active: number;
  readonly whole: number;
}

const NO_WORD: Word = { prepared: 0, active: 0, whole: 0 };

/**
 * What liars said of themselves. An operator cannot know better than to believe it, so its counts may hold that much more
 * than what is so: those who said it, of what they said, and nobody else.
 */
export class Hearsay {
  readonly #words = new Map<string, Map<NodeId, Word>>();

  /** A liar says something, whether it is so or not, and whether it arrives or not. */
  said(nodeId: NodeId, message: PdpMessage): void {
    switch (message.type) {
      case 'Prepared':
        this.#note(nodeId, message.set, message.revision.setUid, { prepared: message.revision.n });
        return;
      case 'Active': {
        const { set, revision, share } = message;
        const { setUid, n } = revision;
        this.#note(nodeId, set, setUid, { prepared: n, active: n, ...(share === undefined ? { whole: n } : {}) });
        return;
      }
      case 'Beat':
        for (const { set, setUid, active, staged } of message.sets) {
          this.#note(nodeId, set, setUid, { prepared: Math.max(staged, active), active });
        }
        return;
      // What a Hello tells is as it is: nobody here lies in one.
      case 'Hello':
      case 'Nack':
      case 'ShadowReport':
      case 'SiteReport':
        return;
    }
  }

  #note(nodeId: NodeId, set: string, setUid: string, said: Partial<Word>): void {
    if (set !== SIM_SET) return;
    const words = this.#words.get(setUid) ?? new Map<NodeId, Word>();
    this.#words.set(setUid, words);
    const { prepared, active, whole } = words.get(nodeId) ?? NO_WORD;
    words.set(nodeId, {
      prepared: Math.max(prepared, said.prepared ?? 0),
      active: Math.max(active, said.active ?? 0),
      whole: Math.max(whole, said.whole ?? 0),
    });
  }

  /** Who may be taken for one that has prepared the revision or a newer one, serves it, or serves it to all. */
  of({ setUid, n }: Pick<RevisionId, 'setUid' | 'n'>, what: keyof Word): readonly NodeId[] {
    return [...(this.#words.get(setUid) ?? [])].filter(([, word]) => word[what] >= n).map(([nodeId]) => nodeId);
  }
}
