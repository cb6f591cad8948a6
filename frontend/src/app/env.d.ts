/// <reference types="vite/client" />

/** Where the app's pages are, with slashes at both ends. */
declare const __APP_PATH__: string;

interface ImportMetaEnv {
  /** Where the API is, if not on the app's own origin: `https://parley.example.org`. */
  readonly VITE_API_URL?: string;
}

/** For tools that do not look into components; vue-tsc does. */
declare module "*.vue" {
  import type { DefineComponent } from "vue";
  const component: DefineComponent;
  export default component;
}
