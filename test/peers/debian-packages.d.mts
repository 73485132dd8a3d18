interface DebianPackage {
  readonly command: string;
  readonly package: string;
}

export const browserPackages: readonly DebianPackage[];

export function ensureDebianPackages(options?: {
  readonly say?: (line: string) => void;
  readonly packages?: readonly DebianPackage[];
}): boolean;
