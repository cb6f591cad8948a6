/** The app's addresses, and the guard before them. */

import { createRouter, createWebHistory, type RouteLocationRaw, type Router } from "vue-router";
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
          { path: "people", name: "people", component: () => import("./views/PeopleView.vue") },
          { path: "account", name: "account", component: () => import("./views/AccountView.vue") },
          { path: "settings", name: "settings", component: () => import("./views/SettingsView.vue") },
        ],
      },
      { path: "/:nothing(.*)*", name: "nothing", component: () => import("./views/NothingView.vue") },
    ],
  });
  router.beforeEach((to) => {
    const isSignedIn = useSession().session !== null;
    const isGuarded = to.matched.some(({ meta }) => meta["isGuarded"] === true);
    if (isGuarded && !isSignedIn) {
      return { name: "sign-in", query: to.name === "home" ? {} : { next: to.fullPath } };
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
