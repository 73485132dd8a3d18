import { nodeFileOperations } from '../../src/spool/file-operations.ts';
import type { FileOperations } from '../../src/spool/file-operations.ts';

/** The real file system, in a process that kills itself as nothing but SIGKILL can. */
export function dyingFiles(at: {
  readonly call: string;
  /** `before` or `after`. */
  readonly moment: string;
  readonly occurrence: number;
}): FileOperations {
  let left = at.occurrence;
  const passing = (name: string, when: string): void => {
    if (name !== at.call || when !== at.moment) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const around = async <T>(name: string, action: () => Promise<T>): Promise<T> => {
    passing(name, 'before');
    const result = await action();
    passing(name, 'after');
    return result;
  };
  const real = nodeFileOperations;
  return {
    ...real,
    create: (path) => {
      passing('create', 'before');
      const fd = real.create(path);
      passing('create', 'after');
      return fd;
    },
    rename: (from, to) => {
      passing('rename', 'before');
      real.rename(from, to);
      passing('rename', 'after');
    },
    writev: (fd, chunks, position) => around('write', () => real.writev(fd, chunks, position)),
    fdatasync: (fd) => around('fdatasync', () => real.fdatasync(fd)),
    fsync: (fd) => around('fsync', () => real.fsync(fd)),
    unlink: (path) => around('unlink', () => real.unlink(path)),
  };
}
