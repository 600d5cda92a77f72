/** Which package may import which (ARCHITECTURE.md, "Parts"). */
const packages = {
  crds: [],
  'pdp/rego': [],
  'pdp/bundle': ['crds', 'pdp/rego'],
  'pdp/protocol': ['pdp/bundle'],
  'pdp/engine': ['pdp/bundle', 'pdp/rego'],
  'pdp/server': ['crds', 'pdp/rego', 'pdp/bundle', 'pdp/engine', 'pdp/protocol'],
  operator: ['crds', 'pdp/bundle', 'pdp/engine', 'pdp/protocol'],
  cli: ['crds', 'pdp/rego', 'pdp/bundle', 'pdp/engine', 'pdp/protocol', 'pdp/server', 'operator'],
};
const all = Object.keys(packages);

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'nobody-imports-tests',
      severity: 'error',
      from: { pathNot: '^(test/|scripts/cluster)' },
      to: { path: '^test/' },
    },
    {
      name: 'only-kube-loads-client-node',
      severity: 'error',
      from: { path: '^(operator|cli)/src', pathNot: '(/kube/|\\.test\\.ts$)' },
      to: { path: '@kubernetes/client-node', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pure-packages-do-no-io',
      severity: 'error',
      from: { path: '^(crds|pdp/rego|pdp/bundle)/src', pathNot: '(\\.test\\.ts|main\\.ts)$' },
      to: { path: '^(node:)?(fs|fs/promises|net|http|https|http2|tls|child_process|worker_threads)$' },
    },
    ...all.map((name) => ({
      name: `arrows-of-${name.replace('/', '-')}`,
      severity: 'error',
      from: { path: `^${name}/src` },
      to: {
        path: `^(${all.filter((other) => other !== name && !packages[name].includes(other)).join('|') || 'nothing'})/src`,
      },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js'],
    },
  },
};
