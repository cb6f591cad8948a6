/** What one does with one's own account, over REST. */

import type { Contact } from "../wire";
import { answerOf, api } from "./api/client";
import { useSession } from "./stores/session";

interface Profile {
  first_name: string;
  last_name: string;
  email: string;
  /** Only a new address needs it. */
  current_password?: string;
}

export async function changeProfile(profile: Profile): Promise<void> {
  useSession().me = await answerOf(api.PATCH("/auth/users/me/", { body: profile }));
}

export async function rename(username: string, password: string): Promise<void> {
  await answerOf(
    api.POST("/auth/users/set_username/", { body: { new_username: username, current_password: password } }),
  );
  useSession().rename(username);
}

/** All other devices are signed out. */
export async function changePassword(current: string, next: string): Promise<void> {
  await answerOf(
    api.POST("/auth/users/set_password/", { body: { current_password: current, new_password: next } }),
  );
}

export async function removeAccount(password: string): Promise<void> {
  await answerOf(api.DELETE("/auth/users/me/", { body: { current_password: password } }));
}

export async function linkedContacts(): Promise<Contact[]> {
  return (await answerOf(api.GET("/api/me/contacts/"))).contacts;
}

export async function makeLinkCode(): Promise<string> {
  return (await answerOf(api.POST("/api/me/contacts/code/"))).code;
}

export async function linkContact(code: string): Promise<Contact[]> {
  return (await answerOf(api.POST("/api/me/contacts/", { body: { code } }))).contacts;
}

export async function unlinkContact(id: number): Promise<void> {
  const path = { contact_id: id };
  await answerOf(api.DELETE("/api/me/contacts/{contact_id}/", { params: { path } }));
}
