// The compiler keeps the #! line but not the mode, and npm links bin entries as they are.
import { chmod } from 'node:fs/promises';

await chmod(new URL('../dist/main.js', import.meta.url), 0o755);
