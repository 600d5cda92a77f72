/** End to end: the chart and the images on a real node, as root. One file after the other, in the order of their names. */
const config = {
  rootDir: import.meta.dirname,
  displayName: 'e2e',
  testMatch: ['<rootDir>/*.test.ts'],
  globalSetup: '<rootDir>/global-setup.ts',
  globalTeardown: '<rootDir>/global-teardown.ts',
  testSequencer: '<rootDir>/../support/name-sequencer.js',
  maxWorkers: 1,
  testTimeout: 600_000,
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
};

export { config as default };
