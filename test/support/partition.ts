import { runCommand } from '../../scripts/run-command.ts';

/** Puts back what {@link isolate} or {@link separate} took away; once. */
export type Heal = () => Promise<void>;

/** The chain that holds the rules, in the pod's own network namespace: nobody else's rules are touched. */
const CHAIN = 'EDICT-PARTITION';

/**
 * Cuts a process' network namespace off: from now on packets pass only between it and `reachable`, an address of this machine,
 * and inside it. Nothing is refused, so that whoever is connected learns of it by silence alone. Needs root.
 */
export async function isolate(pid: number, reachable: string): Promise<Heal> {
  return drop(pid, [
    ['-i', 'lo', '-j', 'RETURN'],
    ['-o', 'lo', '-j', 'RETURN'],
    ['-s', reachable, '-j', 'RETURN'],
    ['-d', reachable, '-j', 'RETURN'],
    ['-j', 'DROP'],
  ]);
}

/** Drops every packet between a process' network namespace and `addresses`, without a word to either side. Needs root. */
export async function separate(pid: number, addresses: readonly string[]): Promise<Heal> {
  return drop(
    pid,
    addresses.flatMap((address) => [
      ['-s', address, '-j', 'DROP'],
      ['-d', address, '-j', 'DROP'],
    ]),
  );
}

async function drop(pid: number, rules: readonly (readonly string[])[]): Promise<Heal> {
  const iptables = async (...args: readonly string[]): Promise<void> => {
    await runCommand('nsenter', ['--target', String(pid), '--net', '--', 'iptables', '-w', ...args]);
  };
  await iptables('-N', CHAIN);
  for (const rule of rules) await iptables('-A', CHAIN, ...rule);
  await iptables('-I', 'INPUT', '-j', CHAIN);
  await iptables('-I', 'OUTPUT', '-j', CHAIN);
  return async () => {
    await iptables('-D', 'OUTPUT', '-j', CHAIN);
    await iptables('-D', 'INPUT', '-j', CHAIN);
    await iptables('-F', CHAIN);
    await iptables('-X', CHAIN);
  };
}
