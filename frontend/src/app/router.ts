/** The app's addresses, and the guard before them. */

import {
  createRouter,
  createWebHistory,
  type RouteLocationNormalizedLoaded,
  type RouteLocationRaw,
  type Router,
} from "vue-router";
import SignInView from "./views/SignInView.vue";
import { useSession } from "./stores/session";

export function chatRoute(uri: string, at?: number): RouteLocationRaw {
  return { name: "chat", params: { uri }, ...(at === undefined ? {} : { query: { at: String(at) } }) };
}

/** Where nothing else is asked for: the thread one is in, else the feed; on a phone the list. */
async function home(): Promise<RouteLocationRaw> {
  const me = await useSession()
    .readMe()
    .catch(() => null);
  if (me?.active_thread) {
    return { ...(chatRoute(me.active_thread) as object), replace: true };
  }
  const isPhone = window.matchMedia("(max-width: 47.5rem)").matches;
  return isPhone ? { name: "chats", replace: true } : { ...(chatRoute("feed") as object), replace: true };
}

export function deskRoute(uri: string, at?: number): RouteLocationRaw {
  return { name: "desk-chat", params: { uri }, ...(at === undefined ? {} : { query: { at: String(at) } }) };
}

/** The message that an address is about. */
export function numberAt({ query }: RouteLocationNormalizedLoaded): number | null {
  const number = Number(query["at"]);
  return Number.isInteger(number) && number > 0 ? number : null;
}

/** Unless it cannot be known now: then the server refuses, or not, when it can. */
async function mayBeOperator(): Promise<boolean> {
  const session = useSession();
  const me = session.me ?? (await session.readMe().catch(() => null));
  return me?.operator ?? true;
}

export function makeRouter(): Router {
  const router = createRouter({
    history: createWebHistory(__APP_PATH__),
    routes: [
      { path: "/sign-in", name: "sign-in", component: SignInView, props: { tab: "sign-in" } },
      { path: "/sign-up", name: "sign-up", component: SignInView, props: { tab: "sign-up" } },
      { path: "/reset", name: "reset", component: () => import("./views/ResetView.vue") },
      {
        path: "/",
        component: () => import("./views/ShellView.vue"),
        meta: { isGuarded: true },
        children: [
          { path: "", name: "home", component: () => import("./views/ChooseView.vue"), beforeEnter: home },
          { path: "chats", name: "chats", component: () => import("./views/ChooseView.vue") },
          {
            path: "chats/:uri",
            name: "chat",
            component: () => import("./views/ChatView.vue"),
            props: true,
            children: [
              {
                path: "details",
                name: "details",
                component: () => import("./views/DetailsView.vue"),
                props: true,
              },
            ],
          },
          { path: "join/:uri", name: "join", component: () => import("./views/JoinView.vue"), props: true },
          { path: "rooms/new", name: "new-room", component: () => import("./views/NewRoomView.vue") },
          {
            path: "desk",
            name: "desk",
            components: {
              default: () => import("./views/DeskChooseView.vue"),
              list: () => import("./components/DeskList.vue"),
            },
            meta: { isForOperators: true },
          },
          {
            path: "desk/:uri",
            name: "desk-chat",
            components: {
              default: () => import("./views/DeskView.vue"),
              list: () => import("./components/DeskList.vue"),
            },
            props: { default: true, list: false },
            meta: { isForOperators: true },
            children: [
              {
                path: "contact",
                name: "desk-contact",
                component: () => import("./views/ContactView.vue"),
                props: true,
              },
            ],
          },
          { path: "refused", name: "refused", component: () => import("./views/RefusedView.vue") },
          { path: "people", name: "people", component: () => import("./views/PeopleView.vue") },
          { path: "account", name: "account", component: () => import("./views/AccountView.vue") },
          { path: "settings", name: "settings", component: () => import("./views/SettingsView.vue") },
        ],
      },
      { path: "/:nothing(.*)*", name: "nothing", component: () => import("./views/NothingView.vue") },
    ],
  });
  router.beforeEach(async (to) => {
    const isSignedIn = useSession().session !== null;
    const isGuarded = to.matched.some(({ meta }) => meta["isGuarded"] === true);
    if (isGuarded && !isSignedIn) {
      return { name: "sign-in", query: to.name === "home" ? {} : { next: to.fullPath } };
    }
    if (to.meta["isForOperators"] === true && !(await mayBeOperator())) {
      return { name: "refused", replace: true };
    }
    return to.name === "sign-in" || to.name === "sign-up" ? !isSignedIn || { name: "home" } : true;
  });
  // A part of the app that cannot be had, because there is another version now and the old one was not kept.
  router.onError((_, to) => {
    if (navigator.onLine && sessionStorage.getItem("parley.reloaded") !== to.fullPath) {
      sessionStorage.setItem("parley.reloaded", to.fullPath);
      window.location.assign(router.resolve(to).href);
    }
  });
  return router;
}
