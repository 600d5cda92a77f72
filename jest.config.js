const packages = ['crds', 'pdp/rego', 'pdp/bundle', 'pdp/protocol', 'pdp/engine', 'pdp/server', 'operator', 'cli'];

/** Strips types only; `npm run check` is what type-checks. */
const transform = {
  '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
};

/** One jest project per workspace package; run as `npm run jest -- --selectProjects rego`. */
export default {
  // Tests wait for conditions: how long that may take is no assertion, and machines differ.
  testTimeout: 300_000,
  // Modules of finished test files are freed late: a worker that holds much is renewed before its next file.
  workerIdleMemoryLimit: '2GB',
  projects: [
    ...packages.map((dir) => ({
      displayName: dir.replace('pdp/', ''),
      rootDir: dir,
      testMatch: ['<rootDir>/src/**/*.test.ts', '<rootDir>/console/**/*.test.ts'],
      extensionsToTreatAsEsm: ['.ts'],
      transform,
    })),
    {
      displayName: 'tooling',
      rootDir: '.',
      testMatch: [
        '<rootDir>/test/support/**/*.test.ts',
        '<rootDir>/test/chart/**/*.test.ts',
        '<rootDir>/scripts/**/*.test.ts',
        '<rootDir>/docs/**/*.test.ts',
      ],
      extensionsToTreatAsEsm: ['.ts'],
      transform,
    },
  ],
};
