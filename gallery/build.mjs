// Builds the gallery into the Python package: names carry a hash of their content, and build.json
// says of which sources they were made. tests/unit/test_gallery_assets.py holds it to that.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "image_service", "web", "gallery", "static");
const sha256 = (data) => createHash("sha256").update(data).digest("hex");

function sourceFiles() {
  const inSrc = readdirSync(join(here, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(here, join(entry.parentPath, entry.name)).split(sep).join("/"));
  return [...inSrc, "build.mjs", "package-lock.json", "package.json", "tsconfig.json"].sort();
}

function hashOfSources() {
  const lines = sourceFiles().map((name) => `${name} ${sha256(readFileSync(join(here, name)))}\n`);
  return sha256(lines.join(""));
}

const assets = [];

function put(stem, extension, data) {
  const name = `${stem}-${sha256(data).slice(0, 12)}.${extension}`;
  const bytes = Buffer.from(data);
  const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
  writeFileSync(join(out, name), bytes);
  writeFileSync(join(out, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  writeFileSync(join(out, `${name}.br`), brotliCompressSync(bytes, brotli));
  assets.push(name);
  return name;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const built = await esbuild.build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  outdir: "out",
  bundle: true,
  minify: true,
  write: false,
  format: "esm",
  target: ["es2022", "chrome123", "firefox125", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
});
const code = (ending) => built.outputFiles.find((file) => file.path.endsWith(ending)).contents;
const names = {
  script: put("app", "js", code(".js")),
  style: put("app", "css", code(".css")),
  icon: put("icon", "svg", readFileSync(join(here, "src", "icon.svg"))),
};
let page = readFileSync(join(here, "src", "index.html"), "utf8");
for (const [key, name] of Object.entries(names)) page = page.replaceAll(`{${key}}`, `gallery/${name}`);
writeFileSync(join(out, "index.html"), page);
const build = { sources: hashOfSources(), assets: assets.sort() };
writeFileSync(join(out, "build.json"), `${JSON.stringify(build, null, 2)}\n`);
for (const name of assets) {
  const size = (suffix) => readFileSync(join(out, name + suffix)).length;
  console.log(`${name}: ${size("")} bytes, gzip ${size(".gz")}, brotli ${size(".br")}`);
}
