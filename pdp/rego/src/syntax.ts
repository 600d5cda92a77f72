/** What the packages of this repository use of modules' texts and trees; no part of the public API. */
export type { Module } from './ast.ts';
export { parseModule, type ParsedModule } from './parser/index.ts';
export { rewriteDataRefs } from './passes/relocate.ts';
