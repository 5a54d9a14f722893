// What the service answers, as docs/rpc.md and docs/http.md have it.

export interface Thumbnail {
  width: number;
  url: string;
}

export interface Listed {
  imageId: string;
  filename: string;
  size: string;
  format: string;
  url: string;
  sizeBytes: number;
  width: number;
  height: number;
  createdAt: string;
  thumbhash: string | null;
  tags: string[];
  /** Where the original is, seen from this page. */
  here: string;
  thumbnails?: Thumbnail[];
  deletedAt?: string;
  distance?: number;
  identical?: boolean;
}

export interface ImagePage {
  images: Listed[];
  total: number;
  totalIsExact: boolean;
  nextCursor: string | null;
}

export interface Metadata {
  size: string;
  format: string;
  dimensions: string;
  filename: string;
  sizeBytes: number;
  width: number;
  height: number;
  contentType: string;
  createdAt: string;
  checksum: string;
  animated: boolean;
  frames: number;
  durationMs: number | null;
  orientation: number;
  hasAlpha: boolean;
  colorSpace: string;
  iccProfile: string | null;
  bitDepth: number | null;
  dpi: unknown;
  exif: Record<string, unknown>;
  location: { latitude: number; longitude: number; [more: string]: unknown } | null;
  title: string | null;
  description: string | null;
  creator: string[];
  keywords: string[];
  rights: string | null;
  comment: string | null;
  dominantColor: string | null;
  thumbhash: string | null;
  tags: string[];
  attributes: Record<string, string>;
  owner: string | null;
  [more: string]: unknown;
}

export interface OneImage {
  imageId: string;
  url: string;
  /** Where the original is, seen from this page. */
  here: string;
  metadata: Metadata;
  thumbnails?: Thumbnail[];
}

export interface Uploaded extends OneImage {
  filename: string;
  message: string;
  duplicateOf: string | null;
}

export interface Deleted {
  imageId: string;
  message: string;
  restorableUntil: string | null;
}

export interface Session {
  authenticated: boolean;
  needsToken: boolean;
  scopes: string[];
  name: string;
  expiresAt: string | null;
  readOnly: boolean;
  limits: {
    maxUploadBytes: number;
    maxPixels: number;
    maxSidePx: number;
    maxFrames: number;
    formats: string[];
  };
  version: string;
  trashRetentionDays: number;
  /** How long addresses of pictures are good at least, s; null for ever. */
  urlsLastS: number | null;
}

export interface MonthCount {
  /** As 2026-11. */
  month: string;
  files: number;
}

export interface Timeline {
  /** The oldest first; null where there is too much to count. */
  months: MonthCount[] | null;
  total: number;
}

export interface Totals {
  files: number;
  bytes: number;
}

export interface Month extends Totals {
  /** As 2026-11. */
  month: string;
}

export interface Verification {
  finishedAt: string;
  images: number;
  bytes: number;
  damaged: number;
  missing: number;
}

export interface Stats {
  byFormat: Record<string, Totals>;
  byMonth: Month[];
  totalFiles: number;
  totalBytes: number;
  /** Null where nobody can tell: object storage. */
  freeBytes: number | null;
  quotaBytes: number | null;
  quotaFiles: number | null;
  trashedFiles: number;
  trashedBytes: number;
  cacheBytes: number;
  lastVerification: Verification | null;
  lastBackup: { finishedAt: string; [more: string]: unknown } | null;
}

export interface Health {
  status: "ok" | "degraded" | "unavailable";
  version: string;
  timestamp: string;
  uptimeSeconds: number;
  checks: Record<string, { status: string; message?: string }>;
  integrity: Record<string, unknown> | null;
}
