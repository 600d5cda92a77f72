export { createLocalAccess } from './access/local-access.ts';
export { sourceOf, type ConsoleSource } from './source.ts';
export { startConsoleServer, type ConsoleServer, type ConsoleServerOptions, type PageFile } from './server.ts';
export * from './wire.ts';
