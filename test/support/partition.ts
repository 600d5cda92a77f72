import { runCommand } from '../../scripts/run-command.ts';

/** Puts back what {@link isolate} took away; once. */
export type Heal = () => Promise<void>;

/** The chain that holds the rules, in the pod's own network namespace: nobody else's rules are touched. */
const CHAIN = 'EDICT-PARTITION';

/**
 * Cuts a process' network namespace off: from now on packets pass only between it and `reachable`, an address of this machine,
 * and inside it. Nothing is refused, so that whoever is connected learns of it by silence alone. Needs root.
 */
export async function isolate(pid: number, reachable: string): Promise<Heal> {
  const rule = async (...args: readonly string[]): Promise<void> => {
    await runCommand('nsenter', ['--target', String(pid), '--net', '--', 'iptables', '-w', ...args]);
  };
  await rule('-N', CHAIN);
  await rule('-A', CHAIN, '-i', 'lo', '-j', 'RETURN');
  await rule('-A', CHAIN, '-o', 'lo', '-j', 'RETURN');
  await rule('-A', CHAIN, '-s', reachable, '-j', 'RETURN');
  await rule('-A', CHAIN, '-d', reachable, '-j', 'RETURN');
  await rule('-A', CHAIN, '-j', 'DROP');
  await rule('-I', 'INPUT', '-j', CHAIN);
  await rule('-I', 'OUTPUT', '-j', CHAIN);
  return async () => {
    await rule('-D', 'OUTPUT', '-j', CHAIN);
    await rule('-D', 'INPUT', '-j', CHAIN);
    await rule('-F', CHAIN);
    await rule('-X', CHAIN);
  };
}
