// npm start: installs what is missing, then runs the demonstration under the pinned Node.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { install, pinnedEnvironment, root } from './bootstrap.mjs';

install();
const child = spawn('node', [join(root, 'scripts', 'demo.ts'), ...process.argv.slice(2)], {
  cwd: root,
  env: pinnedEnvironment(),
  stdio: 'inherit',
});
// The child stops itself on the signals of the terminal; its exit code is ours.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
