// The service's routes, one function each. All paths are relative: the page may be below a prefix.
import { type Query, request, withQuery } from "./client";
import type { Deleted, ImagePage, Listed, OneImage, Session, Timeline } from "./types";

const GRID_WIDTHS = "160,320,640";
const STAGE_WIDTHS = "320,640,1280,2048";

const one = (id: string) => `api/images/${encodeURIComponent(id)}`;

/** Return where an address of the service is, seen from this page. */
export function local(url: string, imageId: string, originalUrl: string): string {
  const end = originalUrl.lastIndexOf(`/images/${imageId}`);
  const prefix = end < 0 ? "" : originalUrl.slice(0, end);
  return prefix && url.startsWith(`${prefix}/`) ? url.slice(prefix.length + 1) : url;
}

function atHome<Image extends Listed | OneImage>(image: Image): Image {
  const thumbnails = (image.thumbnails ?? []).map(({ width, url }) => ({
    width,
    url: local(url, image.imageId, image.url),
  }));
  return { ...image, thumbnails, here: local(image.url, image.imageId, image.url) };
}

export async function listImages(query: Query, signal?: AbortSignal): Promise<ImagePage> {
  const path = withQuery("api/images", { ...query, thumbnails: GRID_WIDTHS });
  const page = await request<ImagePage>(path, { signal });
  return { ...page, images: page.images.map(atHome) };
}

export async function getImage(id: string, signal?: AbortSignal): Promise<OneImage> {
  return atHome(await request<OneImage>(`${one(id)}?thumbnails=${STAGE_WIDTHS}`, { signal }));
}

export async function listed(id: string): Promise<Listed> {
  const image = await request<OneImage>(`${one(id)}?thumbnails=${GRID_WIDTHS}`);
  const told = image.metadata;
  return atHome({
    imageId: image.imageId,
    url: image.url,
    here: image.here,
    thumbnails: image.thumbnails,
    filename: told.filename,
    size: told.size,
    sizeBytes: told.sizeBytes,
    format: told.format,
    width: told.width,
    height: told.height,
    createdAt: told.createdAt,
    thumbhash: told.thumbhash,
    tags: told.tags,
  });
}

export interface Change {
  filename?: string;
  tags?: string[];
}

export async function updateImage(id: string, change: Change): Promise<OneImage> {
  return atHome(await request<OneImage>(one(id), { method: "PATCH", body: change }));
}

export function deleteImage(id: string, permanent = false): Promise<Deleted> {
  return request<Deleted>(withQuery(one(id), { permanent: permanent || null }), {
    method: "DELETE",
  });
}

export function restoreImage(id: string): Promise<OneImage> {
  return request<OneImage>(`${one(id)}/restore`, { method: "POST", body: {} });
}

export async function findSimilar(
  id: string,
  maxDistance: number,
  limit: number,
  signal?: AbortSignal,
): Promise<Listed[]> {
  const query = { max_distance: maxDistance, limit, thumbnails: GRID_WIDTHS };
  const reply = await request<{ images: Listed[] }>(withQuery(`${one(id)}/similar`, query), {
    signal,
  });
  return reply.images.map(atHome);
}

export async function variantUrl(
  image: OneImage,
  transform: string,
  signal?: AbortSignal,
): Promise<{ url: string; here: string }> {
  const path = withQuery(`${one(image.imageId)}/url`, { transform });
  const { url } = await request<{ url: string }>(path, { signal });
  return { url, here: local(url, image.imageId, image.url) };
}

export const getSession = () => request<Session>("api/session", { isAsIs: true });
export const logIn = (token: string) =>
  request<Session>("api/session", { method: "POST", body: { token }, isAsIs: true });
export const logOut = () => request<Session>("api/session", { method: "DELETE", isAsIs: true });

export const getTimeline = (query: Query, signal?: AbortSignal) =>
  request<Timeline>(withQuery("api/timeline", query), { signal });
export const getVersion = async () =>
  (await request<{ version: string }>("api/changes")).version;
