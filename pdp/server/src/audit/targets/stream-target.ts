import { asLines } from '../as-lines.ts';
import type { WriteBytes } from '../line-writer.ts';
import { DELIVERED, type Target } from './target.ts';

/** Lines to a descriptor such as standard output. A reader that stalls just keeps a delivery from ending. */
export function streamTarget(write: WriteBytes): Target {
  let failed = false;
  return {
    deliver: async (texts) => {
      // A write that failed may have got half a line out: a line feed keeps that from spoiling the first whole one.
      const bytes = asLines(failed ? ['', ...texts] : texts);
      return await new Promise((resolve, reject) => {
        write(bytes, (error) => {
          failed = error !== null;
          if (error === null) resolve(DELIVERED);
          else reject(error);
        });
      });
    },
    reopen: () => undefined,
    close: () => Promise.resolve(),
  };
}
