import { CommandError } from '../io.ts';

/**
 * What all of `reads` give, which run at the same time. Fails only when all have ended: with every refusal, in the order of
 * `reads`, so that a user whose rights are lacking learns all that is missing at once, and the same each time.
 *
 * @throws CommandError with a line per failure that is one; the first other error as it is.
 */
export async function readAll<T extends readonly Promise<unknown>[] | []>(
  reads: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const outcomes = await Promise.allSettled(reads);
  const refusals: CommandError[] = [];
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') continue;
    if (outcome.reason instanceof CommandError) refusals.push(outcome.reason);
    else await reads[at];
  }
  if (refusals[0] !== undefined) {
    throw new CommandError(refusals.map(({ message }) => message).join('\n'), refusals[0].exitCode);
  }
  return await Promise.all(reads);
}
