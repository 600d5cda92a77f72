// Adds to package-lock.json the optional platform packages that npm left out because the registry in use does not carry
// them; without them `npm ci` refuses the lockfile. They are taken from what their dependents declare, are never fetched on
// another platform, and get their integrity hash when the lockfile is next written where they can be had.
// Run after every change of dependencies: node scripts/complete-lockfile.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));

const SYSTEMS = ['darwin', 'win32', 'freebsd', 'android', 'openharmony', 'linux', 'aix', 'sunos', 'netbsd', 'openbsd'];
const ARCHITECTURES = [
  'x64',
  'arm64',
  'ia32',
  'ppc64',
  'riscv64',
  's390x',
  'loong64',
  'mips64el',
  'wasm32',
  'aarch64',
  'armv7',
  'arm',
];

/** The os, cpu and libc of a platform package, as its name tells them. */
function platformOf(name) {
  const words = name.split(/[/-]/);
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = ARCHITECTURES.find((architecture) => words.some((word) => word === architecture));
  if (os === undefined) return undefined;
  const node = { aarch64: 'arm64', armv7: 'arm' }[cpu] ?? cpu;
  const libc = words.some((word) => word.startsWith('musl'))
    ? ['musl']
    : words.some((word) => word.startsWith('gnu'))
      ? ['glibc']
      : undefined;
  return { os: [os], ...(node === undefined ? {} : { cpu: [node] }), ...(libc === undefined ? {} : { libc }) };
}

let added = 0;
for (const entry of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    const platform = platformOf(name);
    if (lock.packages[place] !== undefined || platform === undefined || !/^\d+\.\d+\.\d+/.test(version)) continue;
    lock.packages[place] = { version, ...platform, ...(entry.dev ? { dev: true } : {}), optional: true };
    added += 1;
  }
}
const root = lock.packages[''];
const sorted = Object.fromEntries(
  Object.entries(lock.packages)
    .filter(([place]) => place !== '')
    .sort(([a], [b]) => a.localeCompare(b, 'en')),
);
lock.packages = { '': root, ...sorted };
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} platform packages added`);
