/** Builds the app, src/app: into build/app, served under /static/app/ by Django; for another origin into build/elsewhere. */

import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig, loadEnv, type Plugin } from "vite";

const root = fileURLToPath(new URL("src/app/", import.meta.url));
const WORKER = "sw.js";

/** Where the app's pages are: on this server under /app/; elsewhere where its files are, as `--base` says. */
function pathOf(base: string, isElsewhere: boolean): string {
  return isElsewhere ? base : "/app/";
}

/** The manifest, and in the service worker the list of the files that the shell is made of. */
function installable(path: string): Plugin {
  let base = "/";
  return {
    name: "installable",
    apply: "build",
    configResolved(config) {
      base = config.base;
    },
    generateBundle(_, bundle) {
      const icon = (file: string, sizes: string): object => ({
        src: base + file,
        sizes,
        purpose: "any maskable",
      });
      const manifest = {
        id: path,
        name: "Parley",
        short_name: "Parley",
        description: "A live community: the feed, rooms and threads.",
        start_url: path,
        scope: path,
        display: "standalone",
        background_color: "#f5f3ee",
        theme_color: "#0f6b5f",
        icons: [icon("icon-192.png", "192x192"), icon("icon-512.png", "512x512")],
      };
      this.emitFile({
        type: "asset",
        fileName: "manifest.webmanifest",
        source: JSON.stringify(manifest),
      });
      const files = Object.keys(bundle).filter((file) => /\.(js|css)$/.test(file) && file !== WORKER);
      const worker = bundle[WORKER];
      if (worker?.type !== "chunk") {
        throw new Error("There is no service worker to build.");
      }
      const shell = [path, ...[...files, "icon.svg"].sort().map((file) => base + file)];
      // Whatever quotes the minifier has left around it.
      worker.code = worker.code.replace(/(["'`])__SHELL__\1/, () => JSON.stringify(JSON.stringify(shell)));
    },
  };
}

export default defineConfig(({ mode }) => {
  const isElsewhere = Boolean(loadEnv(mode, import.meta.dirname, "VITE_")["VITE_API_URL"]);
  const base = process.argv.includes("--base") ? process.argv[process.argv.indexOf("--base") + 1] : undefined;
  const path = pathOf(base ?? "/", isElsewhere);
  return {
    root,
    envDir: import.meta.dirname,
    base: base ?? (isElsewhere ? "/" : "/static/app/"),
    plugins: [vue(), installable(path)],
    define: {
      __APP_PATH__: JSON.stringify(path),
      __VUE_OPTIONS_API__: false,
      __VUE_PROD_DEVTOOLS__: false,
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: false,
      __VUE_I18N_LEGACY_API__: false,
      __VUE_I18N_FULL_INSTALL__: false,
      __INTLIFY_PROD_DEVTOOLS__: false,
    },
    build: {
      outDir: fileURLToPath(new URL(isElsewhere ? "build/elsewhere/" : "build/app/", import.meta.url)),
      emptyOutDir: true,
      target: "es2022",
      // These know light-dark(), of which the looks are made.
      cssTarget: ["chrome123", "safari17.5", "firefox120"],
      // Data URLs would be another source for the policy to allow.
      assetsInlineLimit: 0,
      rolldownOptions: {
        input: { app: `${root}index.html`, sw: `${root}sw.ts` },
        output: {
          hashCharacters: "hex",
          // Twelve digits between dots: a name that the server lets browsers keep for ever.
          entryFileNames: ({ name }) => (name === "sw" ? WORKER : "assets/[name].[hash:12].js"),
          chunkFileNames: "assets/[name].[hash:12].js",
          assetFileNames: "assets/[name].[hash:12][extname]",
        },
      },
    },
    worker: {
      format: "es",
      rolldownOptions: { output: { entryFileNames: "assets/[name].[hash:12].js", hashCharacters: "hex" } },
    },
  };
});
