import { decodeFileHeader } from '../dicom/part10.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { FileOperations } from './file-operations.ts';
import { readFully, readHead } from './spool-source.ts';

/** Holds our group 0002 many times over. */
const headBytes = 16 * 1024;

interface CompareParts {
  readonly files: FileOperations;
  readonly pool: BufferPool;
}

/** Where the data set of a Part 10 file lies, and how it is written. */
interface DataSetPlace {
  readonly fd: number;
  readonly offset: number;
  readonly bytes: number;
  readonly transferSyntaxUid: string;
}

/**
 * Whether two files hold the same data set, bit for bit. Group 0002 does not count: it says by which
 * device an object came.
 *
 * @throws what reading threw.
 */
export async function holdSameDataSet(
  onePath: string,
  otherPath: string,
  { files, pool }: CompareParts,
): Promise<boolean> {
  const open: number[] = [];
  const place = async (path: string): Promise<DataSetPlace | undefined> => {
    const fd = files.openExisting(path);
    open.push(fd);
    const header = decodeFileHeader(await readHead(fd, headBytes, files));
    if (!header) return undefined;
    const { dataSetOffset: offset, transferSyntaxUid } = header;
    return { fd, offset, bytes: files.size(fd) - offset, transferSyntaxUid };
  };
  try {
    const one = await place(onePath);
    const other = await place(otherPath);
    if (one?.bytes !== other?.bytes) return false;
    if (one?.transferSyntaxUid !== other?.transferSyntaxUid) return false;
    return one === undefined || other === undefined || (await isSame(one, other, { files, pool }));
  } finally {
    for (const fd of open) files.close(fd);
  }
}

async function isSame(
  one: DataSetPlace,
  other: DataSetPlace,
  { files, pool }: CompareParts,
): Promise<boolean> {
  const buffers = [pool.take(), pool.take()] as const;
  try {
    for (let at = 0; at < one.bytes; at += pool.bufferBytes) {
      const length = Math.min(pool.bufferBytes, one.bytes - at);
      const [left, right] = [buffers[0].subarray(0, length), buffers[1].subarray(0, length)];
      await readFully(one.fd, left, one.offset + at, files);
      await readFully(other.fd, right, other.offset + at, files);
      if (!left.equals(right)) return false;
    }
    return true;
  } finally {
    for (const buffer of buffers) pool.giveBack(buffer);
  }
}
