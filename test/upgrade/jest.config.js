/** From the version before to this tree, on a real node, as root. Started by `npm run test:upgrade`. */
const config = {
  rootDir: import.meta.dirname,
  displayName: 'upgrade',
  testMatch: ['<rootDir>/*.test.ts'],
  globalSetup: '<rootDir>/global-setup.ts',
  globalTeardown: '<rootDir>/../e2e/global-teardown.ts',
  maxWorkers: 1,
  testTimeout: 420_000,
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
};

export { config as default };
