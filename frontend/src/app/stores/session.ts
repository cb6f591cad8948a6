/** Who is signed in on this device, by a token of its own. */

import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { answerOf, api, authorise, type Me } from "../api/client";
import { close, openFor, wipe } from "../kept/database";
import { chatsWithDrafts } from "../kept/drafts";
import { keepValue, keptValue } from "../kept/values";
import { deviceName } from "../device";

interface Session {
  readonly token: string;
  /** The token's name among one's devices. */
  readonly deviceId: string;
  readonly user: { id: number; username: string };
}

/** `invitation`: of the link, where signing up takes one; the versions are of the texts that were shown. */
export interface NewPerson {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly invitation: string;
  readonly terms_version: number | null;
  readonly privacy_version: number | null;
}

export type Ending = "revoked" | "signed-out";

const KEY = "parley.session";
/** Whose things are still kept because something of theirs was not sent. */
const LEFT_KEY = "parley.left";

export const useSession = defineStore("session", () => {
  const session = shallowRef<Session | null>(null);
  const me = shallowRef<Me | null>(null);
  const ending = ref<Ending | null>(null);
  const left = ref<number | null>(null);
  const user = computed(() => session.value?.user ?? null);

  function load(): void {
    left.value = keptValue(LEFT_KEY) as number | null;
    begin(keptValue(KEY) as Session | null);
    // Signed in or out in another window: nothing of the one person may meet the other's.
    window.addEventListener("storage", ({ key }) => {
      if (key === KEY) {
        window.location.reload();
      }
    });
  }

  function begin(next: Session | null): void {
    session.value = next;
    authorise(next?.token ?? null, (rejected) => {
      if (rejected === session.value?.token) {
        void end("revoked");
      }
    });
    if (next !== null) {
      openFor(next.user.id);
    }
  }

  /** `code`: of the second factor, if the account has one. */
  async function signIn(username: string, password: string, code = ""): Promise<void> {
    const name = deviceName(navigator.userAgent);
    const answer = await answerOf(
      api.POST("/auth/token/login/", { body: { username, password, code, name } }),
    );
    const { id, username: ownName } = answer.user;
    if (left.value !== null && left.value !== id) {
      await discardLeft();
    }
    forgetLeft();
    ending.value = null;
    const next = { token: answer.auth_token, deviceId: answer.id, user: { id, username: ownName } };
    keepValue(KEY, next);
    begin(next);
  }

  async function signUp(person: NewPerson): Promise<void> {
    await answerOf(api.POST("/auth/users/", { body: person }));
    await signIn(person.username, person.password);
  }

  /** As the server has it from now on. */
  function rename(username: string): void {
    if (session.value !== null) {
      session.value = { ...session.value, user: { ...session.value.user, username } };
      keepValue(KEY, session.value);
    }
  }

  async function readMe(): Promise<Me> {
    const answer = await answerOf(api.GET("/api/me/"));
    me.value = answer;
    return answer;
  }

  /** Also tells the server, if it can be reached: the token is worth nothing then. */
  async function signOut(): Promise<void> {
    await answerOf(api.POST("/auth/token/logout/")).catch(() => undefined);
    await end("signed-out");
  }

  /** What was not sent is asked about before it goes; after signing out oneself it has been. */
  async function end(how: Ending): Promise<void> {
    const was = session.value;
    if (was === null) {
      return;
    }
    const hasUnsent = how === "revoked" && (await chatsWithDrafts()).length > 0;
    localStorage.removeItem(KEY);
    if (hasUnsent) {
      left.value = was.user.id;
      keepValue(LEFT_KEY, was.user.id);
    }
    ending.value = how;
    me.value = null;
    begin(null);
    if (hasUnsent) {
      close();
    } else {
      await wipe(was.user.id);
    }
  }

  async function discardLeft(): Promise<void> {
    if (left.value !== null) {
      await wipe(left.value);
      forgetLeft();
    }
  }

  function forgetLeft(): void {
    left.value = null;
    localStorage.removeItem(LEFT_KEY);
  }

  return { session, user, me, ending, left, load, signIn, signUp, signOut, end, rename, readMe, discardLeft };
});
