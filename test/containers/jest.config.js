/** The images in containers, on a Docker engine; as root where none runs. */
const config = {
  rootDir: import.meta.dirname,
  displayName: 'containers',
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
