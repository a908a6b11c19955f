// Globals of the page that the library "dom" of TypeScript lacks.

/** Of Chromium. */
declare function showSaveFilePicker(options: { suggestedName: string; types: { accept: Record<string, string[]> }[] }): Promise<FileSystemFileHandle>;

/** How the system starts the installed page, in Chromium. */
interface LaunchParams {
  files: FileSystemFileHandle[];
  targetURL?: string;
}
declare var launchQueue: { setConsumer(consumer: (params: LaunchParams) => void): void } | undefined;

declare var trustedTypes: { createPolicy<Rules>(name: string, rules: Rules): Rules } | undefined;

interface Navigator {
  /** In GB, in Chromium. */
  readonly deviceMemory?: number;
}

/** From static/vendor/zxcvbn.js. */
declare function zxcvbn(password: string): { score: number; guesses_log10: number };
