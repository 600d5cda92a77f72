import { spawn } from 'node:child_process';
import path from 'node:path';

/**
 * Runs jest with a configuration and more arguments, in the root of the repository, with this terminal. Resolves to its exit
 * code; 1 if it was ended by a signal.
 */
export function runJest(config: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const root = path.resolve(import.meta.dirname, '../..');
  const jest = path.join(root, 'node_modules/jest/bin/jest.js');
  const child = spawn(process.execPath, ['--experimental-vm-modules', '--no-warnings', jest, '-c', config, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  // The child stops itself on the signals of the terminal; its exit code is ours.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
