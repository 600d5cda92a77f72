/** The console's page in a real Chromium, against a real operator with real PDP clients. One browser at a time. */
const config = {
  rootDir: import.meta.dirname,
  displayName: 'browser',
  testMatch: ['<rootDir>/*.test.ts'],
  globalSetup: '<rootDir>/global-setup.ts',
  maxWorkers: 1,
  testTimeout: 300_000,
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
};

export { config as default };
