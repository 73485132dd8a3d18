/** The direction of DESIGN §4, checked: pure folders below, rooms apart, flows above by type only. */
const pure = '^src/(dicom|errors|translate|access)/';
const rooms = ['dimse', 'spool', 'archive', 'oauth', 'http'];
const tools = '^src/(telemetry|multipart)/';
const upperLayer = '^src/upper-layer/';

/** Each protocol package has one home, so that replacing it touches one folder. */
const homes = {
  'dcmjs-dimse': '^src/(upper-layer|translate)/',
  dcmjs: '^src/(translate|archive/embedded)/',
  undici: '^src/(archive/dicomweb|oauth)/',
  jose: '^src/oauth/',
  hono: '^src/http/',
  '@hono/node-server': '^src/http/',
  pino: '^src/telemetry/',
  'pino-pretty': '^src/telemetry/',
  'prom-client': '^src/telemetry/',
  zod: '^src/config/',
  commander: '^src/(cli/|main\\.ts)',
};

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'pure-imports-pure',
      severity: 'error',
      from: { path: pure },
      to: {
        pathNot: [
          pure,
          // A word of RFC 9110, as pure as they are.
          '^src/multipart/media-type\\.ts$',
          'node_modules/dcmjs/',
          '^(node:)?buffer$',
          '^(node:)?net$',
        ],
      },
    },
    ...rooms.map((room) => ({
      name: `${room}-stands-alone`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: {
        path: '^src/',
        pathNot: [
          pure,
          tools,
          `^src/${room}/`,
          ...(room === 'dimse' || room === 'archive' ? [upperLayer] : []),
        ],
      },
    })),
    {
      name: 'upper-layer-only-for-dimse',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(dimse|archive/dimse|upper-layer|compose)/'] },
      to: { path: upperLayer, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'tools-import-no-room',
      severity: 'error',
      from: { path: '^src/(telemetry|multipart|config|upper-layer|egress)/' },
      to: { path: `^src/(${rooms.join('|')}|flows|compose|cli)/` },
    },
    {
      name: 'flows-know-rooms-by-type',
      severity: 'error',
      from: { path: '^src/flows/' },
      to: { path: `^src/(${rooms.join('|')})/`, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-the-rim-composes',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(compose|cli|bridge\\.ts|main\\.ts)'] },
      to: { path: '^src/(compose|cli|bridge\\.ts|main\\.ts)' },
    },
    ...Object.entries(homes).map(([name, home]) => ({
      name: `${name.replace(/\W/g, '-')}-has-one-home`,
      severity: 'error',
      from: { path: '^src/', pathNot: [home] },
      to: { path: `node_modules/${name}/` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
