import { SitesSimulation } from './sites.ts';

/** One announcement of the set, and one of each other type. */
const QUEUE_MAX = 5;
const WRITES_PER_SECOND_MAX = 6;
/** Virtual time that one rollout may take. */
const CONVERGED_MAX_MS = 120_000;

/** Runs one rollout to a fleet behind relays and prints its figures, with a verdict each. True if all are as wanted. */
export async function printSites(sites: number, pdps: number, seed: number): Promise<boolean> {
  const began = performance.now();
  const figures = await new SitesSimulation({ seed, sites, pdps }).run(CONVERGED_MAX_MS);
  const kilobytes = (bytes: number): string => `${Math.round(bytes / 1024)} KiB`;
  const rows: readonly (readonly [name: string, value: string, isGood: boolean])[] = [
    ['PDPs that serve the new revision', `${figures.serving} of ${figures.pdps}`, figures.serving === figures.pdps],
    ['PDPs that the hub counts', `${figures.counted}`, figures.counted === figures.pdps],
    ['published until decided', `${(figures.preparedMs / 1000).toFixed(1)} s`, true],
    [
      'published until all is counted',
      `${(figures.convergedMs / 1000).toFixed(1)} s`,
      figures.convergedMs < CONVERGED_MAX_MS,
    ],
    ['longest queue to one peer', `${figures.queueMax} (at most ${QUEUE_MAX})`, figures.queueMax <= QUEUE_MAX],
    [
      'most API writes in a second',
      `${figures.writesPerSecondMax} (at most ${WRITES_PER_SECOND_MAX})`,
      figures.writesPerSecondMax <= WRITES_PER_SECOND_MAX,
    ],
    ['API writes of the rollout', `${figures.writes}`, true],
    ['sent to PDPs and relays', kilobytes(figures.bytesToPdps), true],
    ['sent to relays and the hub', kilobytes(figures.bytesToOperators), true],
    ['largest message', `${figures.largestMessage} bytes`, true],
  ];
  process.stdout.write(`${pdps} PDPs behind ${sites} relays, seed ${seed}; one relay dies, one is cut off meanwhile\n`);
  for (const [name, value, isGood] of rows) {
    process.stdout.write(`${isGood ? 'ok  ' : 'MISS'} ${name.padEnd(36)}${value}\n`);
  }
  const failed = rows.filter(([, , isGood]) => !isGood).length;
  process.stdout.write(
    `in ${((performance.now() - began) / 1000).toFixed(1)} s\n${rows.length - failed} passed, ${failed} failed\n`,
  );
  return failed === 0;
}
