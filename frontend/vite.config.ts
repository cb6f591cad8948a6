/** Builds one script per page of the server-rendered site: src/pages/feed.ts becomes build/pages/feed.js. */

import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

const pages = fileURLToPath(new URL("src/pages/", import.meta.url));
const entries = readdirSync(pages)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => [basename(name, ".ts"), pages + name] as const);

export default defineConfig({
  // Only the tests of the app meet components here; vite.app.config.ts builds it.
  plugins: [vue()],
  // Django says where static files are served from; among themselves the scripts find each other.
  base: "./",
  publicDir: false,
  build: {
    outDir: "build/pages",
    target: "es2022",
    sourcemap: true,
    modulePreload: false,
    rolldownOptions: {
      input: Object.fromEntries(entries),
      output: {
        // No hash here: templates name a page's script, and Django's manifest storage adds the hash.
        entryFileNames: "[name].js",
        // But here: the import inside a script is not rewritten by Django.
        chunkFileNames: "chunks/[name]-[hash].js",
      },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts"],
  },
});
