import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Turns a child program and what it imports of ours into JavaScript under `outFolder`: the Node that
 * runs the tests may run no TypeScript. Returns the program's path.
 */
export function compileChild(source: string, outFolder: string): string {
  const done = new Set<string>();
  const compile = (path: string): string => {
    const target = join(outFolder, relative(root, path)).replace(/\.ts$/, '.js');
    if (done.has(path)) return target;
    done.add(path);
    const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
      fileName: path,
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
    for (const [, imported = ''] of outputText.matchAll(/from ['"](\.[^'"]+)\.js['"]/g)) {
      compile(join(dirname(path), `${imported}.ts`));
    }
    return target;
  };
  mkdirSync(outFolder, { recursive: true });
  writeFileSync(join(outFolder, 'package.json'), '{"type":"module"}');
  return compile(source);
}
