import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseAeTitle } from '../dicom/ae-title.ts';
import type { AeTitle } from '../dicom/ae-title.ts';
import type { CheckOptions } from './check/check.ts';
import type { ConfigOptions } from './config.ts';
import { parseDestination, parsePort } from './destination.ts';
import type { Destination } from './destination.ts';
import { exitCodes, printError } from './print-error.ts';
import { defineQueue } from './queue/define-queue.ts';
import type { QueueOrder } from './queue/queue-order.ts';
import type { CommandIo } from './terminal.ts';
import { defineToken } from './token/define-token.ts';
import type { TokenOrder } from './token/token-order.ts';

/** Options of `drawbridge echo`. */
export interface EchoOptions {
  readonly destination: Destination;
  readonly callingAeTitle: AeTitle;
}

/** Options of `drawbridge send`. */
export interface SendOptions {
  readonly destination: Destination;
  readonly callingAeTitle: AeTitle;
  /** Files and folders, at least one. */
  readonly paths: readonly string[];
  readonly associations: number;
  /** The summary as JSON on stdout. */
  readonly json: boolean;
}

/** Options of `drawbridge demo`. */
export interface DemoOptions {
  /** Ends when the study has arrived, instead of keeping the bridge up. */
  readonly once: boolean;
  /** Fetches a web viewer and serves it. */
  readonly viewer: boolean;
  readonly instances: number;
}

/**
 * What the commands do. Each answers its exit code, or nothing when all is fine; what it throws is
 * printed by the program.
 */
export interface Commands {
  serve(): Promise<number | undefined>;
  echo(options: EchoOptions): Promise<number | undefined>;
  send(options: SendOptions): Promise<number | undefined>;
  check(options: CheckOptions): Promise<number | undefined>;
  queue(order: QueueOrder): Promise<number | undefined>;
  token(order: TokenOrder): Promise<number | undefined>;
  config(options: ConfigOptions): Promise<number | undefined>;
  demo(options: DemoOptions): Promise<number | undefined>;
}

interface ProgramOptions {
  readonly io: CommandIo;
  readonly commands: Commands;
  readonly version: string;
}

/** The command line: from arguments to one call of one command. */
export interface Program {
  /**
   * @param args - without node and script.
   * @returns the exit code. Never rejects.
   */
  run(args: readonly string[]): Promise<number>;
}

export function createProgram({ io, commands, version }: ProgramOptions): Program {
  return {
    async run(args) {
      let exitCode: number | undefined;
      const run = async (result: Promise<number | undefined>): Promise<void> => {
        exitCode = await result;
      };
      const program = defineProgram(version, io);
      defineServe(program, () => run(commands.serve()));
      defineEcho(program, (options) => run(commands.echo(options)));
      defineSend(program, (options) => run(commands.send(options)));
      defineCheck(program, (options) => run(commands.check(options)));
      defineQueue(program, (order) => run(commands.queue(order)));
      defineToken(program, (order) => run(commands.token(order)));
      defineConfig(program, (options) => run(commands.config(options)));
      defineDemo(program, (options) => run(commands.demo(options)));
      try {
        await program.parseAsync(args, { from: 'user' });
        return exitCode ?? exitCodes.fine;
      } catch (error) {
        // Commander has printed the help or what is wrong by itself; only help and version are fine.
        if (error instanceof CommanderError) {
          return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
        }
        return printError(error, io.stderr);
      }
    },
  };
}

type Action<T> = (options: T) => Promise<void>;

function defineProgram(version: string, { stdout, stderr }: CommandIo): Command {
  return new Command('drawbridge')
    .description(
      'DICOM edge bridge: takes objects in by DIMSE, keeps them safe, and hands them on to a DICOMweb archive.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError('(try --help)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
    })
    .addHelpText(
      'after',
      `
Configuration comes from environment variables; "drawbridge config" lists them.

Examples:
  $ drawbridge demo --once
  $ DRAWBRIDGE_UPSTREAM_URL=https://pacs.example.org/dicom-web drawbridge serve
  $ drawbridge echo DRAWBRIDGE@localhost:11112
  $ drawbridge send DRAWBRIDGE@localhost:11112 study/ more/*.dcm`,
    );
}

function defineServe(program: Command, action: Action<void>): void {
  program
    .command('serve')
    .description('run the bridge until SIGTERM or SIGINT')
    .action(() => action());
}

function defineEcho(program: Command, action: Action<EchoOptions>): void {
  program
    .command('echo')
    .description('ask a DICOM peer whether it is there (C-ECHO)')
    .argument('[AE@host:port]', 'the peer; an IPv6 address in brackets', destinationArgument)
    .addOption(new Option('--host <host>', 'its host'))
    .addOption(new Option('--port <port>', 'its port').argParser(portArgument))
    .addOption(new Option('--called-ae <title>', 'its AE title').argParser(aeTitleArgument))
    .addOption(callingAeOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ drawbridge echo PACS@192.0.2.7:104\n  $ drawbridge echo --host 192.0.2.7 --port 104 --called-ae PACS --calling-ae CT1',
    )
    .action((positional: Destination | undefined, options: EchoFlags, command: Command) => {
      const destination = positional ?? destinationOf(options);
      const flags = [options.host, options.port, options.calledAe];
      if (
        destination === undefined ||
        (positional !== undefined && flags.some((flag) => flag !== undefined))
      ) {
        command.error('error: give either AE@host:port, or all of --host, --port and --called-ae');
      }
      return action({ destination, callingAeTitle: options.callingAe });
    });
}

interface EchoFlags {
  readonly host?: string;
  readonly port?: number;
  readonly calledAe?: AeTitle;
  readonly callingAe: AeTitle;
}

function destinationOf({ host, port, calledAe }: EchoFlags): Destination | undefined {
  if (host === undefined || port === undefined || calledAe === undefined) return undefined;
  return { calledAeTitle: calledAe, host, port };
}

function defineSend(program: Command, action: Action<SendOptions>): void {
  program
    .command('send')
    .description('send DICOM files to a peer (C-STORE)')
    .argument('<AE@host:port>', 'the peer; an IPv6 address in brackets', destinationArgument)
    .argument('<paths...>', 'files, and folders that are searched to the bottom')
    .addOption(callingAeOption())
    .option(
      '--associations <number>',
      'how many associations to open at once',
      wholeNumber(1, 64),
      1,
    )
    .option('--json', 'print the summary as JSON', false)
    .addHelpText(
      'after',
      '\nExit code 0 only when the peer took every object.\n\nExample:\n  $ drawbridge send PACS@192.0.2.7:104 --associations 4 study/',
    )
    .action((destination: Destination, paths: string[], options: SendFlags) =>
      action({
        destination,
        paths,
        callingAeTitle: options.callingAe,
        associations: options.associations,
        json: options.json,
      }),
    );
}

interface SendFlags {
  readonly callingAe: AeTitle;
  readonly associations: number;
  readonly json: boolean;
}

function defineCheck(program: Command, action: Action<CheckOptions>): void {
  program
    .command('check')
    .description('hold the configuration against the live world and say what to do')
    .option('--json', 'print the results as JSON', false)
    .option('--write', 'store a tiny test object in the archive (patient DRAWBRIDGE^CHECK)', false)
    .addHelpText(
      'after',
      '\nExit code 0 when nothing failed, 1 when something did, 78 without a valid configuration.',
    )
    .action((options: CheckOptions) => action(options));
}

function defineConfig(program: Command, action: Action<ConfigOptions>): void {
  program
    .command('config')
    .description('print the effective configuration and where each value came from, secrets masked')
    .addOption(new Option('--json', 'as JSON').default(false).conflicts('markdown'))
    .addOption(new Option('--markdown', 'the reference of all variables instead').default(false))
    .action((options: ConfigOptions) => action(options));
}

function defineDemo(program: Command, action: Action<DemoOptions>): void {
  program
    .command('demo')
    .description(
      'try it out: send a generated study through a bridge on free ports and watch it arrive',
    )
    .option('--once', 'end when it has arrived', false)
    .option('--viewer', 'fetch the OHIF viewer (50 MB, once) and show the study in it', false)
    .option('--instances <number>', 'how many slices the study has', wholeNumber(1, 10_000), 40)
    .action((options: DemoOptions) => action(options));
}

function callingAeOption(): Option {
  const standard = aeTitleArgument('DRAWBRIDGE');
  return new Option('--calling-ae <title>', 'our AE title')
    .argParser(aeTitleArgument)
    .default(standard);
}

function destinationArgument(text: string): Destination {
  const destination = parseDestination(text);
  if (destination === undefined)
    throw new InvalidArgumentError('It must look like PACS@192.0.2.7:104.');
  return destination;
}

function aeTitleArgument(text: string): AeTitle {
  const title = parseAeTitle(text);
  if (title === undefined)
    throw new InvalidArgumentError('It must have 1 to 16 printable characters without backslash.');
  return title;
}

function portArgument(text: string): number {
  const port = parsePort(text);
  if (port === undefined) throw new InvalidArgumentError('It must be a port from 1 to 65535.');
  return port;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
