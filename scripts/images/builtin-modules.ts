import { builtinModules } from 'node:module';
import type { Plugin } from 'esbuild';

const NAMESPACE = 'builtin';
const PREFIX = 'node:';

/** What Node makes only when it is read is made where it is needed and nowhere else: these modules import it. */
const MADE_WHEN_READ: readonly { readonly id: string; readonly name: string; readonly importer: RegExp }[] = [
  { id: 'node:crypto', name: 'webcrypto', importer: /[\\/]certificates[\\/]authority\.ts$/ },
  { id: 'node:fs', name: 'promises', importer: /[\\/]getMachineId-\w+\.mjs$/ },
  { id: 'node:net', name: 'BlockList', importer: /[\\/]network[\\/]public-address\.ts$/ },
];

/**
 * Lets bundled `import`s take Node's own modules as `require` does. By an `import` Node reads all that a module exports,
 * also what it makes only when it is read: `node:http` alone loads a client for fetch, web streams and HTTP/2 so. Such names
 * are left out, but for {@link MADE_WHEN_READ}; the build fails on any other that is imported.
 */
export const builtinModulesAsRequired: Plugin = {
  name: 'builtin-modules-as-required',
  setup: (context) => {
    context.onResolve({ filter: /^[a-z]/ }, ({ path, kind, importer }) => {
      if (kind !== 'import-statement') return undefined;
      const id = path.startsWith(PREFIX) ? path : PREFIX + path;
      if (!builtinModules.includes(id.slice(PREFIX.length))) return undefined;
      const made = MADE_WHEN_READ.filter((one) => one.id === id && one.importer.test(importer)).map(({ name }) => name);
      return { path: [id, ...made].join('+'), namespace: NAMESPACE, sideEffects: false };
    });
    context.onLoad({ filter: /^/, namespace: NAMESPACE }, ({ path }) => {
      const [id = '', ...made] = path.split('+');
      return { contents: moduleText(id, made), loader: 'js' };
    });
  },
};

function moduleText(id: string, made: readonly string[]): string {
  const exported: object = process.getBuiltinModule(id) ?? {};
  const names = Object.entries(Object.getOwnPropertyDescriptors(exported))
    .filter(([, property]) => 'value' in property)
    .map(([name]) => name)
    .filter((name) => name !== 'default' && IDENTIFIER.test(name));
  return [
    `const builtin = process.getBuiltinModule(${JSON.stringify(id)});`,
    'export default builtin;',
    `export const { ${[...names, ...made].join(', ')} } = builtin;`,
  ].join('\n');
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
